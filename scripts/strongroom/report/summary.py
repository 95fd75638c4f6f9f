"""The summary of a command line as Markdown, made for the step summary of a CI job."""

from __future__ import annotations

import os
import re
from pathlib import Path

from strongroom.core.errors import ExitCode, UnreachableError
from strongroom.report.page import Chapter, Grid, Listing, Page, Part, Sentence, Verbatim
from strongroom.report.terminal import make_lines_visible, make_visible

_MOST_BYTES = 256 << 10
"""GitHub refuses a step's summary beyond 1 MiB, and several commands share one."""


def open_summary(path: Path) -> None:
    """Make sure that a summary can be written, before the work begins.

    Raises UnreachableError.
    """
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        fact = f"cannot be written ({(error.strerror or str(error)).lower()})"
        raise UnreachableError(path, fact, "name another --summary FILE") from None


def write_summary(path: Path, page: Page, code: int) -> str | None:
    """Append the summary of a command line to a file; return why that failed, if it did."""
    text = render_summary(page, code).encode(errors="backslashreplace")
    try:
        with path.open("a+b") as file:
            is_begun = file.seek(0, os.SEEK_END) > 0
            file.write((b"\n" if is_begun else b"") + text)
    except OSError as error:
        return f"the summary could not be written ({(error.strerror or str(error)).lower()})"
    return None


def render_summary(page: Page, code: int) -> str:
    """Render what a command line said: a chapter for each task, the last one with how it ended."""
    *before, last = page.chapters or [page.last]
    text = "\n".join([*(_render_chapter(chapter, 0) for chapter in before), _render_chapter(last, code)])
    if len(text.encode()) <= _MOST_BYTES:
        return text
    cut = text.encode()[:_MOST_BYTES].decode(errors="ignore").rpartition("\n")[0]
    fence = "```\n" if cut.count("\n```") % 2 else ""
    return f"{cut}\n{fence}\nThe rest is left out here; the command shows it.\n"


def _render_chapter(chapter: Chapter, code: int) -> str:
    blocks = [f"## {_escape(chapter.task)}: {_describe(code)}"]
    ends = [part for part in chapter.parts if isinstance(part, Sentence) and part.is_conclusion]
    blocks += [f"**{_escape(part.text)}**" for part in ends]
    if code:
        blocks.append(_render_failure(chapter, code))
    blocks += [_render_part(part) for part in chapter.parts if part not in ends]
    if chapter.left_out:
        blocks.append(f"{chapter.left_out} more lines are left out here; the command shows them.")
    return "\n\n".join(blocks) + "\n"


def _render_failure(chapter: Chapter, code: int) -> str:
    lines = []
    if chapter.failure is not None:
        lines.append(f"> error: {_escape(str(chapter.failure))}")
        if chapter.failure.hint:
            lines.append(f"> hint: {_escape(chapter.failure.hint)}")
    known = ExitCode.find(code)
    if known is not None:
        lines += [f"> Exit code {code}: {known.meaning}.", f"> What to do: {known.advice}"]
    return "  \n".join(lines)


def _render_part(part: Part) -> str:
    if isinstance(part, Sentence):
        return _escape(part.text)
    if isinstance(part, Listing):
        return "\n".join([f"**{_escape(part.title)}**", "", *(f"- {_escape(line)}" for line in part.lines)])
    return _render_grid(part) if isinstance(part, Grid) else _render_verbatim(part)


def _render_grid(grid: Grid) -> str:
    rest = "---:|" if grid.numbers else "---|"
    rows = [f"| {' | '.join(map(_escape, row))} |" for row in (grid.heads, *grid.rows)]
    return "\n".join([rows[0], "|---|" + rest * (len(grid.heads) - 1), *rows[1:]])


def _render_verbatim(part: Verbatim) -> str:
    """Fence lines as they are, with a fence that none of them closes."""
    text = "\n".join(map(make_lines_visible, part.lines))
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _describe(code: int) -> str:
    return "done" if code == ExitCode.DONE else f"exit {code}"


def _escape(text: str) -> str:
    """Keep a text a text: on one line, with nothing of it read as Markdown or HTML."""
    flat = make_visible(re.sub(r"[\x00-\x1f\x7f]+", " ", text))
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*~|\[\]#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", flat)
