"""The plan as written: pydantic models of the YAML, from which the JSON Schema is made."""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

Rule = Literal["identical", "prefer", "newest", "oldest", "merge", "keep_both", "quarantine", "fail"]
Scalar = str | int | float | None


def _stay_inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in text:
        raise ValueError("must be a file name inside its directory")
    return text


def _be_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return text


_list_zones = cache(available_timezones)  # it looks through hundreds of files each time


def _be_zone(text: str) -> str:
    if text not in _list_zones():
        raise ValueError("is no time zone: UTC, or a name like Europe/Vienna")
    return text


FileName = Annotated[str, Field(min_length=1), AfterValidator(_stay_inside)]
ZoneName = Annotated[str, AfterValidator(_be_zone)]
KeyName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
"""Of a key. Its name only: the plan is no place for keys."""


SchemaName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,53}$")]
"""Of PostgreSQL; what we add for the schemas beside it fits into 63 bytes."""
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ColumnName = Annotated[str, Field(pattern=r"^.+\..+$")]
TypeName = Annotated[
    str,
    Field(
        pattern=r"^(smallint|integer|bigint|real|double precision|numeric(\(\d+(,\d+)?\))?|boolean|text|"
        r"varchar(\(\d+\))?|jsonb?|timestamptz|timestamp|date|uuid|bytea|enum)$|"
        r"^(smallint|integer|bigint|real|double precision|numeric|boolean|text|date|uuid|timestamptz|timestamp)\[\]$"
    ),
]
"""What a column may become."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class DefaultsModel(_Model):
    """What happens where the plan says nothing."""

    unmapped_file: Literal["error", "carry"] = "error"
    unmapped_table: Literal["error", "carry"] = "error"
    unmapped_column: Literal["error", "carry"] = "error"
    on_conflict: Literal["quarantine", "fail"] = "quarantine"
    quarantine_budget: int = Field(default=0, ge=0)
    time_zone: ZoneName | None = None


class SourceModel(_Model):
    """One legacy file, relative to the source directory.

    ``alias_of`` names the target to which its old name leads, where its tables go to several.
    """

    path: FileName
    trust: int = 50
    optional: bool = False
    format: Literal["sqlite", "json"] = "sqlite"
    rows: dict[str, str] = {}
    key: KeyName | None = None
    alias_of: str | None = None

    @model_validator(mode="after")
    def _fits_format(self) -> SourceModel:
        if self.rows and self.format != "json":
            raise ValueError("rows are for format: json only")
        if self.key is not None and self.format != "sqlite":
            raise ValueError("key is for format: sqlite only")
        if self.alias_of is not None and self.format != "sqlite":
            raise ValueError("alias_of is for format: sqlite only")
        return self


class ColumnTypeModel(_Model):
    """What a column becomes in PostgreSQL, and how its times are read."""

    type: TypeName | None = None
    epoch: Literal["s", "ms", "us", "julian"] | None = None
    time_zone: ZoneName | None = None
    values: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> ColumnTypeModel:
        if (self.type == "enum") != (self.values is not None):
            raise ValueError("enum needs values: its labels in their order, and no other type has them")
        if self.type not in (None, "timestamptz") and (self.epoch or self.time_zone):
            raise ValueError("epoch and time_zone are for timestamptz only")
        return self


class TargetModel(_Model):
    """One database that we build, and its ``aliases``, relative to the target directory.

    ``encrypt`` names its key; false says that it is plain on purpose, though encrypted sources feed it. ``postgres``
    is the schema that it becomes in PostgreSQL, ``dsn`` the variable that names the server, ``types`` says of
    ``table.column`` what it becomes.
    """

    path: FileName = ""
    schema_: FileName | None = Field(default=None, alias="schema")
    aliases: list[FileName] = []
    encrypt: KeyName | Literal[False] | None = None
    postgres: SchemaName | None = None
    dsn: VariableName | None = None
    types: dict[ColumnName, TypeName | ColumnTypeModel] = {}

    @model_validator(mode="after")
    def _has_a_file(self) -> TargetModel:
        if not self.path:
            raise ValueError("needs path: the database's file (with postgres: it is NAME.db unless it says another)")
        return self


class InputModel(_Model):
    """A source table, with the columns whose names differ (target: source)."""

    table: str
    columns: dict[str, str] = {}


class IdentityModel(_Model):
    """A surrogate id, and how a later row gets another one.

    ``renumber`` (numbers) and ``uuid5`` (texts) give a fresh one where the id is taken; ``offset`` moves all ids
    of a later file up, beyond those of the files before it.
    """

    column: str
    strategy: Literal["keep", "renumber", "offset", "uuid5"] = "keep"


class ColumnRuleModel(_Model):
    """How merge chooses one column's value."""

    rule: Literal["prefer", "first_non_null", "first_valid", "newest", "oldest", "max", "min"]
    by: str | None = None
    pattern: Annotated[str, AfterValidator(_be_pattern)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> ColumnRuleModel:
        if self.rule in ("newest", "oldest") and self.by is None:
            raise ValueError(f"{self.rule} needs by: the column that holds the instant")
        if (self.rule == "first_valid") != (self.pattern is not None):
            raise ValueError("first_valid needs pattern: what a valid value looks like, and no other rule has one")
        return self


class ConflictModel(_Model):
    """What decides between different rows with one key."""

    rule: Rule
    by: str | list[str] = []
    order: list[str] = []
    columns: dict[str, ColumnRuleModel] = {}

    @model_validator(mode="after")
    def _complete(self) -> ConflictModel:
        if self.rule in ("newest", "oldest") and not self.by:
            raise ValueError(f"{self.rule} needs by: the column that holds the instant")
        if self.columns and self.rule != "merge":
            raise ValueError("columns are for rule: merge only")
        return self


class TransformModel(_Model):
    """A declared conversion of a column's values."""

    epoch: Literal["auto", "s", "ms", "us"]
    to: Literal["iso8601_utc"]


class FilterModel(_Model):
    """Rows for which ``sql`` is not true are left out, counted and kept in the ledger."""

    sql: str
    reason: str = Field(min_length=1)


class ReferenceModel(_Model):
    """A column that holds this table's ids: in JSON, at the path.

    ``parent`` names the source tables in which its rows are looked for, ``orphans`` what becomes of a row that has
    none there.
    """

    column: str
    json_: str | None = Field(default=None, alias="json", pattern=r"^\$[^*]*$")
    parent: list[str] = []
    orphans: Literal["quarantine", "null", "keep"] | None = None
    reason: str = ""

    @field_validator("orphans", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: object) -> object:
        return "null" if value is None else value

    @model_validator(mode="after")
    def _reason_needed(self) -> ReferenceModel:
        if self.orphans == "keep" and not self.reason:
            raise ValueError("orphans: keep needs a reason")
        return self


class TableModel(_Model):
    """How one target table comes about; values of ``secret`` columns are shown nowhere."""

    into: str
    from_: Annotated[list[str | InputModel], Field(alias="from", min_length=1)]
    key: list[str] | None = None
    normalize: dict[str, list[Literal["trim", "casefold"]]] = {}
    identity: IdentityModel | None = None
    references: list[str | ReferenceModel] = []
    on_conflict: ConflictModel | None = None
    defaults: dict[str, Scalar] = {}
    transform: dict[str, TransformModel | Literal["trim", "casefold"]] = {}
    where: FilterModel | None = None
    secret: list[str] = []


class DropModel(_Model):
    """A source table left behind on purpose."""

    table: str
    reason: str = Field(min_length=1)


class CheckModel(_Model):
    """A question to the finished targets."""

    sql: str
    expect: Scalar


class PlanModel(_Model):
    """Maps an application's sources to a few targets, rule by rule."""

    version: Literal[1]
    defaults: DefaultsModel = DefaultsModel()
    sources: dict[str, SourceModel] = Field(min_length=1)
    targets: dict[str, TargetModel] = Field(min_length=1)
    copy_: Annotated[dict[str, list[str]], Field(alias="copy")] = {}
    tables: list[TableModel] = []
    drop: list[DropModel] = []
    checks: list[CheckModel] = []

    @model_validator(mode="before")
    @classmethod
    def _name_files(cls, data: object) -> object:
        """Give a target in PostgreSQL that names no file the one of its name."""
        targets = data.get("targets") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(targets, dict):
            return data
        named = {
            name: {"path": f"{name}.db", **target} if isinstance(target, dict) and "postgres" in target else target
            for name, target in targets.items()
        }
        return {**data, "targets": named}

    @field_validator("version", mode="before")
    @classmethod
    def _true_is_no_version(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("must be 1")  # noqa: TRY004  # pydantic turns it into a line of ours
        return value
