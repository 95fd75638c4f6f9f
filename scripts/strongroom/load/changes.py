"""What stands otherwise in a load's schemas than was made, staged or live; what people add to it is theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from strongroom.core.errors import DifferencesError
from strongroom.load.documents import LoadDocument, LoadState, MadeDocument
from strongroom.load.judging import as_validated
from strongroom.load.request import Schemas
from strongroom.postgres.connection import Connection

_RIGHTS = re.compile(r"(?:^|(?<=; )|(?<= ; ))rights ([^;]*)")
_COMMENT = re.compile(r"(?:^| ?; )comment .*", re.DOTALL)
_ONLY_RIGHTS = re.compile(r".+=[A-Z* ]+", re.DOTALL)
"""What is declared of rights, and of no column or table that is called so."""
_SAID = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became of the structure since the rows came, in sentences that name the thing."""

    differences: tuple[str, ...] = ()
    """What is gone, or another."""
    notes: tuple[str, ...] = ()
    """What stands there besides."""


def list_changes(connection: Connection, about: LoadDocument, made: MadeDocument, schemas: Schemas) -> Changes:
    """Compare a load's schemas with what was made of them. Read-only.

    Rows that went into live tables stand in others' schemas: nothing is said of those. Rights, comments and objects
    that came besides are nothing that is lost.
    """
    is_live = about.state is LoadState.LIVE
    if is_live and about.way != "staged":
        return Changes()
    names = {record.staged: record.schema for record in about.targets.values()}
    rename = _make_renaming(connection, names)
    lines = []
    for target, record in about.targets.items():
        schema = record.schema if is_live else record.staged
        wanted = {name: rename(text) for name, text in as_validated(made.targets[target].objects).items()}
        read = as_validated(schemas.read_objects(connection, schema))
        held = {name: _without_more(wanted.get(name), rename(text), name) for name, text in read.items()}
        lines += [f"schema {schema}: {line}" for line in schemas.list_differences(wanted, held)]
    return Changes(
        differences=tuple(line for line in lines if ": extra: " not in line),
        notes=tuple(line for line in lines if ": extra: " in line),
    )


def refuse_changes(connection: Connection, about: LoadDocument, made: MadeDocument, schemas: Schemas) -> None:
    """Refuse schemas of which something is gone, or another. Read-only. Raises DifferencesError that names it."""
    found = list_changes(connection, about, made, schemas).differences
    if found:
        more = f"; and {len(found) - _SAID} more" if len(found) > _SAID else ""
        fact = f"is not as it was made: {'; '.join(found[:_SAID])}{more}"
        raise DifferencesError(f"load {about.load}", fact, "run postgres.load again")


class _Renaming:
    """Writes the names of staged schemas as those of the live ones, so that texts of both are the same."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._pattern = re.compile(rf"(?<![\w\"$])(?:{'|'.join(map(re.escape, names))})(?=\.)")

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda found: self._names[found[0]], text)


def _make_renaming(connection: Connection, names: Mapping[str, str]) -> _Renaming:
    asked = "SELECT pg_catalog.quote_ident(%s), pg_catalog.quote_ident(%s)"
    rows = [connection.execute(asked, pair).fetchone() for pair in names.items()]
    return _Renaming({str(row[0]): str(row[1]) for row in rows if row is not None})


def _without_more(wanted: str | None, held: str, name: str) -> str:
    """Return how an object is declared, without rights, a comment and columns behind that it was not made with."""
    if wanted is None or wanted == held:
        return held
    if name.endswith(" order of columns"):
        return wanted if held.startswith(f"{wanted}, ") else held
    if (name.endswith(" rights") or name.startswith("rights of later ")) and _ONLY_RIGHTS.fullmatch(wanted):
        return wanted if set(_read_rights(wanted)) <= set(_read_rights(held)) else held
    if _COMMENT.search(wanted) is None:
        held = _COMMENT.sub("", held)
    mine, theirs = _RIGHTS.search(wanted), _RIGHTS.search(held)
    if mine is None or theirs is None or not set(_read_rights(mine[1])) <= set(_read_rights(theirs[1])):
        return held
    return f"{held[: theirs.start(1)]}{mine[1]}{held[theirs.end(1) :]}"


def _read_rights(text: str) -> Iterator[tuple[str, str]]:
    """Yield each right with who has it; whoever may hand one on has it, too."""
    for one in text.strip().split(", "):
        who, _, rights = one.rpartition("=")
        for right in rights.split():
            yield who, right
            yield who, right.removesuffix("*")
