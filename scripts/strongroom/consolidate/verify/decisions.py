"""What people decided, read once more from ``decisions.yaml``, and the hash of a row (``.github/PLAN.md``, section 8).

Of the file's reader only the form (pydantic's models) is shared; what the words mean is derived here.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from strongroom.consolidate.verify.values import Row, Value, encode_text
from strongroom.core.errors import PlanError
from strongroom.core.plan.decisions import DecisionModel, DecisionsModel
from strongroom.core.quoting import fold
from strongroom.core.yaml_text.plain import read_plain_model

ALL = "all"
Take = int | str | Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one group."""

    number: int
    """Its place in the file, from 1."""
    into: str
    """``target.table``, as the file writes it."""
    rows: tuple[bytes, ...]
    """The hashes of its rows."""
    take: Take
    by: str | None
    at: datetime | None
    why: str | None
    key: str
    """What people know the group by."""

    @property
    def fits(self) -> tuple[bytes, ...]:
        """Return the same for all decisions about one group."""
        return tuple(sorted(self.rows))

    def name(self, *, is_secret: bool) -> str:
        """Name the decision in a sentence; where anything is encrypted without a cell."""
        about = "" if is_secret or not self.key else f" about {self.key}"
        return f"decision {self.number}{about}"


def read_kept_decisions(plan: Path) -> tuple[Decision, ...]:
    """Return the decisions that lie beside a plan; none where no file is. Raises PlanError."""
    return read_decided(plan.with_name("decisions.yaml"))


def is_kept(asked: Path, plan: Path, *, is_secret: bool) -> bool:
    """Tell whether the decisions beside a plan are those of the file that was asked for. Raises PlanError.

    Where something is encrypted (``is_secret``) they name no group: the run keeps no cell of a row.
    """
    wanted = [replace(decision, key="") if is_secret else decision for decision in read_decided(asked)]
    return wanted == list(read_kept_decisions(plan))


def read_decided(path: Path | None) -> tuple[Decision, ...]:
    """Return the decisions of a file that take something; none where there is no file. Raises PlanError."""
    if path is None or not path.is_file():
        return ()
    model = read_plain_model(path, DecisionsModel, PlanError)
    return tuple(_read_all(model))


def _read_all(model: DecisionsModel) -> Iterator[Decision]:
    for number, one in enumerate(model.decisions, start=1):
        if one.take is not None:
            yield _read(number, one, model)


def _read(number: int, one: DecisionModel, model: DecisionsModel) -> Decision:
    assert one.take is not None  # noqa: S101  for the type checker: those without were left out
    return Decision(
        number=number,
        into=one.table,
        rows=tuple(bytes.fromhex(row.sha256) for row in one.rows),
        take=one.take if isinstance(one.take, int | str) else dict(one.take),
        by=one.by or model.by or None,
        at=one.at,
        why=one.why or model.why or None,
        key=", ".join(one.key.values()),
    )


def sort_by_table(decisions: Sequence[Decision]) -> dict[str, tuple[Decision, ...]]:
    """Return the decisions by the folded name of their table."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(fold(decision.into), []).append(decision)
    return {into: tuple(held) for into, held in found.items()}


def hash_row(name: str, columns: Sequence[str], cells: Row) -> bytes:
    """Return the hash of a row of ``source.table``, by all of its columns as they stand in the source."""
    lines = [encode_text(name)]
    lines += [encode_text(column) + b"=" + _write(cell) for column, cell in zip(columns, cells, strict=True)]
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).digest()


def _write(value: Value) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, int):
        return b"I%d" % value
    if isinstance(value, float):
        return b"R" + struct.pack(">d", value).hex().encode()
    if isinstance(value, str):
        return b"T" + encode_text(value).hex().encode()
    return b"B" + value.hex().encode()
