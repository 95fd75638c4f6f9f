"""What ``system.yaml`` says of an encrypted column: where it stands, under which key, what else may stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from strongroom.core.key_entries import FileName, KeyEntry, KeyName, VariableName

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


def _check_earlier_name(text: str) -> str:
    if text.count(".") != 1 or not all(text.split(".")):
        raise ValueError("must be the table and the column of earlier, as in accounts.secret")
    return text


EarlierName = Annotated[str, AfterValidator(_check_earlier_name)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class ReadFormat(_Entry):
    """A format of before, which is taken in and never written."""

    format: Literal["fernet", "pgcrypto"]
    key: KeyName
    """For ``pgcrypto`` a passphrase, for ``fernet`` a key of 32 bytes."""
    holds: Literal["text", "bytes"] = "text"
    """What its values are once they are open; what is no UTF-8 is bytes all the same."""


class ColumnEntry(_Entry):
    """An encrypted column."""

    postgres: Identifier | None = None
    """The schema of its table, in the application's PostgreSQL."""
    dsn: VariableName | None = None
    """The variable that holds the connection string of another server."""
    sqlite: FileName | None = None
    """The file of its table, in the data directory."""
    encrypted_by: KeyName | None = None
    """The key that opens the file where it is encrypted as a whole."""
    table: Identifier
    primary_key: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    column: Identifier
    key: KeyName
    algorithm: Literal["aes-256-gcm"] = "aes-256-gcm"
    """What is written."""
    reads: tuple[ReadFormat, ...] = ()
    was: tuple[EarlierName, ...] = ()
    """Names that the column had when some of its values were written."""

    @model_validator(mode="after")
    def _stands_in_one_place(self) -> ColumnEntry:
        if (self.postgres is None) == (self.sqlite is None):
            raise ValueError("needs one of postgres and sqlite")
        if self.dsn is not None and self.postgres is None:
            raise ValueError("dsn goes with postgres")
        if self.encrypted_by is not None and self.sqlite is None:
            raise ValueError("encrypted_by goes with sqlite")
        return self

    @property
    def place(self) -> str:
        """The schema or the file."""
        return str(self.postgres if self.postgres is not None else self.sqlite)

    @property
    def name(self) -> str:
        """``TABLE.COLUMN``, as tasks are told it."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with an entry, and where in the file it stands."""

    key: tuple[str | int, ...]
    fact: str
    hint: str = ""


def find_fault(entries: Sequence[ColumnEntry], keys: Mapping[str, KeyEntry]) -> Fault | None:
    """Return what is wrong first with entries beside each other and beside ``keys:``; None where all is well."""
    seen: dict[tuple[str | None, ...], int] = {}
    for number, entry in enumerate(entries):
        for steps, fact, hint in (*_judge_keys(entry, keys), *_judge_names(entry)):
            return Fault(key=("columns", number, *steps), fact=fact, hint=hint)
        first = seen.setdefault(_place(entry), number)
        if first != number:
            return Fault(key=("columns", number), fact=f"is the column of entry {first + 1} again", hint="name it once")
    return None


_Judgement = tuple[tuple[str | int, ...], str, str]


def _judge_keys(entry: ColumnEntry, keys: Mapping[str, KeyEntry]) -> Iterator[_Judgement]:
    named: list[tuple[tuple[str | int, ...], str | None, bool | None]] = [
        (("key",), entry.key, False),
        (("encrypted_by",), entry.encrypted_by, None),
    ]
    named += [(("reads", place, "key"), one.key, one.format == "pgcrypto") for place, one in enumerate(entry.reads)]
    for steps, name, wants_passphrase in named:
        if name is None:
            continue
        if name not in keys:
            yield steps, f"{name} is none of keys:", f"known are {', '.join(sorted(keys)) or 'none'}"
        elif wants_passphrase is not None and wants_passphrase != (keys[name].encoding == "passphrase"):
            yield steps, *_say_kind(name, wants_passphrase=wants_passphrase)


def _say_kind(name: str, *, wants_passphrase: bool) -> tuple[str, str]:
    if wants_passphrase:
        return f"{name} is no passphrase, and pgcrypto knows nothing else", "say encoding: passphrase for that key"
    return f"{name} is a passphrase, and this needs 32 bytes", "keys.init makes such a key"


def _judge_names(entry: ColumnEntry) -> Iterator[_Judgement]:
    parts = [part.casefold() if entry.sqlite is not None else part for part in entry.primary_key]
    own = entry.column.casefold() if entry.sqlite is not None else entry.column
    if own in parts:
        yield ("primary_key",), f"holds {entry.column} itself, which is encrypted", "name what tells the rows apart"
    if len(set(parts)) != len(parts):
        yield ("primary_key",), "names a column twice", ""
    for place, name in enumerate(entry.was):
        if name == entry.name or name in entry.was[:place]:
            yield ("was", place), f"{name} is named already", ""
    for place, one in enumerate(entry.reads):
        if (one.format, one.key) in [(other.format, other.key) for other in entry.reads[:place]]:
            yield ("reads", place), f"{one.format} under {one.key} is named already", ""


def _place(entry: ColumnEntry) -> tuple[str | None, ...]:
    """Return what no two entries share; names of SQLite are the same in any case of letters."""
    if entry.sqlite is not None:
        return "sqlite", str(PurePosixPath(entry.sqlite)), entry.table.casefold(), entry.column.casefold()
    return "postgres", entry.dsn, entry.postgres, entry.table, entry.column
