"""What rules look at: the objects of one rendering, and the Pods that they make, whatever shape they are in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from strongroom.kubernetes.content import Content, dig, mapping, numbered, texts

_TEMPLATES = {
    "CronJob": "spec.jobTemplate.spec.template",
    "DaemonSet": "spec.template",
    "Deployment": "spec.template",
    "Job": "spec.template",
    "Pod": "",
    "ReplicaSet": "spec.template",
    "StatefulSet": "spec.template",
}
"""Where the Pod stands in each kind that makes one."""
_JOBS = {"CronJob": "spec.jobTemplate.spec", "Job": "spec"}
_OURS = re.compile(r"(?:^|/)(?:ops|drill)(?:[:@]|$)")
CLUSTER_WIDE = frozenset(
    [
        *("ClusterRole", "ClusterRoleBinding", "ClusterSecretStore", "CustomResourceDefinition", "Namespace"),
        *("PersistentVolume", "PriorityClass", "StorageClass"),
    ]
)
"""Kinds that live in no namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, and what to do."""

    object: str
    """As in ``CronJob/backup``."""
    field: str
    """As in ``spec.jobTemplate.spec.backoffLimit``."""
    fact: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFlag:
    """A flag of one of our tasks."""

    takes: str
    """``int``, ``float``, ``text``, or nothing for a switch."""
    is_required: bool = False


Tasks = Mapping[str, Mapping[str, KnownFlag]]
"""Our tasks by name, and the flags of each as they are typed."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One object."""

    content: Content

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.content.get("kind"))

    @property
    def name(self) -> str:
        """Its name."""
        return str(dig(self.content, "metadata.name"))

    @property
    def namespace(self) -> str:
        """Its namespace; nothing where it has none, or says none."""
        return "" if self.kind in CLUSTER_WIDE else str(dig(self.content, "metadata.namespace") or "")

    @property
    def title(self) -> str:
        """How findings name it."""
        return f"{self.kind}/{self.name}"

    @property
    def labels(self) -> Content:
        """Its labels."""
        return mapping(dig(self.content, "metadata.labels"))

    def find(self, path: str) -> Any:
        """Return what stands at a path; None where nothing does."""
        return dig(self.content, path)

    def says(self, field: str, fact: str, remedy: str) -> Finding:
        """Make a finding about it."""
        return Finding(object=self.title, field=field, fact=fact, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container, or an init container, and where it stands."""

    path: str
    content: Content
    is_init: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.content.get("name"))

    @property
    def mounts(self) -> list[tuple[int, Content]]:
        """Its mounts with their places."""
        return numbered(self.content.get("volumeMounts"))

    @property
    def runs_a_task(self) -> bool:
        """Whether its image's own entrypoint takes a task of ours."""
        image = str(self.content.get("image", ""))
        return _OURS.search(image) is not None and not self.content.get("command")

    @property
    def arguments(self) -> list[str]:
        """What its entrypoint is given."""
        return texts(self.content.get("args"))


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A Pod as an object makes it."""

    thing: Thing

    @property
    def template_path(self) -> str:
        """Where its metadata and spec stand; nothing for a Pod itself."""
        return _TEMPLATES[self.thing.kind]

    @property
    def path(self) -> str:
        """Where its spec stands."""
        return f"{self.template_path}.spec".lstrip(".")

    @property
    def labels(self) -> Content:
        """Its labels."""
        return mapping(self.thing.find(f"{self.template_path}.metadata.labels".lstrip(".")))

    @property
    def spec(self) -> Content:
        """Its spec."""
        return mapping(self.thing.find(self.path))

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All its containers, those that run before the others too."""
        return tuple(
            Container(path=f"{self.path}.{kind}[{number}]", content=content, is_init=kind == "initContainers")
            for kind in ("initContainers", "containers", "ephemeralContainers")
            for number, content in numbered(self.spec.get(kind))
        )

    @property
    def volumes(self) -> list[tuple[int, Content]]:
        """Its volumes with their places."""
        return numbered(self.spec.get("volumes"))

    def says(self, field: str, fact: str, remedy: str) -> Finding:
        """Make a finding about it; ``field`` begins at its spec."""
        return self.thing.says(f"{self.path}.{field}", fact, remedy)

    def says_of(self, container: Container, field: str, fact: str, remedy: str) -> Finding:
        """Make a finding about one of its containers."""
        return self.thing.says(f"{container.path}.{field}".rstrip("."), fact, remedy)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What runs to an end: a Job, or those of a CronJob."""

    pod: Pod

    @property
    def thing(self) -> Thing:
        """The object."""
        return self.pod.thing

    @property
    def path(self) -> str:
        """Where its spec stands."""
        return _JOBS[self.thing.kind]

    @property
    def spec(self) -> Content:
        """Its spec."""
        return mapping(self.thing.find(self.path))

    def says(self, field: str, fact: str, remedy: str) -> Finding:
        """Make a finding about it; ``field`` begins at its spec."""
        return self.thing.says(f"{self.path}.{field}", fact, remedy)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One rendering, and what is known of ourselves."""

    objects: Sequence[Content]
    needs_digests: bool
    tasks: Tasks = field(repr=False)

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """All objects."""
        return tuple(Thing(content=one) for one in self.objects)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The Pods that objects make."""
        return tuple(Pod(thing=thing) for thing in self.things if thing.kind in _TEMPLATES)

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """What runs to an end."""
        return tuple(Job(pod=pod) for pod in self.pods if pod.thing.kind in _JOBS)

    def list_kind(self, *kinds: str) -> Iterator[Thing]:
        """Yield the objects of some kinds."""
        return (thing for thing in self.things if thing.kind in kinds)

    def find(self, kind: str, name: object, namespace: str) -> Thing | None:
        """Return an object by its kind, name and namespace."""
        return next(
            (one for one in self.list_kind(kind) if one.name == name and namespace in (one.namespace, "")), None
        )

    def is_ours(self, namespace: str) -> bool:
        """Tell whether a namespace is made here; in another one somebody else's things may be, which cannot be seen."""
        return any(thing.name == namespace for thing in self.list_kind("Namespace"))

    def close_to(self, kind: str, namespace: str) -> str:
        """Say which names of a kind there are."""
        return ", ".join(sorted(one.name for one in self.list_kind(kind) if one.namespace == namespace)) or "none"
