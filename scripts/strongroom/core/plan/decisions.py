"""What a person decided about rows that no rule of the plan could, as ``decisions.yaml`` says it.

What it means is section 8 of ``.github/PLAN.md``; a file is read with ``read_decisions``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from strongroom.core.errors import PlanError
from strongroom.core.yaml_text.plain import read_plain_model

DECISIONS = "decisions.yaml"
"""The file's usual name."""
ALL: Final = "all"
Number = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class RowModel(_Model):
    """One row of a group; ``row`` and ``values`` are for people."""

    source: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    row: int | None = None
    values: dict[str, str] = {}


class DecisionModel(_Model):
    """What becomes of one group: of the shown row, which comes first, and of those that wait for it."""

    table: str
    key: dict[str, str] = {}
    """For people."""
    rows: list[RowModel] = Field(min_length=2)
    take: Number | Literal["all"] | Annotated[dict[str, Number], Field(min_length=1)] | None = None
    by: str | None = None
    at: Annotated[datetime | None, Field(strict=False)] = None
    why: str | None = None

    @model_validator(mode="after")
    def _take_what_is_there(self) -> DecisionModel:
        numbers = self.take.values() if isinstance(self.take, dict) else [self.take]
        if any(isinstance(number, int) and number > len(self.rows) for number in numbers):
            raise ValueError(f"takes a row beyond the {len(self.rows)} that it lists")
        return self


class DecisionsModel(_Model):
    """Decisions about the undecided groups of a run."""

    version: Literal[1]
    run: str | None = None
    """The run that left them undecided, for people."""
    by: str | None = None
    why: str | None = None
    decisions: list[DecisionModel] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One group that is decided, with who did so and why."""

    number: int
    """Its place in the file, from 1."""
    table: str
    """``target.table``."""
    rows: tuple[str, ...]
    """The hashes of its rows, the shown one's first."""
    take: int | str | Mapping[str, int]
    """The number of a row (from 1), ``all``, or column to number."""
    by: str
    at: datetime | None
    why: str
    key: Mapping[str, str]
    """For people."""

    def say(self, took: str) -> str:
        """Say in one line who decided, when, why, and what was taken."""
        when = f" on {self.at:%Y-%m-%d}" if self.at is not None else ""
        why = f": {self.why}" if self.why else ""
        return f"decided by {self.by}{when}{why} (takes {took})"

    @property
    def label(self) -> str:
        """Return what a person knows the group by."""
        return f"{self.table} {', '.join(self.key.values())}".strip() or self.table


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """A file of decisions; those that are not taken yet are left out."""

    run: str | None
    decided: tuple[Decision, ...]
    open: int
    """How many groups have no ``take`` yet."""
    sha256: str
    """Of what is decided; remarks, and what is for people, are no part of it."""


def read_decisions(path: Path) -> Decisions:
    """Read a file of decisions.

    Raises PlanError for a file that is none, a decision without ``by``, and a row of which two decisions speak.
    """
    return check_decisions(path, read_plain_model(path, DecisionsModel, PlanError))


def check_decisions(path: Path, model: DecisionsModel) -> Decisions:
    """Return what a file decides. Raises PlanError as ``read_decisions`` does."""
    decided = tuple(_decide(path, model))
    seen: dict[tuple[str, str], Decision] = {}
    for one in decided:
        for row in one.rows:
            other = seen.setdefault((one.table, row), one)
            if other is not one:
                raise PlanError(path, f"says two things of one row ({one.label}: {row[:12]} …)", "leave one of them")
    return Decisions(
        run=model.run,
        decided=decided,
        open=sum(one.take is None for one in model.decisions),
        sha256=hash_decisions(decided),
    )


def _decide(path: Path, model: DecisionsModel) -> Iterator[Decision]:
    for number, one in enumerate(model.decisions, start=1):
        by, label = one.by or model.by, f"{one.table} {', '.join(one.key.values())}".strip()
        if one.take is None:
            continue
        if not by or not by.strip():
            raise PlanError(path, f"does not say who decided {label}", "say by: there, or once for the whole file")
        yield Decision(
            number=number,
            table=one.table,
            rows=tuple(row.sha256 for row in one.rows),
            take=one.take,
            by=by,
            at=one.at,
            why=one.why or model.why or "",
            key=one.key,
        )


def hash_decisions(decided: tuple[Decision, ...]) -> str:
    """Return the same text for the same decisions, in whatever order they stand."""
    lines = sorted(repr((one.table, one.rows, one.take, one.by, one.at, one.why)) for one in decided)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
