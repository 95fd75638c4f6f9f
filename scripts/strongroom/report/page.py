"""What the tasks of a command line said, kept until its summary is written: one chapter for each task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from strongroom.core.errors import StrongroomError

_MOST_LINES = 1000
"""What a chapter keeps: the summary of a step is read by people, and bounded by whoever shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence; ``is_conclusion``: the one that says it all."""

    text: str
    is_conclusion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Lines below a title."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: the first column is words, the others figures where ``numbers``."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """Lines whose spaces mean something."""

    lines: Sequence[str]


Part: TypeAlias = Sentence | Listing | Grid | Verbatim


@dataclass(slots=True, kw_only=True)
class Chapter:
    """What one task said, and how it ended."""

    task: str
    parts: list[Part] = field(default_factory=list)
    failure: StrongroomError | None = None
    lines: int = 0
    left_out: int = 0

    def add(self, part: Part) -> None:
        """Keep a part as long as there is room; lines that follow each other are one part."""
        size, room = _size_of(part), _MOST_LINES - self.lines
        self.left_out += max(size - room, 0)
        self.lines += min(size, room)
        if not room:
            return
        part = _cut(part, room)
        last = self.parts[-1] if self.parts else None
        if isinstance(part, Verbatim) and isinstance(last, Verbatim):
            self.parts[-1] = Verbatim(lines=[*last.lines, *part.lines])
        else:
            self.parts.append(part)


@dataclass(slots=True)
class Page:
    """What a command line said."""

    chapters: list[Chapter] = field(default_factory=list)
    keeps_parts: bool = False
    """Whether a summary is written of it."""

    @property
    def last(self) -> Chapter:
        """Return the chapter of the task at work; of the command line itself before there is one."""
        if not self.chapters:
            self.chapters.append(Chapter(task="command line"))
        return self.chapters[-1]


_pages: list[Page] = []
"""The page of the command line at work; tests call tasks without one."""


@contextmanager
def open_page(*, keeps_parts: bool) -> Iterator[Page]:
    """Note what is said from now on."""
    page = Page(keeps_parts=keeps_parts)
    _pages.append(page)
    try:
        yield page
    finally:
        _pages.remove(page)


def begin_chapter(task: str) -> None:
    """Begin to note what a task says."""
    if _pages:
        _pages[-1].chapters.append(Chapter(task=task))


def task_at_work() -> str | None:
    """Return the task that has the word; None before there is one."""
    return _pages[-1].chapters[-1].task if _pages and _pages[-1].chapters else None


def keeps_parts() -> bool:
    """Tell whether anybody will read the parts."""
    return bool(_pages) and _pages[-1].keeps_parts


def note_part(part: Part) -> None:
    """Keep a part for the summary."""
    if keeps_parts():
        _pages[-1].last.add(part)


def note_failure(error: StrongroomError) -> None:
    """Keep what went wrong for the summary."""
    if _pages:
        _pages[-1].last.failure = error


def _cut(part: Part, room: int) -> Part:
    if isinstance(part, Sentence):
        return part
    return replace(part, rows=part.rows[:room]) if isinstance(part, Grid) else replace(part, lines=part.lines[:room])


def _size_of(part: Part) -> int:
    if isinstance(part, Sentence):
        return 1
    return len(part.rows) if isinstance(part, Grid) else len(part.lines)
