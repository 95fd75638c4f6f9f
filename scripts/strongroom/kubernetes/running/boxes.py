"""A container of a Pod in the engine's words: user, groups, capabilities, limits, profile, program and its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import ConfigurationError
from strongroom.engine import Client, Image, find_image, pull_image
from strongroom.kubernetes.running.environment import expand
from strongroom.kubernetes.running.quantities import read_bytes, read_quantity

_NANO = 1_000_000_000
_SHARES, _LEAST_SHARES = 1024, 2
"""Of a core, and at least."""
_LOGS = {"type": "none", "config": {}}
"""What a container writes is handed on, and kept nowhere else."""
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """As whom a container runs, and what it may do: its own fields before the Pod's."""

    user: int | None
    group: int | None
    groups: tuple[int, ...]
    must_not_be_root: bool
    own: Mapping[str, Any]
    pod: Mapping[str, Any]

    def name_user(self, image: Image, place: str) -> str | None:
        """Return the user in the engine's words. Raises ConfigurationError where it is root and must not be."""
        of_image = str(image.attrs["Config"].get("User") or "0")
        user = of_image.partition(":")[0] if self.user is None else str(self.user)
        if self.must_not_be_root:
            if not _DIGITS.fullmatch(user):
                fact = f"asks for no root, and the image's user is a name ({user}): a cluster cannot tell"
                raise ConfigurationError(f"{place}.securityContext.runAsNonRoot", fact, "set runAsUser to a number")
            if int(user) == 0:
                fact = "asks for no root, and would run as root: a cluster does not start it"
                raise ConfigurationError(f"{place}.securityContext.runAsNonRoot", fact, "set runAsUser")
        if self.user is None and self.group is None:
            return None
        return user if self.group is None else f"{user}:{self.group}"

    def describe(self) -> Iterator[tuple[str, Any]]:
        """Yield what is asked of the engine."""
        capabilities = self.own.get("capabilities") or {}
        yield "cap_add", [str(name) for name in capabilities.get("add") or ()]
        yield "cap_drop", [str(name) for name in capabilities.get("drop") or ()]
        yield "read_only", bool(self.own.get("readOnlyRootFilesystem"))
        yield "group_add", [str(group) for group in self.groups]
        options = [] if self.own.get("allowPrivilegeEscalation", True) else ["no-new-privileges:true"]
        profiles = {
            name: self.own.get(name) or self.pod.get(name) or {} for name in ("seccompProfile", "appArmorProfile")
        }
        if profiles["seccompProfile"].get("type", "Unconfined") == "Unconfined":  # none is a cluster's default too
            options.append("seccomp=unconfined")
        if profiles["appArmorProfile"].get("type") == "Unconfined":
            options.append("apparmor=unconfined")
        yield "security_opt", options

    def _find_profile(self, field: str) -> Any:
        return (self.own.get(field) or self.pod.get(field) or {}).get("type")


def read_security(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Security:
    """Return as whom a container of a Pod runs."""
    own, whole = container.get("securityContext") or {}, pod.get("securityContext") or {}
    groups = [int(group) for group in whole.get("supplementalGroups") or ()]
    if whole.get("fsGroup") is not None:
        groups.append(int(whole["fsGroup"]))
    names = ("runAsUser", "runAsGroup", "runAsNonRoot")
    chosen = {name: whole.get(name) if own.get(name) is None else own[name] for name in names}
    return Security(
        user=chosen["runAsUser"],
        group=chosen["runAsGroup"],
        groups=tuple(dict.fromkeys(groups)),
        must_not_be_root=bool(chosen["runAsNonRoot"]),
        own=own,
        pod=whole,
    )


def find_one_user(pod: Mapping[str, Any]) -> int | None:
    """Return the user that all containers of a Pod are told to run as; None where they differ or none is said."""
    containers = (*(pod.get("initContainers") or ()), *pod["containers"])
    users = {read_security(container, pod).user for container in containers}
    return users.pop() if len(users) == 1 else None


def read_limits(container: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return limits in the engine's words; whoever may use some memory may not swap besides."""
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    found: dict[str, Any] = {}
    if "memory" in limits:
        memory = read_bytes(limits["memory"], f"{place}.resources.limits.memory")
        found |= {"mem_limit": memory, "memswap_limit": memory}
    if "cpu" in limits:
        found["nano_cpus"] = int(read_quantity(limits["cpu"], f"{place}.resources.limits.cpu") * _NANO)
    asked = requests.get("cpu", limits.get("cpu", 0))
    shares = int(read_quantity(asked, f"{place}.resources.requests.cpu") * _SHARES)
    return {**found, "cpu_shares": max(shares, _LEAST_SHARES)}


def provide_image(
    client: Client, container: Mapping[str, Any], images: Mapping[str, str], place: str
) -> tuple[str, Image]:
    """Return a container's image, or the one that is run in its place; pulled as its policy says.

    Raises UnreachableError, ConfigurationError for one that is not here and may not be pulled.
    """
    asked = str(container.get("image") or "")
    name = images.get(asked, asked)
    policy = container.get("imagePullPolicy") or ("Always" if _is_latest(name) else "IfNotPresent")
    if policy == "Always" and asked not in images:
        pull_image(client, name)
    found = find_image(client, name)
    if found is None and policy == "Never":
        raise ConfigurationError(
            f"{place}.image", f"{name} is not here, and is never pulled", "build it: ./inv image.build"
        )
    if found is None:
        pull_image(client, name)
        found = find_image(client, name)
    if found is None:
        raise ConfigurationError(f"{place}.image", f"{name} is not here", "build it: ./inv image.build")
    return name, found


def _is_latest(image: str) -> bool:
    last = image.rpartition("/")[2]
    return "@" not in last and (":" not in last or last.endswith(":latest"))


def name_program(
    container: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return entrypoint and words of a container, ``$(NAME)`` expanded; None where the image's own hold."""
    command, words = container.get("command") or None, container.get("args") or None
    entrypoint = None if command is None else tuple(expand(str(word), environment) for word in command)
    return entrypoint, None if words is None else tuple(expand(str(word), environment) for word in words)


def describe_container(container: Mapping[str, Any], security: Security, sandbox: str, place: str) -> dict[str, Any]:
    """Return what else is asked of the engine for a container of a Pod whose sandbox runs."""
    shared = {"network_mode": f"container:{sandbox}", "ipc_mode": f"container:{sandbox}", "log_config": _LOGS}
    folder = {"working_dir": str(container["workingDir"])} if container.get("workingDir") else {}
    return {**shared, **folder, **dict(security.describe()), **read_limits(container, place)}
