"""Write a file of decisions to fill in: every open group of a run, what differs in it, and nothing taken yet."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from strongroom.consolidate.deciding.book import name_model
from strongroom.consolidate.deciding.desk import Desk, Survey
from strongroom.consolidate.deciding.groups import Group, GroupKey, find_table
from strongroom.consolidate.deciding.wording import quote_mapping, quote_name, write_apart, write_decision
from strongroom.consolidate.masking import MASK
from strongroom.core.errors import GuardError, PlanError
from strongroom.core.files import explain_os_error, sync_folder
from strongroom.core.plan.decisions import DecisionsModel
from strongroom.core.yaml_text.plain import quote_text, read_plain_model

_ROOM = 120
"""Characters of a value; longer ones are cut where they are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What a draft holds."""

    groups: int
    kept: int
    """Groups of it that were decided in the file before."""
    counted: Survey


def write_draft(desk: Desk, path: Path, table: str | None = None) -> Drafted:
    """Write every open group of a run into a file; what a draft of before decides stays as it is.

    Without an open group nothing is written. Raises GuardError where the file is anything else, UsageError for a table
    that is none, UnreachableError.
    """
    table = None if table is None else find_table(desk.folder, table)
    before = _read_before(path)
    decided = {} if before is None else {name_model(one): one for one in before.decisions if one.take is not None}
    counted = Survey(desk)
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "w", encoding="utf-8", opener=_open_private) as stream:
            stream.write("\n".join(_head(desk, path, before)) + "\n")
            written, kept = 0, set[GroupKey]()
            for group in _pass(desk, counted, table):
                model = decided.get(group.name)
                kept |= set() if model is None else {group.name}
                stream.write("\n" + (_write_open(group) if model is None else write_decision(model)))
                written += 1
            for name, model in decided.items():
                if name not in kept:
                    stream.write("\n" + write_decision(model))
            stream.flush()
            os.fsync(stream.fileno())
        if written:
            part.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        raise explain_os_error(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return Drafted(groups=written, kept=len(kept), counted=counted)


def _pass(desk: Desk, counted: Survey, table: str | None) -> Iterator[Group]:
    """Yield the open groups of a table, and count all that there are."""
    with closing(desk.read()) as groups:
        for group in groups:
            counted.see(group)
            if desk.is_offered(group) and table in (None, group.table):
                yield group


def _read_before(path: Path) -> DecisionsModel | None:
    """Read the draft that is continued; None where there is no file. Raises GuardError for any other file."""
    if not os.path.lexists(path):
        return None
    try:
        return read_plain_model(path, DecisionsModel, PlanError)
    except PlanError as error:
        fact = f"is there already, and is no draft to go on with ({error.fact})"
        raise GuardError(path, fact, "name another --draft FILE, or move it away") from error


def _head(desk: Desk, path: Path, before: DecisionsModel | None) -> Sequence[str]:
    target, file = shlex.quote(str(desk.home.target)), shlex.quote(str(path))
    name = desk.folder.name
    by = desk.author.by if before is None or before.by is None else before.by
    why = desk.author.why if before is None or before.why is None else before.why
    return (
        f"# Rows of run {name} that no rule decides: one group a paragraph, whose first row is the one shown now.",
        "# Say after take: 1, 2 … (that row), all (every row; later ones get another id), or {text: 2, tags: 3} (row 1",
        "# with these columns of those rows). Nothing there decides nothing. by: and why: hold where a group has none.",
        f"# Then: ./inv consolidate.decide --target {target} --decisions {file}",
        "version: 1",
        f"run: {quote_text(desk.folder.name)}",
        f"by: {quote_text(by)}",
        f"why: {quote_text(why)}",
        "decisions:",
    )


def _write_open(group: Group) -> str:
    """Write an undecided group as a paragraph: of its values those that differ."""
    columns = [(group.columns[place], _write_column(group, place)) for place in group.differs]
    lines = [f"- table: {quote_name(group.table)}", f"  key: {quote_mapping(group.key)}", "  rows:"]
    for row in group.rows:
        values = {name: texts[row.number - 1] for name, texts in columns}
        lines += [f"  # row {row.number} waits for a row that it refers to: it cannot be taken"] if row.waits else []
        lines.append(
            f'  - {{"source": {quote_name(row.source)}, "row": {row.rowid}, "sha256": "{row.sha256}", '
            f'"values": {quote_mapping(values)}}}'
        )
    return "\n".join([*lines, "  take:"]) + "\n"


def _write_column(group: Group, place: int) -> Sequence[str]:
    if group.form.hides(group.columns[place]):
        return ["NULL" if row.stored[place] is None else MASK for row in group.rows]
    return write_apart([row.stored[place] for row in group.rows], _ROOM)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
