"""The documents of a run: typed, versioned, each with this one reader and this one writer.

On disk a document is a JSON object of its fields and four more: its kind, the version of the format, its owner (the
id of a target directory, and of a run in it), and a hash of all the rest. Paths in documents are relative to the
target, or text for people by which nothing is opened: a tree that was copied or moved acts on itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from strongroom.core.errors import GuardError, VersionError
from strongroom.core.files import OWN_FOLDER, write_text

VERSION = 1
"""Of all documents together. Until 1.0 only this one is read."""
_ADAPTERS: dict[str, TypeAdapter[Any]] = {}
_ENVELOPE = ("document", "version", "owner", "sha256")


class Document:
    """A frozen dataclass that is kept as a file."""

    kind: ClassVar[str]
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)
    __slots__ = ()


Kind = TypeVar("Kind", bound=Document)


def write_document(path: Path, document: Document, owner: str) -> None:
    """Write a document durably and whole, for a target directory or a run in it."""
    write_text(path, encode_document(document, owner))


def encode_document(document: Document, owner: str) -> str:
    """Return a document as the text that is kept of it."""
    fields = _adapter(type(document)).dump_python(document, mode="json")
    content = {"document": document.kind, "version": VERSION, "owner": owner, **fields}
    content["sha256"] = _digest(content)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_document(path: Path, kind: type[Kind], owner: str | None = None) -> Kind | None:
    """Read a document; None when there is no such file.

    Raises VersionError for one of another version or without any, GuardError for one that was edited, truncated
    or damaged, is no such document, or belongs to somebody else than ``owner``.
    """
    content = _read(path)
    return None if content is None else _understand(content, path, kind, owner)


def decode_document(text: bytes, place: str, kind: type[Kind], owner: str | None = None) -> Kind:
    """Read a document of the text that was kept of it, at a ``place`` for people. Raises VersionError, GuardError."""
    return _understand(_parse(text, place), place, kind, owner)


def tell_owner(text: bytes, place: str) -> str:
    """Return what a document belongs to, by the text that was kept of it. Raises VersionError, GuardError."""
    return str(_parse(text, place)["owner"])


def _understand(content: dict[str, Any], path: object, kind: type[Kind], owner: str | None) -> Kind:
    if content["document"] != kind.kind:
        raise _damaged(path, f"is a document of another kind ({content['document']})")
    if owner is not None and content["owner"] != owner:
        fact = "belongs to another target directory, or to another run"
        raise GuardError(path, fact, "move it away: it was copied there, and says nothing about this one")
    fields = {name: value for name, value in content.items() if name not in _ENVELOPE}
    try:
        found: Kind = _adapter(kind).validate_json(json.dumps(fields))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"does not hold what it should ({place}: {first['msg'].lower()})") from error
    return found


def read_owner(path: Path) -> str | None:
    """Return what a document belongs to; None when there is no such file.

    Raises VersionError, GuardError.
    """
    content = _read(path)
    return None if content is None else str(content["owner"])


def _read(path: Path) -> dict[str, Any] | None:
    """Read a document of our version, whatever its kind, and see that nobody changed it."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    return _parse(text, path)


def _parse(text: bytes, path: object) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "is not JSON: edited, truncated or damaged") from error
    if not isinstance(content, dict):
        raise _damaged(path, "is not a JSON object: edited, truncated or damaged")
    if content.get("version") != VERSION:
        said = f"version {content['version']!r}" if "version" in content else "no version"
        fact = f"has {said}, and this tool reads version {VERSION} only"
        way = f"use the tool that wrote it; or move {OWN_FOLDER} out of the target, then run with --replace"
        raise VersionError(path, fact, way)
    said_digest = content.pop("sha256", None)
    if said_digest != _digest(content) or any(name not in content for name in _ENVELOPE[:3]):
        raise _damaged(path, "is not as it was written: edited, truncated or damaged")
    return content


def _damaged(path: object, fact: str) -> GuardError:
    return GuardError(path, fact, "put it back as it was; the databases beside it are not touched")


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _adapter(kind: type[Document]) -> TypeAdapter[Any]:
    """Return what reads and writes a kind, made when it is first asked for."""
    if kind.kind not in _ADAPTERS:
        _ADAPTERS[kind.kind] = TypeAdapter(kind)
    return _ADAPTERS[kind.kind]
