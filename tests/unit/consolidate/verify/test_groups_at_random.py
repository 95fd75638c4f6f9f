"""Random groups beside a plain oracle: right results are proven, and no claim of theirs can be another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.consolidate.verify.hand_made import Entry, HandMade
from tests.unit.consolidate.verify.test_undecided import LOOSE, T, made

Row = tuple[str, str, str]  # SQL of key, value and instant
DAYS = {"'2024-01-01'": 1, "'2024-01-01T00:00Z'": 1, "'2024-02-01'": 2, "NULL": 0}  # what else is written is none
VALUES = st.sampled_from(["1", "1.0", "'1'", "x'31'", "NULL", "''", "-0.0", "0.0"])
ROW = st.tuples(st.sampled_from(["'x'", "'X'", "'y'"]), VALUES, st.sampled_from([*DAYS, "'soon'"]))
ROWS = st.lists(ROW, max_size=3, unique_by=lambda row: row[0])
OTHERWISE = {"inserted": "quarantined", "quarantined": "superseded", "superseded": "quarantined",
             "merged_identical": "superseded"}  # fmt: skip


def find_winner(rule: str, rows: Sequence[Row]) -> int | None:
    """Say which row the rule chooses; None where it chooses none."""
    if len(set(rows)) == 1:
        return 0
    if rule == "quarantine" or any(row[2] not in DAYS for row in rows):
        return None
    latest = max(DAYS[row[2]] for row in rows)
    best = {row for row in rows if DAYS[row[2]] == latest}
    return rows.index(best.pop()) if len(best) == 1 else None


def predict(rule: str, files: Sequence[Sequence[Row]]) -> tuple[list[str], dict[str, list[Entry]], int]:
    """Return the target's rows, the ledger's entries, and how many groups are undecided, for rows by file."""
    offsets = [sum(map(len, files[:number])) for number, _ in enumerate(files)]
    groups: dict[str, list[tuple[int, int, Row]]] = {}
    for number, rows in enumerate(files):
        for place, row in enumerate(rows, start=1):
            groups.setdefault(row[0], []).append((number, place, row))
    built: list[str] = []
    entries: dict[str, list[Entry]] = {f"s{number}.t": [] for number, _ in enumerate(files)}
    undecided = 0
    for group in groups.values():
        winner = find_winner(rule, [row for _, _, row in group])
        number, place, row = group[winner or 0]
        stands, loser = place + offsets[number], "quarantined" if winner is None else "superseded"
        built.append(f"({stands}, {', '.join(row)})")
        if winner is None:
            undecided += 1
            entries[f"s{number}.t"].append((place, "inserted", rule, stands, None, None))
        for other, at, lost in group:
            if (other, at) != (number, place):
                fate = "merged_identical" if lost == row else loser
                entries[f"s{other}.t"].append((at, fate, rule, stands, number + 1, place))
    return built, entries, undecided


def write(rule: str, schema: str, files: Sequence[Sequence[Row]]) -> tuple[HandMade, int]:
    """Write the case that the oracle predicts, and how many groups of it are undecided."""
    built, entries, undecided = predict(rule, files)
    listed = {f"s{number}": ", ".join(f"({', '.join(row)})" for row in rows) for number, rows in enumerate(files)}
    by = ", by: at" if rule == "newest" else ""
    case = made(f"key: [k], on_conflict: {{rule: {rule}{by}}}", listed, "", entries, schema=schema)
    sources = {name: sql if listed[name] else schema for name, sql in case.sources.items()}
    filled = "; ".join(f"INSERT INTO t (rowid, k, v, at) VALUES {row}" for row in built)
    return replace(case, sources=sources, built=filled), undecided


def spoil(claim: Entry) -> list[list[Entry]]:
    """Return what may be claimed instead of what is so."""
    row, fate, rule, stands, winner, winner_row = claim
    return [
        [],
        [(row, OTHERWISE[fate], rule, stands, winner, winner_row)],
        [(row, fate, "merge", stands, winner, winner_row)],
        [(row, fate, rule, stands, None if winner else 1, winner_row)],
    ]


@settings(
    max_examples=min(settings.default.max_examples, 2000 if settings.get_current_profile_name() == "nightly" else 100)
)
@given(
    st.sampled_from(["quarantine", "newest"]),
    st.sampled_from([T, LOOSE]),
    st.lists(ROWS, min_size=2, max_size=3),
    st.data(),
)
def test_random_groups_are_proven_and_no_claim_of_theirs_can_be_another(
    rule: str, schema: str, files: list[list[Row]], data: st.DataObject
) -> None:
    case, undecided = write(rule, schema, files)
    found = case.verify()
    assert [line for part in found for line in part.differences] == []
    assert sum(sum(tally.undecided.values()) for part in found for tally in part.targets.values()) == undecided
    claims = [(name, place) for name, held in case.entries.items() for place, _ in enumerate(held)]
    if claims:
        name, place = data.draw(st.sampled_from(claims))
        held = case.entries[name]
        wrong = [*held[:place], *data.draw(st.sampled_from(spoil(held[place]))), *held[place + 1 :]]
        assert replace(case, entries={**case.entries, name: wrong}).prove()
