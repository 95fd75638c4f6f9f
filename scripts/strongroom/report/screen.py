"""The screen: one console, and JSON as the last line of stdout."""

from __future__ import annotations

import json
import shutil
import sys

from rich.console import Console
from rich.table import Table

WIDE = 100


def open_console(*, color: bool) -> Console:
    """Return a console on stdout; piped output is as wide as a table needs."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((WIDE, 24)).columns if is_terminal else WIDE
    return Console(
        file=sys.stdout,
        width=width,
        no_color=not color,
        highlight=False,
        soft_wrap=False,
        emoji=False,
        markup=False,
    )


def print_json(content: object) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")


def new_table(*columns: str, numbers: bool = True) -> Table:
    """Return a plain table: the first column is words, the others numbers."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if place and numbers else "left",
            no_wrap=not place,
            min_width=len(column),
            overflow="fold",
        )
    return table


def number(value: int) -> str:
    """Write a number with thin groups of three; zero as a dot, so that the others stand out."""
    return f"{value:,}".replace(",", " ") if value else "·"
