"""Groups put before a person at a terminal: side by side where there is room, what differs marked."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from strongroom.consolidate.deciding.groups import Group, GroupRow
from strongroom.consolidate.deciding.session import View
from strongroom.consolidate.deciding.wording import write_apart
from strongroom.consolidate.masking import MASK
from strongroom.report.keys import Keys
from strongroom.report.terminal import make_visible

DIFFERS, SAME = "≠", "="
_NARROWEST = 22
"""Columns that a row needs to stand beside another."""
_LONGEST_NAME = 20
_LINES = 3
"""What a value may take; ``v`` shows all of it."""
_WHOLE = 1 << 16
_HELP = (
    ("1, 2 …", "take that row as it is; its key and its id stay those of row 1, which is shown now"),
    ("a", "all: every row stays, later ones under another id"),
    ("c", "choose column by column"),
    ("s", "skip: it stays undecided"),
    ("u", "undo: back to the group before, which is open again"),
    ("w", "write why; it goes with this choice and those that follow"),
    ("v", "view every value, uncut"),
    ("q", "quit; the same command goes on with the first open group (Ctrl-C does the same)"),
)


class Terminal:
    """Somebody who reads what is printed and answers with single keys."""

    def __init__(self, keys: Keys, *, color: bool = True, console: Console | None = None) -> None:
        """Show on stdout as it is now, or on another console."""
        self._keys, self._color, self._given = keys, color, console

    def _console(self) -> Console:
        """Return the terminal, as wide as it is now."""
        if self._given is not None:
            return self._given
        width = shutil.get_terminal_size((80, 24)).columns
        no_color = not self._color
        return Console(file=sys.stdout, width=width, no_color=no_color, highlight=False, emoji=False, markup=False)

    def show(self, view: View) -> None:
        """Put a group before them."""
        console, group = self._console(), view.group
        console.print()
        console.print(Rule(Text(f"{view.number} of {view.total}", style="bold"), align="left", characters="─"))
        key = ", ".join(f"{name} = {value}" for name, value in group.key.items())
        console.print(Text.assemble((make_visible(group.table), "bold"), "   ", make_visible(key)))
        console.print()
        if _find_room(console.width, group) >= _NARROWEST:
            console.print(_put_beside(group, console.width))
        else:
            _stack(console, group, console.width)
        _show_rest(console, group)
        if view.taken:
            console.print(Text(f"decided: {make_visible(view.taken)}", style="yellow"))
        if view.why:
            console.print(Text(f"why: {make_visible(view.why)}", style="dim"))
        console.print()

    def show_whole(self, group: Group) -> None:
        """Put every value before them, uncut."""
        console = self._console()
        for row in group.rows:
            console.print(_name_row(row, style="bold"))
            for place, name in enumerate(group.columns):
                mark = DIFFERS if place in group.differs else SAME
                value = _write(group, place, _WHOLE)[row.number - 1]
                console.print(Text(f"  {mark} {make_visible(name)} = {value}"), soft_wrap=True)

    def show_column(self, group: Group, place: int) -> None:
        """Put the values of one column before them."""
        console = self._console()
        console.print(Text(make_visible(group.columns[place]), style="bold"))
        for row, value in zip(group.rows, _write(group, place, console.width - 8), strict=True):
            note = "  (waits itself)" if row.waits else ""
            console.print(Text(f"  {row.number}  {value}{note}"), soft_wrap=True)

    def show_help(self, group: Group) -> None:
        """Say what each key does."""
        console = self._console()
        grid = Table.grid(padding=(0, 2))
        for key, meaning in _HELP:
            why_not = f" (not here: {group.form.why_not_all})" if key == "a" and group.form.why_not_all else ""
            grid.add_row(Text(f"  {key}", style="bold"), Text(f"{meaning}{why_not}"))
        console.print(grid)

    def press(self, group: Group | None, column: str | None = None) -> str:
        """Wait for a key, after those that mean something."""
        self._print(f"{_list_keys(group, column)} > ", end="")
        key = self._keys.read()
        self._print(key if key.isprintable() else "")
        return key

    def ask(self, question: str, before: str = "") -> str | None:
        """Ask for a line; Escape lets it be, Ctrl-U empties it."""
        said = before
        while True:
            room = max(self._console().width - cell_len(question) - 4, 10)
            self._print(f"\r\x1b[K{question}: {make_visible(said)[-room:]}", end="")
            key = self._keys.read()
            if key in ("\n", "\r", "", "\x1b", "\x04"):
                self._print("")
                return said.strip() if key in ("\n", "\r") else None
            said = _edit(said, key)

    def say(self, text: str) -> None:
        """Say a sentence."""
        self._print(f"  {make_visible(text)}")

    def _print(self, text: str, end: str = "\n") -> None:
        file = self._console().file
        file.write(text + end)
        file.flush()


def _edit(said: str, key: str) -> str:
    if key in ("\x7f", "\x08"):
        return said[:-1]
    if key == "\x15":
        return ""
    return said + key if key.isprintable() else said


def _list_keys(group: Group | None, column: str | None) -> str:
    if group is None:
        return "\nthat was the last group: u undo · any other key ends"
    if column is not None:
        return f"{make_visible(column)}: 1-{len(group.rows)} that row's · Enter row 1's · Esc back to the group"
    rows = f"1-{len(group.rows)} row" + (" and Enter" if len(group.rows) > 9 else "")  # noqa: PLR2004  one key each
    every = [] if group.form.why_not_all else ["a all"]
    columns = ["c columns"] if group.choosable else []
    rest = ["s skip", "u undo", "w why", "q quit", "? help"]
    return " · ".join([rows, *every, *columns, *rest])


def _find_room(width: int, group: Group) -> int:
    """Return the columns that each row gets where all stand beside each other."""
    names = max((min(cell_len(group.columns[place]), _LONGEST_NAME) for place in group.differs), default=0)
    return (width - names - 4) // len(group.rows) - 2


def _put_beside(group: Group, width: int) -> Table:
    """Put the rows of a group beside each other, what differs line by line."""
    room = _find_room(width, group)
    table = _begin_table()
    table.show_header = True
    for row in group.rows:
        table.add_column(_name_row(row), width=room, overflow="fold")
    for place in group.differs:
        values = _write(group, place, room * _LINES)
        cells = [_mark(group, row, place, value) for row, value in zip(group.rows, values, strict=True)]
        table.add_row(Text(DIFFERS, style="bold yellow"), Text(make_visible(group.columns[place])), *cells)
    return table


def _stack(console: Console, group: Group, width: int) -> None:
    """Put the rows of a group below each other."""
    names = max(min(cell_len(group.columns[place]), _LONGEST_NAME) for place in group.differs)
    columns = {place: _write(group, place, (width - names - 6) * _LINES) for place in group.differs}
    for row in group.rows:
        console.print(_name_row(row, style="bold"))
        table = _begin_table()
        table.add_column("", overflow="fold")
        for place, values in columns.items():
            is_same = row.number > 1 and group.is_as_shown(row, place)
            mark = Text(f"  {SAME}") if is_same else Text(f"  {DIFFERS}", style="bold yellow")
            table.add_row(mark, make_visible(group.columns[place]), _mark(group, row, place, values[row.number - 1]))
        console.print(table)


def _begin_table() -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True, max_width=_LONGEST_NAME, overflow="ellipsis")
    table.show_header = False
    return table


def _mark(group: Group, row: GroupRow, place: int, value: str) -> Text:
    """Write a value; where it is that of the shown row, only that."""
    if row.number > 1 and group.is_as_shown(row, place):
        return Text("as row 1", style="dim")
    return Text(value, style="" if row.number == 1 else "yellow")


def _name_row(row: GroupRow, style: str = "") -> Text:
    shown = " (shown)" if row.number == 1 else ""
    waits = ", waits itself: cannot be taken" if row.waits else ""
    return Text(f"{row.number}{shown}  {make_visible(row.label)}{waits}", style=style)


def _show_rest(console: Console, group: Group) -> None:
    """Name the columns in which all rows are alike, in a few lines."""
    known = {*group.key, group.form.identity} if not group.form.is_compared else {*group.key}
    places = [place for place, name in enumerate(group.columns) if place not in group.differs and name not in known]
    if not places:
        return
    room, parts = console.width * _LINES - 24, list[str]()
    for place in places:
        part = f"{make_visible(group.columns[place])} = {_write(group, place, 40)[0]}"
        room -= cell_len(part) + 2
        if room < 0:
            parts.append(f"and {len(places) - len(parts)} more columns")
            break
        parts.append(part)
    console.print(Text(f"{SAME} alike: {', '.join(parts)}", style="dim"))


def _write(group: Group, place: int, room: int) -> Sequence[str]:
    """Write a column of all rows, so that they can be told apart."""
    if group.form.hides(group.columns[place]):
        return ["NULL" if row.stored[place] is None else MASK for row in group.rows]
    return write_apart([row.stored[place] for row in group.rows], room)
