"""Who a Pod is to others: no token that nobody asked for, and no secret where everybody reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from strongroom.kubernetes.checking.scene import Finding, Pod, Scene
from strongroom.kubernetes.content import dig, mapping, mappings, numbered, walk_texts, word

_LEAST_SECONDS = 600
_SECRET_NAME = re.compile(r"(?i)(^|[_-])(password|passwd|secret|token|apikey|api[_-]key|private[_-]key|credentials)$")
_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@")
_PEM = "PRIVATE KEY-----"


def forbid_tokens(scene: Scene) -> Iterator[Finding]:
    """Forbid the token that every Pod gets, where nobody gave its account a right: no task of ours needs one."""
    bound = {
        (str(subject.get("namespace") or thing.namespace), word(subject.get("name")))
        for thing in scene.list_kind("ClusterRoleBinding", "RoleBinding")
        for subject in mappings(thing.find("subjects"))
    }
    for pod in scene.pods:
        has_rights = (pod.thing.namespace, word(pod.spec.get("serviceAccountName"))) in bound
        if pod.spec.get("automountServiceAccountToken") is not False and not has_rights:
            fact = "is not false: the Pod gets a token of the API server"
            yield pod.says("automountServiceAccountToken", fact, "automountServiceAccountToken: false")
    for thing in scene.list_kind("ServiceAccount"):
        if thing.find("automountServiceAccountToken") is not False and (thing.namespace, thing.name) not in bound:
            fact = "is not false: each Pod of it gets a token"
            yield thing.says("automountServiceAccountToken", fact, "automountServiceAccountToken: false")


def demand_tokens_for_somebody(pod: Pod) -> Iterator[Finding]:
    """Demand of a token that it is for one reader, and for a time that is allowed."""
    for number, volume in pod.volumes:
        for place, source in numbered(dig(volume, "projected.sources")):
            token = mapping(source.get("serviceAccountToken"))
            field = f"volumes[{number}].projected.sources[{place}].serviceAccountToken"
            if token and not token.get("audience"):
                fact = "has no audience: whoever gets it may speak to the API server"
                yield pod.says(f"{field}.audience", fact, "audience: vault")
            seconds = token.get("expirationSeconds")
            if isinstance(seconds, int) and seconds < _LEAST_SECONDS:
                fact = f"{seconds} s is less than the {_LEAST_SECONDS} s that are allowed"
                yield pod.says(f"{field}.expirationSeconds", fact, f"expirationSeconds: {_LEAST_SECONDS}")


def forbid_service_links(pod: Pod) -> Iterator[Finding]:
    """Forbid variables that a Service's name makes: one named postgres would set what clients read."""
    if pod.spec.get("enableServiceLinks") is not False:
        fact = "is not false: each Service sets variables in the Pod"
        yield pod.says("enableServiceLinks", fact, "enableServiceLinks: false")


def forbid_secrets_in_variables(pod: Pod) -> Iterator[Finding]:
    """Forbid a password in a variable or an argument: everybody who may look at Pods reads it."""
    for container in pod.containers:
        for number, one in enumerate(mappings(container.content.get("env"))):
            name = str(one.get("name"))
            if one.get("value") and _SECRET_NAME.search(name):
                yield pod.says_of(container, f"env[{number}].value", f"{name} stands here to be read", _REMEDY)
        for path, text in walk_texts({key: container.content.get(key) for key in ("command", "args", "env")}):
            if _WITH_PASSWORD.search(text):
                yield pod.says_of(container, path, "holds a password", _REMEDY)


def forbid_secrets_in_config_maps(scene: Scene) -> Iterator[Finding]:
    """Forbid a password or a private key in a ConfigMap."""
    for thing in scene.list_kind("ConfigMap"):
        for key, value in mapping(thing.find("data")).items():
            if _WITH_PASSWORD.search(str(value)) or _PEM in str(value):
                yield thing.says(f"data[{key}]", "holds a password or a private key", _REMEDY)
            elif value and _SECRET_NAME.search(key):
                yield thing.says(f"data[{key}]", "is a secret by its name, and stands here to be read", _REMEDY)


_REMEDY = "put it into a Secret, mounted as a file"


def demand_files_that_can_be_read(scene: Scene) -> Iterator[Finding]:
    """Demand that a key of a Secret holds something."""
    for thing in scene.list_kind("Secret"):
        for part in ("data", "stringData"):
            for key, value in mapping(thing.find(part)).items():
                if not value:
                    yield thing.says(f"{part}[{key}]", "is empty", "put the secret into its file")
