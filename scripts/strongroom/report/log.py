"""What goes to stderr: errors, notes and progress, as text for people or as JSON, one object a line, for Pods."""

from __future__ import annotations

import io
import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from strongroom.core.errors import ExitCode, StrongroomError
from strongroom.core.scrubbing import scrub
from strongroom.core.transit import LOGGER
from strongroom.report.page import note_failure, task_at_work
from strongroom.report.terminal import make_lines_visible, make_visible

FORMATS = ("text", "json")


class _Lines(io.TextIOBase):
    """Stands for stderr under ``--log json``: what anybody else prints there becomes an object a line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.run: str | None = None
        self._left = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def isatty(self) -> bool:
        return False

    def write(self, text: str, /) -> int:
        *lines, self._left = (self._left + text).split("\n")
        for line in filter(str.strip, lines):
            self.put("info", line.rstrip())
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def end(self) -> None:
        """Say what was left without an end of line."""
        if self._left.strip():
            self.write("\n")

    def put(self, level: str, message: str, **fields: object) -> None:
        """Write one event; a field without a value is left out."""
        event = {"time": _now(), "level": level, "message": message, "task": task_at_work(), "run": self.run, **fields}
        said = {name: value for name, value in event.items() if value not in (None, "")}
        self.stream.write(json.dumps(said, ensure_ascii=True, default=str) + "\n")
        self.stream.flush()


class _Warnings(logging.Handler):
    """Says on stderr which weak ways are used; each once, however often a command line goes it."""

    def __init__(self) -> None:
        super().__init__()
        self._said = set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line not in self._said:
            self._said.add(line)
            subject, _, fact = line.partition(": ")
            say_warning(subject, fact)


@contextmanager
def speaking(form: str) -> Iterator[None]:
    """Let stderr speak ``text`` or ``json`` for the length of a command line."""
    warnings, passed_on = _Warnings(), LOGGER.propagate
    LOGGER.addHandler(warnings)
    LOGGER.propagate = False
    try:
        with _speaking(form):
            yield
    finally:
        LOGGER.removeHandler(warnings)
        LOGGER.propagate = passed_on


@contextmanager
def _speaking(form: str) -> Iterator[None]:
    if form != "json":
        yield
        return
    before = sys.stderr
    lines = _Lines(before)
    sys.stderr = lines
    try:
        yield
    finally:
        lines.end()
        sys.stderr = before


def is_for_machines() -> bool:
    """Tell whether stderr speaks JSON. Read-only."""
    return isinstance(sys.stderr, _Lines)


def name_run(run: str) -> None:
    """Let what is said from now on name the run."""
    if isinstance(sys.stderr, _Lines):
        sys.stderr.run = run


def say_error(error: StrongroomError, *, trace: BaseException | None = None, run: str | None = None) -> None:
    """Say an error: a line and a hint, after the traceback of ``trace`` where it is wanted."""
    note_failure(error)
    if isinstance(sys.stderr, _Lines):
        sys.stderr.put(
            "error",
            str(error),
            subject=error.subject,
            fact=error.fact,
            hint=error.hint,
            exit_code=int(error.exit_code),
            **({"run": run} if run else {}),
            traceback=_trace(trace),
        )
        return
    if trace is not None:
        print(make_lines_visible(_trace(trace)), end="", file=sys.stderr)
    lines = [f"error: {error.subject}: {error.fact}"] + ([f" hint: {error.hint}"] if error.hint else [])
    print("\n".join(map(make_visible, lines)), file=sys.stderr)


def say_bug(error: BaseException) -> None:
    """Say what nobody foresaw, with its traceback."""
    name, fact = type(error).__name__, scrub(str(error))
    note_failure(StrongroomError(name, fact or "no more is known", "this is a bug: please report it"))
    if isinstance(sys.stderr, _Lines):
        said = {"subject": name, "fact": fact, "exit_code": int(ExitCode.BUG)}
        sys.stderr.put("error", f"{name}: {fact}", **said, traceback=_trace(error))
        return
    print(make_lines_visible(_trace(error)), end="", file=sys.stderr)


def say_note(subject: object, fact: str) -> None:
    """Say what a person should know, and what is no error."""
    if isinstance(sys.stderr, _Lines):
        sys.stderr.put("warning", f"{subject}: {fact}", subject=str(subject), fact=fact)
        return
    print(make_visible(f" note: {subject}: {fact}"), file=sys.stderr)


def say_warning(subject: object, fact: str) -> None:
    """Say what is done all the same, and should not be."""
    if isinstance(sys.stderr, _Lines):
        sys.stderr.put("warning", f"{subject}: {fact}", subject=str(subject), fact=fact)
        return
    print(make_visible(f"warning: {subject}: {fact}"), file=sys.stderr)


def say_progress(line: str, **fields: object) -> None:
    """Say what is being done; ``fields`` are the same in figures."""
    if isinstance(sys.stderr, _Lines):
        sys.stderr.put("info", line, **fields)
        return
    print(f"{make_visible(line)} …", file=sys.stderr, flush=True)


def say_end(task: str, code: int, seconds: float) -> None:
    """Say to machines with which exit code the command line ended; people see it."""
    if isinstance(sys.stderr, _Lines):
        sys.stderr.put("info", f"{task} ended with exit code {code}", exit_code=code, seconds=round(seconds, 3))


def _trace(error: BaseException | None) -> str:
    """Return a traceback as text; what libraries raise may hold what they were given, so keys are taken out."""
    return "" if error is None else scrub("".join(traceback.format_exception(error)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
