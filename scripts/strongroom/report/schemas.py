"""Schemas in PostgreSQL on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, make_dataclass
from typing import TYPE_CHECKING

from strongroom.core.errors import ExitCode
from strongroom.report.screen import Screen

if TYPE_CHECKING:
    from strongroom.schema import Applied, Drift


def describe_results() -> dict[str, object]:
    """Return what ``--json`` prints, by task; imported late, as the driver is."""
    from strongroom.schema import Applied, Drift  # noqa: PLC0415

    applied = make_dataclass("AppliedFiles", [("server", str), ("databases", tuple[Applied, ...])])
    drift = make_dataclass("FoundDrift", [("server", str), ("databases", tuple[Drift, ...]), ("exit", ExitCode)])
    return {"postgres.apply": applied, "postgres.status": drift}


def show_applied(done: Sequence[Applied], place: str, *, as_json: bool, color: bool) -> None:
    """Print which files were applied to each database, or would be."""
    screen = Screen(as_json=as_json, color=color)
    is_dry = any(one.dry_run for one in done)
    heads = ("database", "would apply" if is_dry else "applied", "statements", "there before")
    screen.table(
        heads,
        [(one.database, ", ".join(one.applied) or "·", str(one.statements), str(len(one.there))) for one in done],
    )
    screen.end({"server": place, "databases": [asdict(one) for one in done]})


def show_drift(found: Sequence[Drift], place: str, *, as_json: bool) -> int:
    """Print how each schema differs from its files; return 7 when one does."""
    code = ExitCode.DONE if all(one.is_current for one in found) else ExitCode.PENDING
    screen = Screen(as_json=as_json)
    for one in found:
        lines = [*(f"pending: {name}" for name in one.pending), *one.differences]
        if one.edited is not None:
            lines.append(f"edited: {one.edited}")
        state = f"{len(lines)} differences" if lines else f"as its {one.applied} files say"
        screen.lines([f"{one.database}: {state}", *(f"  {line}" for line in lines)])
    screen.end({"server": place, "databases": [asdict(one) for one in found], "exit": code})
    return code
