"""The tenants of a fleet, one at a time: the lines of a file, or the folders of a directory.

A list of a million tenants is never in memory; what is wrong with a line is told with its number.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from strongroom.core.errors import ConfigurationError, GuardError, UnreachableError, UsageError
from strongroom.core.files import explain_os_error, show_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FIELDS = ("name", "system", "source", "target")
_LONGEST = 1 << 16
"""Bytes of a line."""
_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whose files are worked on."""

    name: str
    system: str
    """As it is typed for ``--system``."""
    source: str
    """An absolute path."""
    target: str
    """The same; a word of the task's own where it takes no path."""
    number: int
    """Its line in the list, from 1."""
    mark: str
    """Of what the list says of it: another one is another piece of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where the paths of a list lie, and what it leaves out."""

    root: Path
    """Absolute: sources lie below it, and targets unless they have a place of their own."""
    targets: Path | None = None
    """Where the targets of a directory's folders go; absolute."""
    system: str | None = None
    """Of tenants that name none."""
    has_paths: bool = True
    """Whether a target is a path."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """All that a tenant may touch."""
        return (self.root,) if self.targets is None else (self.root, self.targets)


def read_lines(stream: BufferedIOBase, place: str, ground: Ground) -> Iterator[Tenant]:
    """Yield the tenants of JSON lines, in their order; empty lines are passed over.

    Raises UsageError naming the first line that is wrong.
    """
    number = 0
    while line := stream.readline(_LONGEST + 1):
        number += 1
        if len(line) > _LONGEST:
            raise UsageError(f"{place}:{number}", f"is longer than {_LONGEST} bytes", "one tenant on a line")
        if line.strip():
            yield _read_line(line, f"{place}:{number}", number, ground)


def read_folders(directory: Path, ground: Ground) -> Iterator[Tenant]:
    """Yield a tenant for each folder of a directory, in no order; files and what begins with a dot are passed over.

    Raises UnreachableError where it cannot be read, UsageError for a folder whose name no tenant may have.
    """
    try:
        with os.scandir(directory) as entries:
            for number, entry in enumerate(entries, start=1):
                if entry.is_dir() and not entry.name.startswith("."):
                    place = show_path(directory / entry.name)
                    said = {"name": entry.name, "source": entry.path, "target": entry.name}
                    if ground.targets is not None:
                        said["target"] = str(ground.targets / entry.name)
                    yield _make(said, place, number, ground)
    except OSError as error:
        raise explain_os_error(directory, error) from error


def find_share(name: str, of: int) -> int:
    """Return which of ``of`` indexes has a tenant: by its name alone, so that other lines move it nowhere."""
    return hash_text(name) % of


def hash_text(text: str) -> int:
    """Return 63 bits of a text's hash, as SQLite holds them."""
    return int.from_bytes(blake2b(text.encode(), digest_size=_BYTES).digest()) >> 1


def refuse_outside(tenant: Tenant, ground: Ground) -> None:
    """Make sure that no link leads a tenant's paths out of where they should be; those that are there are followed.

    Raises GuardError.
    """
    roots = [os.path.realpath(root) for root in ground.roots]
    paths = (tenant.source, tenant.target) if ground.has_paths else (tenant.source,)
    for path in paths:
        real = os.path.realpath(path)
        if not any(_lies_in(real, root) for root in roots):
            fact = f"leads to {show_path(Path(real))}, out of {show_path(ground.root)}"
            raise GuardError(path, fact, "correct the list, or take the link away")


def _read_line(line: bytes, place: str, number: int, ground: Ground) -> Tenant:
    try:
        said = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        fact = "names a key twice" if isinstance(error, _TwiceError) else "is no JSON object"
        raise UsageError(place, fact, 'one tenant on a line: {"name": …, "source": …, "target": …}') from None
    if not isinstance(said, dict):
        raise UsageError(place, "is no JSON object", "one tenant on a line")
    return _make(said, place, number, ground)


class _TwiceError(ValueError):
    """A key stands twice in an object."""


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise _TwiceError
    return said


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_twice)


def _make(said: Mapping[str, Any], place: str, number: int, ground: Ground) -> Tenant:
    system = said.get("system", ground.system)
    if system is None:
        raise UsageError(place, "names no system", "add it, or say --system for all")
    texts = {"name": said.get("name"), "system": system, "source": said.get("source"), "target": said.get("target")}
    for field, value in texts.items():
        if not isinstance(value, str) or not value.isprintable() or not value:
            found = "is missing" if field not in said and field != "system" else "must be a text that can be shown"
            raise UsageError(place, f"{field} {found}", f"a tenant has {', '.join(_FIELDS)}")
    if unknown := said.keys() - set(_FIELDS):
        raise UsageError(place, f"{min(unknown)} is nothing that a tenant has", f"{', '.join(_FIELDS)}")
    if not _NAME.fullmatch(texts["name"]):
        fact = f"name {texts['name']!r} must be letters, digits, dots, _ and -, 128 at most"
        raise UsageError(place, fact, "names are shown, and stand in file names")
    source = _find_path(texts["source"], f"{place}: source", (ground.root,))
    target = texts["target"]
    return Tenant(
        name=texts["name"],
        system=system,
        source=source,
        target=_find_path(target, f"{place}: target", ground.roots) if ground.has_paths else target,
        number=number,
        mark=blake2b("\0".join(texts.values()).encode(), digest_size=_BYTES).hexdigest(),
    )


def _find_path(text: str, subject: str, roots: tuple[Path, ...]) -> str:
    """Return a path that was said, absolute, without looking at it. Raises UsageError for one outside."""
    first = str(roots[0])
    path = os.path.normpath(f"{first}/{text}" if text[0] != "/" else text)  # a million of them, without a Path for each
    if not _lies_in(path, first) and not any(_lies_in(path, str(root)) for root in roots):
        fact = f"{text} leads out of {show_path(roots[0])}"
        raise UsageError(subject, fact, "say --root DIR, below which all tenants lie")
    return path


def _lies_in(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def open_list(file: Path) -> BufferedIOBase:
    """Open a list of tenants. Raises UnreachableError for one that is not there or cannot be read."""
    try:
        return file.open("rb")
    except FileNotFoundError as error:
        raise UnreachableError(file, "there is no such list of tenants", "say --tenants FILE, DIR or s3://…") from error
    except IsADirectoryError as error:
        raise ConfigurationError(file, "is a directory", "say --tenants FILE") from error
    except OSError as error:
        raise explain_os_error(file, error) from error
