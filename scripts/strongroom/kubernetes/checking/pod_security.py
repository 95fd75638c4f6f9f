"""Pod Security Standard ``restricted``, all of it, for containers that run before the others too.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.kubernetes.checking.scene import Container, Finding, Pod, Scene
from strongroom.kubernetes.content import Content, dig, mapping, mappings, numbered, texts

_LEVELS = ("enforce", "audit", "warn")
_LABEL = "pod-security.kubernetes.io"
_VOLUMES = frozenset(
    [
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"),
        "secret",
    ]
)
_SYSCTLS = frozenset(
    [
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout"),
        *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
        *("net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem"),
    ]
)
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES = ("RuntimeDefault", "Localhost")
_ASKING = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
_BY_ANNOTATION = ("runtime/default", "localhost/")


def demand_namespaces(scene: Scene) -> Iterator[Finding]:
    """Demand namespaces that enforce, audit and warn of ``restricted``, at a version that is pinned."""
    used = {pod.thing.namespace for pod in scene.pods}
    for thing in scene.list_kind("Namespace"):
        for level in _LEVELS if thing.name in used else ():
            label = f"{_LABEL}/{level}"
            if thing.labels.get(label) != "restricted":
                yield thing.says(f"metadata.labels[{label}]", "is not restricted", f"{label}: restricted")
            pinned = str(thing.labels.get(f"{label}-version", ""))
            if not pinned.startswith("v1."):
                fact = f"is not pinned (got {pinned or 'nothing'})"
                yield thing.says(f"metadata.labels[{label}-version]", fact, "say a version, as in v1.29")


def forbid_the_host(pod: Pod) -> Iterator[Finding]:
    """Forbid the network, processes and ports of the node, and to be a process of it."""
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(name):
            yield pod.says(name, "is not allowed under restricted", f"remove {name}")
    for place, one in _with_contexts(pod):
        if dig(one, "securityContext.windowsOptions.hostProcess"):
            yield pod.thing.says(f"{place}.securityContext.windowsOptions.hostProcess", "is not allowed", "remove it")
    for container in pod.containers:
        for number, port in numbered(container.content.get("ports")):
            if port.get("hostPort"):
                yield pod.says_of(container, f"ports[{number}].hostPort", "is not allowed", "remove hostPort")


def forbid_asking_other_hosts(pod: Pod) -> Iterator[Finding]:
    """Forbid probes and hooks that ask another host than the Pod, as 1.34 and later do."""
    for container in pod.containers:
        for name in _ASKING:
            for kind in ("httpGet", "tcpSocket"):
                if dig(container.content, f"{name}.{kind}.host"):
                    fact = "asks another host than the Pod, which is not allowed since 1.34"
                    yield pod.says_of(container, f"{name}.{kind}.host", fact, "remove host")


def allow_few_volumes(pod: Pod) -> Iterator[Finding]:
    """Allow no volume of the node, and each of one kind."""
    for number, volume in pod.volumes:
        kinds = sorted(volume.keys() - {"name"})
        for kind in (kind for kind in kinds if kind not in _VOLUMES):
            fact = f"{kind} is not allowed under restricted"
            yield pod.says(f"volumes[{number}].{kind}", fact, "a claim, an emptyDir, a ConfigMap or a Secret instead")
        if len(kinds) != 1:
            fact = f"must be of one kind (got {', '.join(kinds) or 'none, which is an emptyDir without a limit'})"
            yield pod.says(f"volumes[{number}]", fact, "say one of emptyDir, configMap, secret, persistentVolumeClaim")


def forbid_privileges(pod: Pod) -> Iterator[Finding]:
    """Forbid more rights than those of the user, now or later."""
    for container in pod.containers:
        context = mapping(container.content.get("securityContext"))
        if context.get("privileged"):
            yield pod.says_of(container, "securityContext.privileged", "is not allowed", "remove privileged")
        if context.get("allowPrivilegeEscalation") is not False:
            field = "securityContext.allowPrivilegeEscalation"
            yield pod.says_of(container, field, "must be false", "allowPrivilegeEscalation: false")
        if "ALL" not in texts(dig(context, "capabilities.drop")):
            yield pod.says_of(container, "securityContext.capabilities.drop", "does not drop ALL", "drop: [ALL]")
        added = [one for one in texts(dig(context, "capabilities.add")) if one != "NET_BIND_SERVICE"]
        if added:
            fact = f"gives {', '.join(added)}, which is not allowed"
            yield pod.says_of(container, "securityContext.capabilities.add", fact, "remove capabilities.add")
        if context.get("procMount", "Default") != "Default":
            yield pod.says_of(container, "securityContext.procMount", "must be Default", "remove procMount")


def demand_a_user(pod: Pod) -> Iterator[Finding]:
    """Demand a user with a number that is not root's: an image whose user is a name cannot be judged."""
    for container in pod.containers:
        if _inherited(pod, container, "runAsNonRoot") is not True:
            yield pod.says_of(container, "securityContext.runAsNonRoot", "is not true", "runAsNonRoot: true")
        for name in ("runAsUser", "runAsGroup"):
            number = _inherited(pod, container, name)
            if number is None:
                yield pod.says_of(container, f"securityContext.{name}", "is not said", f"{name}: 10001")
            elif number == 0:
                yield pod.says_of(container, f"securityContext.{name}", "is root's", f"{name}: 10001")


def demand_seccomp(pod: Pod) -> Iterator[Finding]:
    """Demand a profile of seccomp, and let none off AppArmor or SELinux."""
    for container in pod.containers:
        kind = dig(_inherited(pod, container, "seccompProfile"), "type")
        if kind not in _PROFILES:
            fact = f"is not RuntimeDefault (got {kind or 'nothing'})"
            yield pod.says_of(container, "securityContext.seccompProfile.type", fact, "type: RuntimeDefault")
    if dig(pod.spec, "securityContext.seccompProfile.type") == "Unconfined":
        yield pod.says("securityContext.seccompProfile.type", "is Unconfined", "type: RuntimeDefault")
    for place, one in _with_contexts(pod):
        yield from _judge_profiles(pod, place, mapping(one.get("securityContext")))
    annotations = mapping(pod.thing.find(f"{pod.template_path}.metadata.annotations".lstrip(".")))
    for name, value in annotations.items():
        if name.startswith("container.apparmor.security.beta") and not str(value).startswith(_BY_ANNOTATION):
            field = f"{pod.template_path}.metadata.annotations[{name}]".lstrip(".")
            yield pod.thing.says(field, f"lets a container off AppArmor ({value})", "runtime/default")


def _judge_profiles(pod: Pod, place: str, context: object) -> Iterator[Finding]:
    if dig(context, "appArmorProfile.type") not in (None, *_PROFILES):
        field = f"{place}.securityContext.appArmorProfile.type"
        yield pod.thing.says(field, "lets it off AppArmor", "type: RuntimeDefault")
    if dig(context, "seLinuxOptions.type") not in (None, *_SELINUX_TYPES):
        field = f"{place}.securityContext.seLinuxOptions.type"
        yield pod.thing.says(field, "is no type for containers", "container_t, or nothing")
    for name in ("user", "role"):
        if dig(context, f"seLinuxOptions.{name}"):
            yield pod.thing.says(f"{place}.securityContext.seLinuxOptions.{name}", "is not allowed", f"remove {name}")


def allow_few_sysctls(pod: Pod) -> Iterator[Finding]:
    """Allow only parameters of the kernel that concern nobody else."""
    for number, one in enumerate(mappings(dig(pod.spec, "securityContext.sysctls"))):
        if one.get("name") not in _SYSCTLS:
            field = f"securityContext.sysctls[{number}].name"
            yield pod.says(field, f"{one.get('name')} is not allowed under restricted", "remove it")


def demand_a_read_only_root(pod: Pod) -> Iterator[Finding]:
    """Demand that what a container may write is a volume."""
    for container in pod.containers:
        if dig(container.content, "securityContext.readOnlyRootFilesystem") is not True:
            field = "securityContext.readOnlyRootFilesystem"
            yield pod.says_of(container, field, "is not true", "readOnlyRootFilesystem: true, and an emptyDir at /tmp")


def _inherited(pod: Pod, container: Container, name: str) -> object:
    """Return a setting of a container: its own, else its Pod's."""
    own = dig(container.content, f"securityContext.{name}")
    return own if own is not None else dig(pod.spec, f"securityContext.{name}")


def _with_contexts(pod: Pod) -> Iterator[tuple[str, Content]]:
    """Yield the Pod and its containers, with their places."""
    yield pod.path, pod.spec
    yield from ((container.path, container.content) for container in pod.containers)
