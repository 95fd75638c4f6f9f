"""The screen: sentences, lists and tables on stdout, or with ``--json`` one object as its last line."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from strongroom.core.json_schema import as_object
from strongroom.report.page import Grid, Listing, Sentence, Verbatim, keeps_parts, note_part
from strongroom.report.terminal import make_json_visible, make_visible

_WIDE = 1 << 16
"""Of what is no terminal: nothing is folded there, and nothing cut."""
_USUAL = 100
_GAP = 2
_NARROWEST = 16
"""Words are folded to so many columns before a table gives up being one."""


class Screen:
    """What a task shows, said once: as text, as JSON, and for the summary; what comes of data moves no terminal."""

    def __init__(self, *, as_json: bool = False, color: bool = True) -> None:
        """Show on stdout as it is now."""
        self._as_json = as_json
        self._is_terminal = sys.stdout.isatty()
        self._width = shutil.get_terminal_size((_USUAL, 24)).columns if self._is_terminal else _WIDE
        self._console = Console(
            file=sys.stdout,
            width=self._width,
            no_color=not color,
            highlight=False,
            emoji=False,
            markup=False,
        )

    @property
    def is_heard(self) -> bool:
        """Tell whether anybody reads the text: on the screen, or in the summary."""
        return not self._as_json or keeps_parts()

    def say(self, text: str) -> None:
        """Show a sentence."""
        note_part(Sentence(text=text))
        self._print(text)

    def conclude(self, text: str, *, word: str = "", style: str = "") -> None:
        """Show the sentence that says it all, after a word in colour."""
        note_part(Sentence(text=f"{word} {text}" if word else text, is_conclusion=True))
        if self._as_json:
            return
        if word:
            self._console.print(make_visible(word), style=style, end=" ")
        self._print(text)

    def list(
        self, title: str, lines: Sequence[str], *, most: int = 0, style: str = "", of: int = 0, where: str = "--json"
    ) -> None:
        """Show lines below a title, at most so many of them (0: all).

        They may be the first ones ``of`` so many; all of them are to be read ``where``.
        """
        if not lines:
            return
        note_part(Listing(title=title, lines=lines))
        self._print(f"{title}:", style="bold")
        shown = lines[: most or None]
        for line in shown:
            self._print(f"  {line}", style=style)
        more = max(of, len(lines)) - len(shown)
        if more:
            self._print(f"  and {count(more)} more ({where} shows all)")

    def lines(self, lines: Sequence[str], *, style: str = "") -> None:
        """Show lines as they are."""
        note_part(Verbatim(lines=lines))
        for line in lines:
            self._print(line, style=style)

    def give(self, lines: Sequence[str]) -> None:
        """Show lines that another program reads: as they are, and to a terminal as all others."""
        note_part(Verbatim(lines=lines))
        for line in lines:
            self._write(make_visible(line) if self._is_terminal else line)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> None:
        """Show a table: the first column is words, the others figures; where it is too wide, row by row.

        Every column stays, however narrow the terminal is.
        """
        grid = Grid(heads=heads, rows=rows, numbers=numbers)
        note_part(grid)
        if self._as_json:
            return
        grid = _make_grid_visible(grid)
        if _find_least(grid) <= self._width:
            self._console.print(_tabulate(grid))
            return
        for row in grid.rows:
            for line in _write_record(grid.heads, row, self._width):
                self._print(line)

    def end(self, result: object) -> None:
        """Print the result, where JSON is asked for."""
        if self._as_json:
            print_json(as_object(result))

    def _print(self, text: str, style: str = "") -> None:
        self._write(make_visible(text), style)

    def _write(self, text: str, style: str = "") -> None:
        if not self._as_json:
            self._console.print(text, style=style, soft_wrap=True)


def print_json(content: object) -> None:
    """Print one JSON object on one line, in ASCII where stdout cannot write all that there is."""
    is_ascii = "utf" not in (sys.stdout.encoding or "utf-8").lower()
    sys.stdout.write(make_json_visible(json.dumps(content, ensure_ascii=is_ascii, default=str)) + "\n")


def count(value: int) -> str:
    """Write a number with thin groups of three."""
    return f"{value:,}".replace(",", " ")


def number(value: int) -> str:
    """Write a number of a table: zero as a dot, so that the others stand out."""
    return count(value) if value else "·"


def _make_grid_visible(grid: Grid) -> Grid:
    rows = [[make_visible(value) for value in row] for row in grid.rows]
    return Grid(heads=[make_visible(head) for head in grid.heads], rows=rows, numbers=grid.numbers)


def _find_least(grid: Grid) -> int:
    """Return the columns that a table takes at least, its words folded and its figures whole."""
    widths = [max(map(cell_len, column)) for column in zip(grid.heads, *grid.rows, strict=True)]
    folded = [width if place and grid.numbers else min(width, _NARROWEST) for place, width in enumerate(widths)]
    least = [max(width, cell_len(head)) for width, head in zip(folded, grid.heads, strict=True)]
    return sum(least) + _GAP * (len(least) - 1)


def _tabulate(grid: Grid) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for place, head in enumerate(grid.heads):
        is_figure = bool(place) and grid.numbers
        table.add_column(
            head, justify="right" if is_figure else "left", no_wrap=is_figure, min_width=cell_len(head), overflow="fold"
        )
    for row in grid.rows:
        table.add_row(*row)
    return table


def _write_record(heads: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """Write a row as lines: each value behind its head, the first alone, then as many as there is room for."""
    lines, line = [f"{heads[0]} {row[0]}"], ""
    for head, value in zip(heads[1:], row[1:], strict=True):
        pair = f"{head} {value or '·'}"
        if line and cell_len(line) + _GAP + cell_len(pair) > width:
            lines.append(line)
            line = ""
        line = f"{line}{' ' * _GAP}{pair}"
    return [*lines, line] if line else lines
