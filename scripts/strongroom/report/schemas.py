"""Schemas in PostgreSQL on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from strongroom.core.errors import ExitCode
from strongroom.report.screen import new_table, open_console, print_json

if TYPE_CHECKING:
    from strongroom.schema import Applied, Drift


def show_applied(done: Sequence[Applied], place: str, *, as_json: bool, color: bool) -> None:
    """Print which files were applied to each database, or would be."""
    if as_json:
        print_json({"server": place, "databases": [asdict(one) for one in done]})
        return
    is_dry = any(one.dry_run for one in done)
    table = new_table("database", "would apply" if is_dry else "applied", "statements", "there before")
    for one in done:
        table.add_row(one.database, ", ".join(one.applied) or "·", str(one.statements), str(len(one.there)))
    open_console(color=color).print(table)


def show_drift(found: Sequence[Drift], place: str, *, as_json: bool) -> int:
    """Print how each schema differs from its files; return 7 when one does."""
    code = ExitCode.DONE if all(one.is_current for one in found) else ExitCode.PENDING
    if as_json:
        print_json({"server": place, "databases": [asdict(one) for one in found], "exit": code})
        return code
    for one in found:
        lines = [*(f"pending: {name}" for name in one.pending), *one.differences]
        if one.edited is not None:
            lines.append(f"edited: {one.edited}")
        state = f"{len(lines)} differences" if lines else f"as its {one.applied} files say"
        print(f"{one.database}: {state}")
        for line in lines:
            print(f"  {line}")
    return code
