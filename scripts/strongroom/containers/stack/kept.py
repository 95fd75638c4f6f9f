"""What a stack keeps of itself in its folder: which project of Compose it is, whose volumes are its own, its settings.

The file is one that ``docker compose --env-file`` reads: a ``docker compose up`` by hand changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from strongroom.containers.stack.files import Folder
from strongroom.containers.stack.parts import PORTS, name_files, name_memory, name_port
from strongroom.core.errors import GuardError, UnreachableError, UsageError
from strongroom.core.files import explain_os_error, make_private_folder, write_text

PROJECT, OWNER, PLACE = "COMPOSE_PROJECT_NAME", "STRONGROOM_OWNER", "STRONGROOM_STACK"
TAG, USER, DATA, CPUS = "STRONGROOM_TAG", "STRONGROOM_USER", "STRONGROOM_DATA", "STRONGROOM_CPUS"
_MEMORY = tuple(name_memory(name) for name in (*PORTS, "ops"))
_DEFAULTS = {
    TAG: "local",
    DATA: "./data",
    CPUS: "0",
    **dict.fromkeys(_MEMORY, "1g"),
    **{name_port(name): str(port) for name, port in PORTS.items()},
}
_FORMS = {
    TAG: (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"), "a tag of an image"),
    USER: (re.compile(r"\d+(:\d+)?"), "a number, or two (1000:1000)"),
    CPUS: (re.compile(r"\d+(\.\d+)?"), "a number of cores; 0 means all"),
    **dict.fromkeys(_MEMORY, (re.compile(r"\d+[bkmg]", re.IGNORECASE), "a size, as 512m or 2g")),
}
_OPS_USER = 10001
"""The ops image's own user, where who makes a stack is root."""
_HEAD = "# Which stack this is, and how it runs; ./inv stack.up writes it. For Compose by hand: --env-file this file\n"
_LINE = re.compile(r"([A-Z_0-9]+)=(?:'([^']*)'|([^'\s]*))")
_BARE = re.compile(r"[\w@%+=:,./-]*", re.ASCII)
_OLDER = {"tls", "secrets"}
"""What the folder of a stack held before it said which one it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Which stack this is, and how it runs."""

    project: str
    """The project of Compose: containers, networks and volumes bear it."""
    owner: str
    """Chosen by chance once: what bears another belongs to somebody else."""
    place: str
    """The folder, when this was written."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables with which it runs: ports, the tag of its images."""

    def port(self, service: str) -> int:
        """Return the port on loopback at which a service answers."""
        return int(self.settings[name_port(service)])

    @property
    def data(self) -> str:
        """Return what the ops container sees as its folder, from the clone."""
        return self.settings[DATA]

    @property
    def user(self) -> tuple[int, int]:
        """Return as whom the ops container works: user, group."""
        user, _, group = self.settings[USER].partition(":")
        return int(user), int(group or user)

    @property
    def tag(self) -> str:
        """Return the tag of its images."""
        return self.settings[TAG]


def read_kept(folder: Folder, environment: Mapping[str, str]) -> Kept | None:
    """Read which stack a folder is of, with what the environment says of its settings; None where there is none.

    Raises GuardError for a folder of something else, and for the copy of another stack's; UsageError for a setting
    that means nothing.
    """
    try:
        text = folder.env.read_text(encoding="utf-8")
    except FileNotFoundError:
        _refuse_other(folder)
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreachableError(folder.env, f"cannot be read ({error})", "put it back as it was") from error
    said = _read_lines(text)
    if not said.get(PROJECT) or not said.get(OWNER) or not said.get(PLACE):
        raise GuardError(folder.env, "is not of a stack of ours", "name another folder in STRONGROOM_STACK")
    _refuse_copy(folder, said)
    return Kept(
        project=said[PROJECT],
        owner=said[OWNER],
        place=said[PLACE],
        settings=choose_settings({**said, **_named(environment)}),
    )


def make_kept(folder: Folder, clone: Path, environment: Mapping[str, str]) -> Kept:
    """Choose what a new stack is called, by where it is, and whose it is, by chance. Nothing is written."""
    place = os.fspath(folder.root.resolve())
    if "'" in place or not place.isprintable():
        raise UsageError("STRONGROOM_STACK", "has a quote or a line break in its path", "name another folder")
    name = re.sub(r"[^a-z0-9]+", "-", clone.name.lower()).strip("-").removeprefix("strongroom").strip("-")
    parts = ("strongroom", name, hashlib.sha256(os.fsencode(place)).hexdigest()[:6])
    return Kept(
        project="-".join(filter(None, parts)),
        owner=secrets.token_hex(8),
        place=place,
        settings=choose_settings(_named(environment)),
    )


def choose_settings(said: Mapping[str, str]) -> dict[str, str]:
    """Return every setting, as said or as usual. Raises UsageError for one that means nothing."""
    user = f"{os.getuid()}:{os.getgid()}" if os.getuid() else f"{_OPS_USER}:{_OPS_USER}"
    chosen = {name: said.get(name) or usual for name, usual in (*_DEFAULTS.items(), (USER, user))}
    for name in map(name_port, PORTS):
        if not chosen[name].isdecimal() or not 0 < int(chosen[name]) <= 65535:  # noqa: PLR2004  the highest port
            raise UsageError(name, f"must be a port, 1 to 65535 (got {chosen[name]!r})")
    for name, (form, words) in _FORMS.items():
        if not form.fullmatch(chosen[name]):
            raise UsageError(name, f"must be {words} (got {chosen[name]!r})")
    return chosen


def write_kept(folder: Folder, kept: Kept) -> Kept:
    """Write which stack this is, where it is now, and the hashes of what its services begin with; return it."""
    make_private_folder(folder.root)
    try:
        folder.root.chmod(0o700)
    except OSError as error:
        raise explain_os_error(folder.root, error) from error
    kept = replace(kept, place=os.fspath(folder.root.resolve()))
    digests = {name_files(service): folder.digest(service) for service in PORTS}
    lines = {PROJECT: kept.project, OWNER: kept.owner, PLACE: kept.place, **kept.settings, **digests}
    write_text(folder.env, _HEAD + "".join(f"{name}={_quote(value)}\n" for name, value in lines.items()))
    return kept


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in (*_DEFAULTS, USER) if environment.get(name)}


def _quote(value: str) -> str:
    return value if _BARE.fullmatch(value) else f"'{value}'"


def _read_lines(text: str) -> dict[str, str]:
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {line[1]: line[2] if line[2] is not None else line[3] for line in found if line is not None}


def _refuse_other(folder: Folder) -> None:
    """Refuse a folder that holds something, and says not what stack that is."""
    try:
        names = {path.name for path in folder.root.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain_os_error(folder.root, error) from error
    names -= {folder.lock.name, f"{folder.env.name}.part"}
    if names and names <= _OLDER:
        fact = "was made by an older version, whose containers and volumes are of the project strongroom"
        way = "save their data, then remove them (docker rm --force, docker volume rm) and this folder"
        raise GuardError(folder.root, fact, way)
    if names:
        raise GuardError(folder.root, "is not empty, and of no stack", "name another folder in STRONGROOM_STACK")


def _refuse_copy(folder: Folder, said: Mapping[str, str]) -> None:
    """Refuse the copy of a folder whose original is still there: it would act on the original's containers."""
    original = Folder(root=Path(said[PLACE]))
    try:
        if original.env.samefile(folder.env):
            return
        there = _read_lines(original.env.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return  # it was moved here
    if there.get(OWNER) == said[OWNER]:
        way = "remove it: stack.up makes a new one; or name the original in STRONGROOM_STACK"
        raise GuardError(folder.root, f"is a copy of {original.root}, whose containers it would act on", way)
