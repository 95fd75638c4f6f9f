"""Our own tasks and flags, as data: what a manifest's ``args`` may say."""

from __future__ import annotations

from invoke.collection import Collection

from strongroom.kubernetes.checking import KnownFlag, Tasks
from strongroom.tasks._switches import SWITCHES, VALUES
from strongroom.tasks._task import Flag, OpsTask

_EVERYWHERE = {f"--{name.replace('_', '-')}": KnownFlag(takes="") for name in SWITCHES} | {
    f"--{name}": KnownFlag(takes="text") for name in VALUES
}


def describe_tasks(collection: Collection) -> Tasks:
    """Return each task with its flags as they are typed, those of every task too."""
    found = {name: collection[name] for name in collection.task_names}
    return {
        name: dict(pair for flag in one.flags for pair in _describe(flag)) | _EVERYWHERE
        for name, one in found.items()
        if isinstance(one, OpsTask)
    }


def _describe(flag: Flag) -> list[tuple[str, KnownFlag]]:
    numbers = ("int", "float")
    takes = "" if flag.is_switch else flag.kind if flag.kind in numbers else "text"
    known = (flag.text, KnownFlag(takes=takes, is_required=flag.is_required))
    turned = [(f"--no-{flag.text[2:]}", KnownFlag(takes=""))] if flag.is_switch and flag.default else []
    return [known, *turned]
