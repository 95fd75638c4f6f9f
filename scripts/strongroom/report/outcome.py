"""How a consolidation ended: on screen, as JSON, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strongroom.consolidate.outcome import Outcome
from strongroom.core.errors import DecisionNeededError, DifferencesError, ExitCode
from strongroom.core.files import OWN_FOLDER, write_text
from strongroom.core.results import ReferenceTally, TableTally, Verdict
from strongroom.report.log import say_error
from strongroom.report.runs import show_strays
from strongroom.report.screen import Screen, count, number
from strongroom.report.terminal import make_visible

_COLUMNS = (
    "read",
    "inserted",
    "merged_identical",
    "merged_changed",
    "superseded",
    "quarantined",
    "filtered",
    "rewritten",
)
_HEADS = ("read", "in", "same", "merged", "beaten", "waiting", "left out", "new id")
_REFERENCES = {
    "followed": "followed",
    "orphans_before": "orphans before",
    "orphans_after": "after",
    "waiting": "waiting",
    "nulled": "made NULL",
    "kept": "kept",
}
_STYLES = {Verdict.PROVEN: "bold green", Verdict.PROVEN_WITH_QUARANTINE: "bold yellow"}
WRITTEN = "applications wrote to these since publish, so that only what was decided is proven of them"
_SHOWN = 10
RESULTS = {f"consolidate.{name}": Outcome for name in ("preview", "run", "verify")} | {"demo": Outcome}


def show_outcome(
    outcome: Outcome,
    *,
    as_json: bool,
    color: bool,
    again: bool = False,
    only_sentence: bool = False,
    folder: Path | None = None,
) -> int:
    """Print how a run ended, keep it as Markdown beside the run, and return its exit code."""
    if folder is not None and not outcome.dry_run:
        write_markdown(outcome, folder)
    _say_error(outcome)
    screen = Screen(as_json=as_json, color=color)
    if not outcome.nothing_done and not only_sentence:
        _show_tables(screen, outcome.tables)
        _show_references(screen, outcome.references)
        screen.list("carried along", outcome.carried, most=_SHOWN)
        screen.list("could not be carried", outcome.reported, most=_SHOWN)
        screen.list("orphans, kept as they were", () if outcome.references else outcome.notes, most=_SHOWN)
        discarded = "discarded, and kept in the run's previous/"
        screen.list(discarded, outcome.discarded, most=_SHOWN, style="yellow")
        screen.list("open while the targets went live", outcome.open_sources, most=_SHOWN, style="yellow")
        screen.list("differences", outcome.differences, most=_SHOWN, style="red")
    style = _STYLES.get(outcome.verdict, "bold red")
    screen.conclude(say(outcome, again=again), word=outcome.verdict.value, style=style)
    if again:
        show_strays(screen, outcome.strays)
    screen.end(outcome)
    return outcome.exit


def _say_error(outcome: Outcome) -> None:
    """Say on stderr, like any other error, why nothing was published."""
    if outcome.exit == ExitCode.DIFFERENCES:
        fact, hint = (
            f"found differences: {outcome.differences[0]}",
            f"all of them are in the report of run {outcome.run}",
        )
        say_error(DifferencesError("verification", fact, hint), run=outcome.run)
    elif outcome.exit == ExitCode.DECISION:
        fact = (
            f"{outcome.quarantined} rows wait for a person, and the budget is {outcome.budget}: staged, not published"
        )
        left = "publishes without them" if not outcome.undecided else "publishes, and they wait beside what is shown"
        see = "shows them" if not outcome.undecided else "shows them, consolidate.decide lets you choose"
        hint = f"consolidate.quarantine {see}; --quarantine-budget {outcome.quarantined} {left}"
        say_error(DecisionNeededError("quarantine", fact, hint), run=outcome.run)


def _show_tables(screen: Screen, tables: Mapping[str, TableTally]) -> None:
    """Show the tables whose rows did not all arrive plainly; the others in one line."""
    eventful = {name: tally for name, tally in tables.items() if tally.read != tally.inserted or tally.rewritten}
    if eventful:
        rows = [(name, *(number(getattr(tally, column)) for column in _COLUMNS)) for name, tally in eventful.items()]
        screen.table(("source table", *_HEADS), rows)
    plain = [tally for name, tally in tables.items() if name not in eventful]
    if plain:
        screen.say(
            f"and {len(plain)} tables whose {count(sum(tally.read for tally in plain))} rows all arrived as they were"
        )


def _show_references(screen: Screen, references: Mapping[str, ReferenceTally]) -> None:
    """Show the references of which a row follows, waits, or has no parent; the others in one line."""
    eventful = {name: tally for name, tally in references.items() if _list_figures(tally) != [0] * len(_REFERENCES)}
    if eventful:
        rows = [(f"{name} → {tally.parent}", *map(number, _list_figures(tally))) for name, tally in eventful.items()]
        screen.table(("reference", *_REFERENCES.values()), rows)
    if len(references) > len(eventful):
        screen.say(f"and {len(references) - len(eventful)} references that all lead where they led")


def _list_figures(tally: ReferenceTally) -> list[int]:
    return [getattr(tally, figure) for figure in _REFERENCES]


def say(outcome: Outcome, *, again: bool = False) -> str:
    """Say in one sentence of fact how the run ended."""
    rows = count(sum(tally.rows for tally in outcome.targets.values()))
    what = f"{len(outcome.published)} databases, {len(outcome.targets)} tables, {rows} rows"
    tail = f"{outcome.unexplained} unexplained, {outcome.quarantined} quarantined{_say_undecided(outcome)}"
    if again:
        return f"{len(outcome.targets)} tables, {rows} rows proven again (run {outcome.run}); {tail}"
    if outcome.nothing_done:
        return f"nothing to do: sources and targets are as run {outcome.run} left them; {tail}"
    if outcome.exit == ExitCode.DIFFERENCES:
        return f"nothing was published (run {outcome.run}); {len(outcome.differences)} differences, {tail}"
    if outcome.exit == ExitCode.DECISION:
        staged = "would be staged" if outcome.dry_run else f"staged, not published (run {outcome.run})"
        return f"{staged}; {tail}"
    verb = "would publish" if outcome.dry_run else "published"
    took = f"in {outcome.seconds:.1f} s" + ("" if outcome.dry_run else f" (run {outcome.run})")
    return f"{verb} {what} {took}; {tail}"


def _say_undecided(outcome: Outcome) -> str:
    """Say how many groups nobody decided, and whose version is shown."""
    found, total = outcome.undecided, sum(outcome.undecided.values())
    if not total:
        return ""
    groups = "1 group" if total == 1 else f"{total} groups"
    if len(found) == 1:
        return f"; {groups} undecided, the version of {next(iter(found))} is shown"
    shown = ", ".join(f"{source} ({count})" for source, count in found.items())
    return f"; {groups} undecided, the versions of {shown} are shown"


def write_markdown(outcome: Outcome, target: Path) -> None:
    """Write the report into the run's directory."""
    folder = target / OWN_FOLDER / "runs" / outcome.run
    if folder.is_dir() and not outcome.nothing_done:
        write_text(folder / "report.md", render_markdown(outcome))


def render_markdown(outcome: Outcome) -> str:
    """Render the report as Markdown."""
    lines = [
        f"# Run {outcome.run}: {outcome.verdict.value}",
        "",
        say(outcome),
        "",
        f"| source table | into | {' | '.join(_HEADS)} | unexplained |",
        "|---|---|" + "---:|" * (len(_HEADS) + 1),
    ]
    for name, tally in outcome.tables.items():
        figures = " | ".join(str(getattr(tally, column)) for column in (*_COLUMNS, "unexplained"))
        lines.append(f"| {_cell(name)} | {_cell(tally.into)} | {figures} |")
    if outcome.references:
        lines += [
            "",
            f"| reference | to | {' | '.join(_REFERENCES.values())} |",
            "|---|---|" + "---:|" * len(_REFERENCES),
        ]
        for name, reference in outcome.references.items():
            figures = " | ".join(map(str, _list_figures(reference)))
            lines.append(f"| {_cell(name)} | {_cell(reference.parent)} | {figures} |")
    for title, entries in (
        ("Differences", outcome.differences),
        ("Carried along", outcome.carried),
        ("Not carried", outcome.reported),
        ("Orphans, kept as they were", outcome.notes),
        ("Open while the targets went live", outcome.open_sources),
        ("Discarded, and kept in the run's previous/", outcome.discarded),
        (WRITTEN.capitalize(), outcome.written),
    ):
        if entries:
            lines += ["", f"## {title}", "", *(f"- {entry}" for entry in entries)]
    if outcome.dropped:
        lines += [
            "",
            "## Dropped by the plan, kept in archive.db",
            "",
            *(f"- {name}: {reason}" for name, reason in outcome.dropped.items()),
        ]
    return "\n".join(map(make_visible, lines)) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
