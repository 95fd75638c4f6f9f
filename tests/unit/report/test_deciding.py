"""A group as it is put before a person, at the widths of real terminals."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from strongroom.consolidate.deciding.groups import Group
from strongroom.consolidate.deciding.session import View
from strongroom.consolidate.deciding.tables import TableForm
from strongroom.report.deciding import Terminal
from tests.unit.consolidate.deciding.groups_by_hand import make_group, text

LONG = "The house believes that a careful merge is worth more than a fast one. " * 5
COLUMNS = ("id", "topic", "verdict", "votes", "token", "at")
FORM = TableForm(into="core.debates", key=("id",), hidden=frozenset(["token"]), why_not_all="it keeps its ids")
ROWS = [
    [text("d-1"), text("Merge?"), text(f"{LONG}So says live."), 3, text("S3CRET-1"), None],
    [text("d-1"), text("Merge?"), text(f"{LONG}So says old."), 4, text("S3CRET-2"), None],
    [text("d-1"), text("Merge?"), text(f"{LONG}So says live."), 3.0, None, None],
]


@dataclass
class Listed:
    """Keys from a list."""

    keys: Iterator[str]

    def read(self) -> str:
        return next(self.keys, "")


def render(group: Group, width: int, **view: str) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False, emoji=False, markup=False)
    terminal = Terminal(Listed(iter("1")), console=console)
    terminal.show(View(group=group, number=12, total=24, why=view.get("why", ""), taken=view.get("taken", "")))
    terminal.press(group)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("rows", [2, 3])
def test_a_group_is_shown_as_it_was_read(width: int, rows: int, assert_golden: Callable[[str, str], None]) -> None:
    shown = render(make_group(ROWS[:rows], columns=COLUMNS, form=FORM), width, why="old is newer")
    assert_golden(f"decide-{rows}-rows-{width}.txt", shown)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("rows", [2, 3])
def test_no_line_is_wider_than_the_terminal(width: int, rows: int) -> None:
    shown = render(make_group(ROWS[:rows], columns=COLUMNS, form=FORM), width)
    wide = [line for line in shown.splitlines() if cell_len(line) > width and " > " not in line]
    assert wide == []


def test_what_differs_is_marked_without_colour_and_secrets_are_masked() -> None:
    shown = render(make_group(ROWS, columns=COLUMNS, form=FORM), 160)
    marked = [line.split()[1] for line in shown.splitlines() if line.startswith("≠")]
    assert marked == ["verdict", "votes", "token"]
    assert "S3CRET" not in shown
    assert "•••" in shown
    assert "as row 1" in shown
    assert "= alike: topic = 'Merge?', at = NULL" in shown
    assert "a all" not in shown


def test_nothing_in_a_value_moves_the_cursor() -> None:
    evil = "\x1b[2J\r\n\u202eabc\x9b1m"
    form = replace(FORM, key=("id", "topic"))
    rows = [
        [text(evil), text(evil), text(evil), 1, None, text(evil)],
        [text(evil), text(evil), text("x"), 1, None, text(evil)],
    ]
    group = make_group(rows, columns=COLUMNS, form=form, sources=("li\x1bve", "old"))
    shown = render(group, 100, why=evil, taken=evil)
    assert [letter for letter in shown if letter != "\n" and not letter.isprintable()] == []


def test_a_row_that_waits_itself_says_so() -> None:
    assert "waits itself: cannot be taken" in render(make_group(ROWS[:2], columns=COLUMNS, form=FORM, waits=[2]), 120)


def test_wide_letters_keep_their_columns() -> None:
    rows = [[text("k"), 1, text("漢" * 90), 0, None, None], [text("k"), 1, text("字" * 90), 0, None, None]]
    shown = render(make_group(rows, columns=COLUMNS, form=FORM), 80)
    assert max(cell_len(line) for line in shown.splitlines()[:-1]) <= 80
    assert "漢" in shown
    assert "字" in shown


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["a", "b", "\r"], "oldab"),
        (["\x7f", "\x7f", "x", "\n"], "ox"),
        (["\x15", "n", "é", "\x1b[A", "\n"], "né"),
        (["a", "\x1b"], None),
        (["a"], None),
    ],
)
def test_a_line_is_typed_and_corrected(keys: list[str], line: str | None) -> None:
    console = Console(file=io.StringIO(), width=80)
    assert Terminal(Listed(iter(keys)), console=console).ask("why", "old") == line


def test_help_names_every_key_that_is_listed() -> None:
    group = make_group(ROWS[:2], columns=COLUMNS, form=replace(FORM, why_not_all=""))
    console = Console(file=io.StringIO(), width=120, no_color=True, highlight=False)
    terminal = Terminal(Listed(iter("q")), console=console)
    terminal.show_help(group)
    file = console.file
    assert isinstance(file, io.StringIO)
    helped = {line.split()[0] for line in file.getvalue().splitlines() if line.strip()}
    listed = {word.split()[0] for word in render(group, 120).splitlines()[-1].partition(" > ")[0].split(" · ")}
    assert listed - {"1-2", "?"} <= helped
