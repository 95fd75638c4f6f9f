"""Who holds a file open: real processes, and a /proc of our own for what real ones seldom do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from strongroom.sqlite.openers import Opener, find_openers, survey_openers
from tests.processes import Child, open_child

Hold = Callable[..., Child]


@contextmanager
def holding(*arguments: str) -> Iterator[Child]:
    """Run a process that opens files by their modes, says so, and waits."""
    program = (
        "import sys; files = [open(p, m) for p, m in zip(sys.argv[1::2], sys.argv[2::2])];"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with open_child([sys.executable, "-c", program, *arguments]) as child:
        assert child.read_line() == "ready"
        yield child


@pytest.fixture
def hold() -> Iterator[Hold]:
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(holding(*map(str, arguments)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    path.write_bytes(b"content")
    return path


def test_a_file_that_nobody_holds_has_no_openers(file: Path) -> None:
    assert find_openers([file]) == ()


def test_our_own_descriptors_do_not_count(file: Path) -> None:
    with file.open("rb+"):
        assert find_openers([file]) == ()


@pytest.mark.parametrize(("mode", "writable"), [("rb", False), ("rb+", True), ("ab", True)])
def test_an_opener_is_named_with_what_it_may_do(file: Path, hold: Hold, mode: str, writable: bool) -> None:
    process = hold(file, mode)
    command = Path(f"/proc/{process.pid}/comm").read_text(encoding="utf-8").strip()
    assert find_openers([file]) == (Opener(path=file, pid=process.pid, command=command, writable=writable),)


def test_arguments_of_the_opener_are_not_told(file: Path, hold: Hold) -> None:
    hold(file, "rb", "/dev/null", "rb")
    assert "/dev/null" not in repr(find_openers([file]))
    assert "import sys" not in repr(find_openers([file]))


def test_one_process_that_holds_a_file_twice_is_told_once(file: Path, hold: Hold) -> None:
    hold(file, "rb", file, "rb+")
    assert [opener.writable for opener in find_openers([file])] == [True]


def test_links_and_renames_do_not_hide_an_opener(file: Path, hold: Hold, tmp_path: Path) -> None:
    process = hold(file, "rb")
    (tmp_path / "symbolic").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    moved = file.rename(tmp_path / "moved.db")
    (tmp_path / "symbolic").unlink()
    (tmp_path / "symbolic").symlink_to(moved)
    for path in (moved, tmp_path / "symbolic", tmp_path / "hard"):
        assert [(opener.path, opener.pid) for opener in find_openers([path])] == [(path, process.pid)]


def test_a_file_that_replaced_an_open_one_has_no_openers(file: Path, hold: Hold, tmp_path: Path) -> None:
    hold(file, "rb")
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"new")
    fresh.replace(file)
    assert find_openers([file]) == ()


def test_several_files_are_looked_for_in_one_pass(tmp_path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(20)]
    for path in paths:
        path.touch()
    first, second = hold(paths[3], "rb"), hold(paths[3], "rb", paths[7], "rb+")
    passes = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (passes.append(path), scandir(path))[1])
    found = find_openers(paths)
    assert sorted((opener.path.name, opener.pid) for opener in found) == sorted(
        [("3.db", first.pid), ("3.db", second.pid), ("7.db", second.pid)]
    )
    assert len(passes) == 1


def test_missing_files_and_no_files_have_no_openers(tmp_path: Path) -> None:
    assert find_openers([tmp_path / "missing", tmp_path / "missing" / "deeper"]) == ()
    assert find_openers([]) == ()
    assert find_openers(tmp_path / name for name in ("a", "b")) == ()


# A /proc of our own: processes that hide, end, or have no fdinfo.


def make_process(proc: Path, pid: int, opened: Path, *, info: str | None = "flags:\t0100002\n") -> Path:
    process = proc / str(pid)
    (process / "fd").mkdir(parents=True)
    (process / "fd" / "3").symlink_to(opened)
    (process / "fdinfo").mkdir()
    if info is not None:
        (process / "fdinfo" / "3").write_text(info, encoding="utf-8")
    (process / "comm").write_text("some server\n", encoding="utf-8")
    return process


@pytest.mark.parametrize(
    ("info", "writable"),
    [
        ("pos:\t0\nflags:\t0100000\nmnt_id:\t1\n", False),
        ("flags:\t0100001\n", True),
        ("flags:\t0100002\n", True),
        ("flags:\tnonsense\n", True),
        ("", True),
        (None, True),
    ],
)
def test_what_cannot_be_told_counts_as_writable(file: Path, tmp_path: Path, info: str | None, writable: bool) -> None:
    make_process(tmp_path / "proc", 7, file, info=info)
    found = find_openers([file], proc=tmp_path / "proc")
    assert found == (Opener(path=file, pid=7, command="some server", writable=writable),)


def test_processes_that_hide_are_counted(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pid in (7, 8, 9):
        make_process(tmp_path / "proc", pid, file)
    listdir = os.listdir

    def refuse(path: Path) -> list[str]:
        if path.parent.name == "8":
            raise PermissionError(13, "denied")
        if path.parent.name == "9":
            raise ProcessLookupError(3, "it ended")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    survey = survey_openers([file], proc=tmp_path / "proc")
    assert [opener.pid for opener in survey.openers] == [7]
    assert survey.blind == 1


def test_a_process_without_a_name_is_told_all_the_same(file: Path, tmp_path: Path) -> None:
    (make_process(tmp_path / "proc", 7, file) / "comm").unlink()
    assert [opener.command for opener in find_openers([file], proc=tmp_path / "proc")] == ["?"]


def test_a_machine_without_proc_shows_nothing(file: Path, tmp_path: Path) -> None:
    assert find_openers([file], proc=tmp_path / "no proc") == ()
