"""What may reach a terminal: text that moves no cursor and turns nothing around; output that no reader breaks off."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Categories of characters that are no sign of their own: controls, marks of direction, halves of pairs, line ends."""
_JOINERS = "\u200c\u200d"
"""Which belong to words of some scripts, and to emoji."""


def make_visible(text: str) -> str:
    r"""Return a text on one line, with ``\x1b`` and the like in place of each character that is no sign of its own."""
    if text.isprintable():
        return text
    return "".join(_spell(character) if _is_unseen(character) else character for character in text)


def make_lines_visible(text: str) -> str:
    """Return a text of several lines, each as ``make_visible`` gives it."""
    return "\n".join(map(make_visible, text.split("\n")))


def make_json_visible(text: str) -> str:
    """Return JSON with an escape in place of each such character; it means the same."""
    if text.isprintable():
        return text
    return "".join(_spell_in_json(character) if _is_unseen(character) else character for character in text)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS


def _spell(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _spell_in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class _Output(io.TextIOBase):
    """Stands for stdout: a reader that has gone away ends the output, and not the task."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here, as in io.TextIOWrapper
        return self._stream.encoding or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        """Let what is still to come go nowhere: what Python flushes at its own exit too."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        with suppress(BrokenPipeError):
            self._stream.flush()


@contextmanager
def steady_output() -> Iterator[None]:
    """Let neither an encoding nor a reader who has gone away end a command line, or change its exit code."""
    before = sys.stdout
    if before is None:  # closed by whoever started us (>&-): print passes over it, others do not
        sys.stdout = io.StringIO()
        yield
        return
    if isinstance(before, io.TextIOWrapper):
        before.reconfigure(errors="backslashreplace")
    output = _Output(before)
    sys.stdout = output
    try:
        yield
    finally:
        output.flush()
        sys.stdout = before
