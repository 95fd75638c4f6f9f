"""One session of pytest in a forked child: what its tests run through, or how the first that fails does."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest

from tests.mutants.areas import PACKAGE, REPOSITORY
from tests.mutants.judge import Judgement, Verdict
from tests.mutants.tested.places import WHOLE, Case, group_files

_LOADS = f"{PACKAGE}{os.sep}load{os.sep}"
_OURS = f"{PACKAGE}{os.sep}"
_BUG = 1
"""The exit code of what nobody foresaw."""
_SHOWN = 140
_OF_TESTS = re.compile(r"(?:site|role|load|other|shop)\w*\Z")


def run_tests(tests: Sequence[Case], scratch: Path, server: str) -> Judgement:
    """Run tests until one fails, in this process as it is now; say what became of what is planted in it."""
    watch = Watch([test.name for test in tests])
    _run([*group_files(tests), "--exitfirst"], watch, scratch, server)
    return watch.found or Judgement(Verdict.SURVIVED, f"all {len(tests)} tests pass")


def trace_tests(files: Sequence[str], scratch: Path, server: str) -> list[Case]:
    """Run every test of some files; return each with the lines of loads that it runs.

    Raises RuntimeError when one fails.
    """
    reach = Reach(scratch)
    code = _run(files, reach, scratch, server)
    if code:
        raise RuntimeError(f"with nothing planted the tests end with {code}: {scratch / 'said'}")
    return reach.tests


def _run(arguments: Sequence[str], plugin: object, scratch: Path, server: str) -> int:
    scratch.mkdir(parents=True, exist_ok=True)
    if server:
        os.environ["STRONGROOM_TEST_POSTGRES"] = server
        clear_server(server)
    said = os.open(scratch / "said", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(said, stream)
    os.chdir(REPOSITORY)
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-Wignore::pytest.PytestAssertRewriteWarning",
        f"--basetemp={scratch / 'temporary'}",
    ]
    return int(pytest.main([*options, *arguments], plugins=[_Whole(), plugin]))


def clear_server(server: str) -> None:
    """Drop what a session that was ended left: tests make databases and roles under numbers of their own."""
    place, _, more = server.partition("?")
    with psycopg.connect(f"{place}/postgres?{more}", autocommit=True) as connection:
        for kind, listed in (("DATABASE", "SELECT datname FROM pg_database"), ("ROLE", "SELECT rolname FROM pg_roles")):
            for (name,) in connection.execute(listed.encode()).fetchall():
                if _OF_TESTS.match(name):
                    end = " WITH (FORCE)" if kind == "DATABASE" else ""
                    connection.execute(f'DROP {kind} "{name}"{end}'.encode())


class _Whole:
    """Takes the mark of a sample off of whole files, and off of the cases of some, before any are left out."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for node in {node for item in items for node in item.listchain()}:
            is_asked = isinstance(node, pytest.Module) or node.path.name in WHOLE
            node.own_markers = [mark for mark in node.own_markers if not (is_asked and mark.name == "sample")]


class Watch:
    """Runs the tests that are wanted, in their order, and judges the first that fails."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._places = dict(zip(wanted, count(), strict=False))
        self._bugs: list[str] = []
        self.found: Judgement | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = {one: self._find(one.nodeid) for one in items}
        items[:] = sorted((one for one in items if chosen[one] is not None), key=lambda one: chosen[one] or 0)

    def _find(self, name: str) -> int | None:
        return self._places.get(name, self._places.get(name.partition("::")[0]))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.found = self.found or Judgement(Verdict.CRASHED, _cut(f"{report.nodeid}: {report.longreprtext[-99:]}"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Note what a command line calls a bug: the test then sees no more than its exit code."""
        self._bugs.clear()
        for name in ("strongroom.report", "strongroom.report.log"):
            module = sys.modules.get(name)
            if module is not None:
                for call in ("say_bug", "say_error"):
                    _listen(module, call, self._bugs)

    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]) -> None:
        if self.found is None and call.excinfo is not None:
            error = call.excinfo.value
            said = _cut(f"{_shorten(node.nodeid)}: {self._bugs[0] if self._bugs else _show(error)}")
            is_crash = bool(self._bugs) or is_traceback(error)
            self.found = Judgement(Verdict.CRASHED if is_crash else Verdict.NOTICED, said)


def is_traceback(error: BaseException) -> bool:
    """Tell whether an exception that is none of ours, or a bug by its exit code, left our code."""
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return False
    if type(error).__module__.startswith("strongroom."):
        return int(getattr(error, "exit_code", 0)) == _BUG
    return any(frame.filename.startswith(_OURS) for frame in traceback.extract_tb(error.__traceback__))


def _listen(module: Any, name: str, heard: list[str]) -> None:
    call = getattr(module, name, None)
    if call is None or hasattr(call, "is_listening"):
        return

    def listen(error: BaseException, *arguments: Any, **options: Any) -> Any:
        if int(getattr(error, "exit_code", _BUG)) == _BUG:
            heard.append(f"{type(error).__name__}: {error}")
        return call(error, *arguments, **options)

    listen.is_listening = True  # type: ignore[attr-defined]
    setattr(module, name, listen)


class Reach:
    """Notes the lines of loads that each test runs, in this process and in those that are forked from it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "forked"
        self._folder.mkdir(parents=True)
        self._lines: set[tuple[str, int]] = set()
        self._noted: dict[str, set[tuple[str, int]]] = {}

    @property
    def tests(self) -> list[Case]:
        return [Case(name, frozenset(lines)) for name, lines in self._noted.items()]

    def pytest_sessionstart(self) -> None:
        own = os.getpid()

        def follow(frame: FrameType, event: str, _: Any) -> Any:
            line = frame.f_code.co_filename, frame.f_lineno
            if event == "line" and line not in self._lines:
                self._lines.add(line)
                if os.getpid() != own:  # whoever is at work there may be ended at any moment
                    self._write()
            return follow

        def enter(frame: FrameType, event: str, argument: Any) -> Any:
            return follow(frame, event, argument) if frame.f_code.co_filename.startswith(_LOADS) else None

        threading.settrace(enter)
        sys.settrace(enter)

    def _write(self) -> None:
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(sorted(self._lines)), encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for path in self._folder.glob("*.json"):
            self._lines |= {(file, line) for file, line in json.loads(path.read_text(encoding="utf-8"))}
            path.unlink()
        noted = self._noted.setdefault(report.nodeid, set())
        noted |= {(os.path.relpath(file, PACKAGE), line) for file, line in self._lines}
        self._lines.clear()


def _shorten(name: str) -> str:
    file, _, test = name.partition("::")
    return f"{Path(file).name}::{test}"


def _show(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
