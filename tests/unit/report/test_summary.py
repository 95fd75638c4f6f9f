"""The summary of a command line: Markdown that GitHub shows as it is meant, appended, whatever happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.collection import Collection
from invoke.context import Context

from strongroom.core.errors import DecisionNeededError, ExitCode
from strongroom.report import Screen
from strongroom.report.page import Chapter, Grid, Listing, Page, Sentence, Verbatim
from strongroom.report.summary import _escape, render_summary
from strongroom.tasks._program import OpsProgram
from strongroom.tasks._task import is_json, task

Run = Callable[..., int]


@task
def good(c: Context) -> None:
    """Say what was found."""
    screen = Screen(as_json=is_json(c), color=False)
    screen.table(("table", "read", "new id"), [("core.debates|<b>", "5", "3")])
    screen.list("carried along", ["core: index *ix*", "_all_"])
    screen.lines(["  row 5", "    name = `x`"])
    screen.conclude("published 1 database", word="PROVEN")
    screen.end({"exit": 0})


@task
def undecided(c: Context) -> None:
    """Need a decision."""
    Screen(as_json=is_json(c), color=False).say("88 of 100 rows were looked at")
    raise DecisionNeededError("quarantine", "88 rows wait", "consolidate.quarantine shows them")


@task
def broken(c: Context) -> None:
    """Show a bug."""
    raise RuntimeError("boom")


@task
def stale(c: Context) -> int:
    """Return an exit code."""
    return 7


@task
def stopped(c: Context) -> None:
    """Be stopped."""
    raise KeyboardInterrupt


NAMESPACE = Collection(Collection("a", good, undecided, broken, stale, stopped))


@pytest.fixture
def run() -> Run:
    return lambda *words: OpsProgram(NAMESPACE).main(["inv", *map(str, words)])


def test_what_was_shown_is_there_as_markdown(run: Run, tmp_path: Path) -> None:
    assert run("a.good", "--summary", tmp_path / "s.md") == 0
    assert (tmp_path / "s.md").read_text() == (
        "## a.good: done\n\n"
        "**PROVEN published 1 database**\n\n"
        "| table | read | new id |\n|---|---:|---:|\n| core.debates\\|&lt;b&gt; | 5 | 3 |\n\n"
        "**carried along**\n\n- core: index \\*ix\\*\n- \\_all\\_\n\n"
        "```\n  row 5\n    name = `x`\n```\n"
    )


def test_it_says_the_same_with_json(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.good", f"--summary={tmp_path / 'text.md'}") == 0
    capsys.readouterr()
    assert run("a.good", "--json", "--summary", tmp_path / "json.md") == 0
    assert json.loads(capsys.readouterr().out) == {"exit": 0}
    assert (tmp_path / "text.md").read_text() == (tmp_path / "json.md").read_text()


def test_it_is_appended_to_what_is_there(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "s.md"
    file.write_text("# of another step\n")
    assert run("a.good", "a.undecided", "--summary", file) == 4
    assert re.findall("^#.*$", file.read_text(), re.MULTILINE) == [
        "# of another step",
        "## a.good: done",
        "## a.undecided: exit 4",
    ]


def test_a_failure_says_what_went_wrong_what_it_means_and_what_to_do(run: Run, tmp_path: Path) -> None:
    assert run("--summary", tmp_path / "s.md", "a.undecided") == 4
    said = (tmp_path / "s.md").read_text()
    assert "> error: quarantine: 88 rows wait  \n> hint: consolidate.quarantine shows them  \n" in said
    assert f"> Exit code 4: {ExitCode.DECISION.meaning}." in said
    assert f"> What to do: {ExitCode.DECISION.advice}" in said
    assert said.endswith("\n\n88 of 100 rows were looked at\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("a.stale", 7, "## a.stale: exit 7"),
        ("a.stopped", 130, "> error: a.stopped: interrupted (SIGINT)"),
        ("a.broken", 1, "> error: RuntimeError: boom"),
        ("a.nope", 2, "> error: a.nope: no such task"),
        ("a.good --nope", 2, "## command line: exit 2"),
    ],
)
def test_however_it_ends_there_is_one(run: Run, tmp_path: Path, words: str, code: int, told: str) -> None:
    assert run(*words.split(), "--summary", tmp_path / "s.md") == code
    said = (tmp_path / "s.md").read_text()
    assert told in said
    assert f"> Exit code {code}: {ExitCode(code).meaning}." in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("a.good --summary", "error: --summary: needs a value"),
        ("a.good --summary --json", "error: --summary: needs a value"),
        ("a.good --summary=", "error: --summary: needs a value"),
    ],
)
def test_a_summary_without_a_file_is_exit_2(
    run: Run, capsys: pytest.CaptureFixture[str], words: str, line: str
) -> None:
    assert run(*words.split()) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[0]) == ("", line)


def test_a_place_that_cannot_be_written_is_found_before_the_work(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("a.good", "--summary", tmp_path / "missing" / "s.md") == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot be written (no such file or directory)" in said.err
    assert run("a.good", "--summary", tmp_path) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_disk_that_fills_does_not_change_how_the_work_ended(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.good", "--summary", "/dev/full") == 0
    assert "note: /dev/full: the summary could not be written (no space left on device)" in capsys.readouterr().err


def test_a_summary_stays_below_what_github_takes() -> None:
    chapter = Chapter(task="a.task")
    for number in range(5000):
        chapter.add(Verbatim(lines=[f"{number} " + "x" * 2000]))
    text = render_summary(Page(chapters=[chapter]), 0)
    assert len(text.encode()) < 1 << 20
    assert text.count("```") % 2 == 0
    assert text.endswith("The rest is left out here; the command shows it.\n")


def test_long_lists_are_cut_and_counted() -> None:
    chapter = Chapter(task="a.task")
    chapter.add(Listing(title="lines", lines=[str(number) for number in range(1500)]))
    chapter.add(Grid(heads=("a", "b"), rows=[("1", "2")], numbers=True))
    text = render_summary(Page(chapters=[chapter]), 0)
    assert "- 999\n" in text
    assert "- 1000\n" not in text
    assert "501 more lines are left out here" in text


@given(st.text(max_size=40))
def test_no_text_becomes_markup(text: str) -> None:
    said = _escape(text)
    assert not re.search(r"[\n\r<>]", said)
    assert not re.search(r"(?<!\\)(\\\\)*[`*|~\[\]#]", said.replace("&amp;", ""))


@given(st.lists(st.text("`~ab\n\r ", max_size=12), min_size=1, max_size=5))
def test_no_line_closes_its_fence(lines: list[str]) -> None:
    text = render_summary(Page(chapters=[Chapter(task="t", parts=[Verbatim(lines=lines)])]), 0)
    _, _, rest = text.partition("\n\n")
    fence = rest.split("\n", 1)[0]
    body = rest.removeprefix(fence + "\n").rstrip("\n").removesuffix(fence)
    assert set(fence) == {"`"}
    assert fence not in body


def test_a_conclusion_is_said_in_front() -> None:
    chapter = Chapter(task="t", parts=[Sentence(text="seen"), Sentence(text="done", is_conclusion=True)])
    assert render_summary(Page(chapters=[chapter]), 0) == "## t: done\n\n**done**\n\nseen\n"


def test_the_file_of_a_step_is_written_where_it_is_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "real.md").touch()
    (tmp_path / "s.md").symlink_to("real.md")
    assert run("a.good", "--summary", tmp_path / "s.md") == 0
    assert (tmp_path / "s.md").is_symlink()
    assert (tmp_path / "real.md").read_text().startswith("## a.good: done")
