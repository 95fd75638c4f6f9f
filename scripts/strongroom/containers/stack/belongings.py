"""What the engine holds of a project: whose that is, and what would go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.containers.stack.kept import Kept
from strongroom.containers.stack.parts import VOLUMES
from strongroom.core.errors import GuardError
from strongroom.engine import connect

_PROJECT, _OWNER = "com.docker.compose.project", "strongroom.owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """The names of what bears a project's name."""

    containers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    """Those among them that belong to somebody else."""

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.containers or self.networks or self.volumes)


def find_belongings(kept: Kept, environment: Mapping[str, str]) -> Belongings:
    """Ask the engine what bears a stack's project, or the names of its volumes. Raises UnreachableError."""
    label = f"{_PROJECT}={kept.project}"
    with connect(environment) as client:
        containers = {
            str(one.name): dict(one.labels) for one in client.containers.list(all=True, filters={"label": label})
        }
        networks = {str(one.name): one.attrs.get("Labels") for one in client.networks.list(filters={"label": label})}
        named = {f"{kept.project}_{volume}" for volume in VOLUMES}
        volumes = {
            str(one.name): one.attrs.get("Labels")
            for one in client.volumes.list()
            if one.name in named or (one.attrs.get("Labels") or {}).get(_PROJECT) == kept.project
        }
    every = {**containers, **networks, **volumes}
    return Belongings(
        containers=tuple(sorted(containers)),
        networks=tuple(sorted(networks)),
        volumes=tuple(sorted(volumes)),
        strange=tuple(sorted(name for name, labels in every.items() if (labels or {}).get(_OWNER) != kept.owner)),
    )


def refuse_strange(kept: Kept, found: Belongings, *, is_new: bool) -> None:
    """Refuse to touch what belongs to somebody else, or to a stack whose folder is gone. Raises GuardError."""
    if not found.strange:
        return
    names = ", ".join(found.strange)
    if is_new:
        fact = f"is gone, and the stack that it belonged to has left {names}"
        way = f"put the folder back from a backup; to give the data up: {_name_removal(found)}"
        raise GuardError(kept.place, fact, way)
    raise GuardError(
        names, "belongs to another stack, or to none", "see to it with docker inspect; nothing was touched"
    )


def _name_removal(found: Belongings) -> str:
    """Name the commands that remove everything; Compose's own would need the file that is gone."""
    kinds = (("rm --force", found.containers), ("network rm", found.networks), ("volume rm", found.volumes))
    return " && ".join(f"docker {words} {' '.join(names)}" for words, names in kinds if names)
