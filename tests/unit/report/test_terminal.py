"""Nothing that comes of data moves a terminal, and nobody who stops reading changes how a command ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.errors import ExitCode, StrongroomError
from strongroom.report.log import say_bug, say_error, say_note, say_progress, say_warning
from strongroom.report.page import Grid, Listing, Page, Sentence, Verbatim
from strongroom.report.pods import PodOutput
from strongroom.report.screen import Screen, print_json
from strongroom.report.summary import render_summary
from strongroom.report.terminal import make_json_visible, make_lines_visible, make_visible

EVIL = "\x1b[2J\x1b]52;c;ZXZpbA==\x07\x9b31m\r\nPROVEN\u202efdp.exe\u2028\u2066\x7f\x00\ufeff\U000e0041"
HARMLESS = "é ü ß 日本語 \u00a0 नमस्\u200dते 👩\u200d👩\u200d👧 ≠ → \\x1b"
RAW = {
    character for character in map(chr, range(0x110000)) if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
}
KEPT = {"\n", "\u200c", "\u200d"}


def refuse_raw(text: str) -> None:
    assert not (RAW - KEPT) & set(text), ascii(text)


def test_what_moves_a_terminal_is_written_out() -> None:
    shown = make_visible(EVIL)
    refuse_raw(shown)
    assert "\n" not in shown
    assert shown.startswith(
        r"\x1b[2J\x1b]52;c;ZXZpbA==\x07\x9b31m\r\nPROVEN\u202efdp.exe\u2028\u2066\x7f\x00\ufeff\U000e0041"
    )


def test_what_people_write_stays() -> None:
    assert make_visible(HARMLESS) == HARMLESS
    assert make_lines_visible("a\nb\x1b") == "a\nb\\x1b"


def test_half_a_pair_is_written_out() -> None:
    assert make_visible("\udc80") == r"\udc80"


@given(st.text())
def test_json_means_the_same(text: str) -> None:
    written = make_json_visible(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    refuse_raw(written)


@given(st.text(alphabet=st.characters(), min_size=1))
def test_any_text_is_one_line_that_moves_nothing(text: str) -> None:
    shown = make_visible(text)
    refuse_raw(shown)
    assert "\n" not in shown


SHOWN: dict[str, Callable[[Screen], None]] = {
    "say": lambda screen: screen.say(EVIL),
    "conclude": lambda screen: screen.conclude(EVIL, word=EVIL, style="red"),
    "list": lambda screen: screen.list(EVIL, [EVIL, EVIL], most=1),
    "lines": lambda screen: screen.lines([EVIL]),
    "table": lambda screen: screen.table([EVIL, "b"], [[EVIL, EVIL]]),
    "a table without room": lambda screen: screen.table([EVIL * 2000, "b"], [[EVIL, EVIL]]),
    "JSON": lambda _: print_json({EVIL: EVIL}),
}


@pytest.mark.parametrize("way", SHOWN)
def test_a_screen_shows_it(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    SHOWN[way](Screen(color=False))
    shown = capsys.readouterr().out
    refuse_raw(shown)
    assert "PROVEN" in shown
    assert not any(line.lstrip().startswith("PROVEN") for line in shown.splitlines())


SAID: dict[str, Callable[[], None]] = {
    "error": lambda: say_error(StrongroomError(EVIL, EVIL, EVIL)),
    "traceback": lambda: say_error(StrongroomError("a", "b", "c"), trace=ValueError(EVIL)),
    "bug": lambda: say_bug(ValueError(EVIL)),
    "note": lambda: say_note(EVIL, EVIL),
    "warning": lambda: say_warning(EVIL, EVIL),
    "progress": lambda: say_progress(EVIL),
}


@pytest.mark.parametrize("way", SAID)
def test_so_does_stderr(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    SAID[way]()
    said = capsys.readouterr().err
    refuse_raw(said)
    assert "ZXZpbA" in said


def test_a_summary_shows_it_too() -> None:
    page = Page(keeps_parts=True)
    parts = (Sentence(text=EVIL), Sentence(text=EVIL, is_conclusion=True), Listing(title=EVIL, lines=[EVIL]))
    for part in (*parts, Grid(heads=[EVIL], rows=[[EVIL]], numbers=True), Verbatim(lines=[EVIL])):
        page.last.add(part)
    page.last.failure = StrongroomError(EVIL, EVIL, EVIL)
    refuse_raw(render_summary(page, int(ExitCode.REFUSED)))


def test_what_containers_write_comes_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    output, text = PodOutput(), f"begun {EVIL} é\nand the end"
    for byte in text.encode():
        output.write(bytes([byte]))
    output.write(b"\xff")
    output.end()
    shown = capsys.readouterr().out
    refuse_raw(shown)
    assert shown.endswith("é\nand the end\\xff\n")


def start(*words: str, **environment: str) -> subprocess.Popen[bytes]:
    here = {**os.environ, **environment}
    command = [sys.executable, "-P", "-m", "strongroom", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=here)


def test_no_stdout_at_all_changes_no_exit_code() -> None:
    command = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-P", "-m", "strongroom", "why", "--code", "0"]
    ended = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_encoding_changes_no_exit_code(tmp_path: Path) -> None:
    missing = tmp_path / "größe"
    with start("inventory.show", "--source", str(missing), PYTHONIOENCODING="ascii", PYTHONUTF8="0") as program:
        output, said = program.communicate(timeout=60)
    assert (program.returncode, output) == (int(ExitCode.UNREACHABLE), b"")
    assert rb"gr\xf6\xdfe" in said
    for words in (["why", "--code", "4"], ["why", "--code", "4", "--json"]):
        with start(*words, PYTHONIOENCODING="ascii", PYTHONUTF8="0") as program:
            output, said = program.communicate(timeout=60)
        assert (program.returncode, said) == (0, b"")
        assert output.isascii()


def test_ascii_takes_json_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_json({"a": "größe \U0001f600\x9b"})
    stream.flush()
    assert json.loads(stream.buffer.getvalue()) == {"a": "größe \U0001f600\x9b"}


def test_what_a_shell_reads_stays_as_it_is_unless_a_terminal_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Screen(color=False).give(["export A='a\nb\x1b'"])
    assert capsys.readouterr().out == "export A='a\nb\x1b'\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Screen(color=False).give(["export A='a\nb\x1b'"])
    assert capsys.readouterr().out.rstrip() == r"export A='a\nb\x1b'"
