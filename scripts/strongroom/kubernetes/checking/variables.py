"""Variables of containers of ours: spelled as we read them, and true of the Pod."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from strongroom.core.config import JOBS_VARIABLE, SQLITE_VARIABLE, SYSTEM_VARIABLE
from strongroom.kubernetes.checking.scene import Finding, Scene
from strongroom.kubernetes.checking.systems import find_mount, is_file_there, lies_on_a_disk, list_works
from strongroom.kubernetes.content import dig, mapping, mappings, word

_OURS = (JOBS_VARIABLE, SQLITE_VARIABLE, SYSTEM_VARIABLE)
_PREFIX = "STRONGROOM_"
_HOMES = ("HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME")
_WITH_SYSTEMS = ("backup.", "consolidate.", "keys.", "postgres.")


def demand_files_of_variables(scene: Scene) -> Iterator[Finding]:
    """Demand that ``…_FILE`` names a file which is mounted."""
    for work in list_works(scene):
        for one in mappings(work.container.content.get("env")):
            name, value = str(one.get("name")), one.get("value")
            is_path = isinstance(value, str) and value.startswith("/")
            if name.endswith("_FILE") and is_path and not is_file_there(scene, work, str(value)):
                yield work.says(f"env[{name}]", f"{value} is not in the Pod", "mount what holds it there")


def demand_a_writable_home(scene: Scene) -> Iterator[Finding]:
    """Demand that where programs leave their things something can be written."""
    for work in list_works(scene):
        for name in (name for name in _HOMES if work.variables.get(name)):
            path = str(work.variables[name])
            is_open = lies_on_a_disk(work, path) and not mapping(find_mount(work, path)).get("readOnly")
            if dig(work.container.content, "securityContext.readOnlyRootFilesystem") is True and not is_open:
                yield work.says(f"env[{name}]", f"{path} cannot be written", f"{name}: /tmp")


def demand_known_variables(scene: Scene) -> Iterator[Finding]:
    """Demand that a variable with our prefix is one that we read."""
    taken = {
        word(dig(one, "configMapRef.name"))
        for work in list_works(scene) for one in mappings(work.container.content.get("envFrom"))
    }  # fmt: skip
    for thing in scene.list_kind("ConfigMap"):
        for name in mapping(thing.find("data")) if thing.name in taken else ():
            if name.startswith(_PREFIX) and name not in _OURS:
                yield thing.says(f"data[{name}]", _say_unknown(name), f"one of {', '.join(_OURS)}")
    for work in list_works(scene):
        for one in mappings(work.container.content.get("env")):
            name = str(one.get("name"))
            if name.startswith(_PREFIX) and name not in _OURS:
                yield work.says(f"env[{name}]", _say_unknown(name), f"one of {', '.join(_OURS)}")


def _say_unknown(name: str) -> str:
    close = difflib.get_close_matches(name, _OURS, 1)
    return "nobody reads it" + (f", did you mean {close[0]}?" if close else "")


def demand_a_named_system(scene: Scene) -> Iterator[Finding]:
    """Demand that a task which works on a system is told which: none is taken for granted."""
    for work in list_works(scene):
        flags = scene.tasks[work.task]
        is_asked = work.task.startswith(_WITH_SYSTEMS) and "--system" in flags
        has_plan = any(word.startswith("--plan") for word in work.container.arguments)
        if is_asked and work.folder is None and not has_plan:
            fact = f"{work.task} is not told which system is meant"
            yield work.says("args", fact, f"--system=/etc/strongroom/NAME, or {SYSTEM_VARIABLE}")
