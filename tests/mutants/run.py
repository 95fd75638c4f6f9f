"""Judge faults, each in a child that was forked from a process which has imported everything already."""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from tests.mutants.areas import Mutant
from tests.mutants.fixtures import FIXTURES, Fixture
from tests.mutants.judge import Judgement, Reference, Verdict, judge
from tests.mutants.planting import list_modules, plant, read_imports
from tests.mutants.reach import Lines, read_lines, trace_into
from tests.mutants.steps import End, Step, perform, prepare

_SECONDS = 20.0
"""What a mutant may take; the slowest machines take a fifth of it."""
_MOST_SECONDS = 120.0
"""What doing everything once may take, while every line is noted."""
LATE = object()
"""In place of the answer of a child that took too long."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The prepared trees, and what their runs end with when nothing is planted."""

    prepared: Path
    reference: Reference
    reached: dict[str, Lines]
    """By fixture: the lines of our code that it runs."""
    jobs: int

    def judge(self, mutants: Sequence[Mutant]) -> list[Judgement]:
        """Judge every mutant in a child of its own, as many at once as there are cores; in their order."""
        dead, late = Judgement(Verdict.CRASHED, "the process died"), Judgement(Verdict.HANGS, f"for {_SECONDS:.0f} s")
        met = [mutant for mutant in mutants if self._find_fixtures(mutant)]
        answers = run_children([partial(self._judge_here, mutant) for mutant in met], self.jobs, seconds=_SECONDS)
        found = {
            mutant.name: late if answer is LATE else answer or dead for mutant, answer in zip(met, answers, strict=True)
        }
        return [found.get(mutant.name, Judgement(Verdict.SAME, "no fixture runs it")) for mutant in mutants]

    def _judge_here(self, mutant: Mutant) -> Judgement:
        with tempfile.TemporaryDirectory(prefix="strongroom-mutant-", ignore_cleanup_errors=True) as scratch:
            try:
                plant(mutant.module, mutant.build())
                import_module("strongroom.consolidate.run")
                import_module("strongroom.consolidate.rollback")
                import_module("strongroom.consolidate.deciding.settle")
            except Exception as error:  # noqa: BLE001  # whatever the fault makes of it
                return Judgement(Verdict.CRASHED, f"import: {type(error).__name__}: {error}")
            # What is published wrongly stays a survivor, even when a later command finds it out.
            is_strict = mutant.area in ("publish", "decisions")
            fixtures = self._find_fixtures(mutant)
            return judge(fixtures, self.reference, self.prepared, Path(scratch), is_strict=is_strict)

    def _find_fixtures(self, mutant: Mutant) -> list[Fixture]:
        """Return the fixtures that meet a mutant at all."""
        if mutant.lines is None:
            return list(FIXTURES)
        lines = {(mutant.file, line) for line in range(mutant.lines[0], mutant.lines[1] + 1)}
        return [fixture for fixture in FIXTURES if self.reached[fixture.name] & lines]


@contextmanager
def open_bench(jobs: int | None = None) -> Iterator[Bench]:
    """Prepare the fixtures, and see what their runs end with.

    Raises RuntimeError when that is not the same twice, or not a success.
    """
    for name in list_modules():
        if not name.startswith("strongroom.tasks") and not name.endswith("__main__"):
            import_module(name)
    read_imports()  # once, for all children
    with tempfile.TemporaryDirectory(prefix="strongroom-mutants-") as folder:
        root = Path(folder)
        for fixture in FIXTURES:
            prepare(fixture, root / "prepared" / fixture.name)
        bench = Bench(prepared=root / "prepared", reference={}, reached={}, jobs=jobs or os.cpu_count() or 1)
        work = [
            partial(_perform_all, fixture, bench.prepared, root / take)
            for fixture in FIXTURES
            for take in ("plain", "traced")
        ]
        answers = run_children(work, bench.jobs, seconds=_MOST_SECONDS)
        for fixture, one, two in zip(FIXTURES, answers[::2], answers[1::2], strict=True):
            if not isinstance(one, tuple) or one != two:
                raise RuntimeError(f"{fixture.name}: is not the same when it is done twice")
            if any(step.end is not End.DONE for step in one):
                raise RuntimeError(f"{fixture.name}: {[(step.name, step.said, step.differences) for step in one]}")
            bench.reference[fixture.name] = one
            bench.reached[fixture.name] = read_lines(root / "traced" / f"{fixture.name}.lines")
        yield bench


def _perform_all(fixture: Fixture, prepared: Path, root: Path) -> tuple[Step, ...]:
    if root.name == "traced":
        trace_into(root / f"{fixture.name}.lines")
    return tuple(perform(fixture, prepared / fixture.name, root / fixture.name))


def run_children(work: Sequence[Callable[[], Any]], jobs: int, *, seconds: float) -> list[Any]:
    """Do every piece of work in a forked child of its own, ``jobs`` at once; return the answers, in order.

    None stands for a child that died, ``LATE`` for one that was ended after ``seconds``.
    """
    answers: list[Any] = [None] * len(work)
    waiting = list(enumerate(work))
    children: dict[int, tuple[int, _Child]] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or children:
                while waiting and len(children) < jobs:
                    number, do = waiting.pop(0)
                    child = _Child(do)
                    children[child.pipe] = number, child
                    selector.register(child.pipe, selectors.EVENT_READ)
                ready = {key.fd for key, _ in selector.select(0.5)}
                for pipe, (number, child) in list(children.items()):
                    is_late = time.monotonic() > child.began + seconds
                    if is_late or (pipe in ready and child.read()):
                        selector.unregister(pipe)
                        del children[pipe]
                        answers[number] = child.kill() if is_late else child.end()
        finally:
            for _, child in children.values():  # we were interrupted
                child.kill()
    return answers


class _Child:
    """A forked process that answers with one pickled value."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.pipe, writing = os.pipe()
        self.began = time.monotonic()
        self._answer = bytearray()
        self._pid = os.fork()
        if not self._pid:
            _answer_and_leave(do, writing)
        os.close(writing)

    def read(self) -> bool:
        """Take what has come; tell whether that was all."""
        part = os.read(self.pipe, 1 << 20)
        self._answer += part
        return not part

    def end(self) -> Any:
        """Return the answer; None when the process died before it gave one."""
        os.close(self.pipe)
        os.waitpid(self._pid, 0)
        return pickle.loads(bytes(self._answer)) if self._answer else None

    def kill(self) -> object:
        """End the process, and what it started."""
        os.killpg(self._pid, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self._pid, 0)
        return LATE


def _forget_the_machine() -> None:
    """Spare a child what takes time and is of no use here: nobody cuts the power of these trees, or opens them."""
    os.fsync = lambda fd: None  # noqa: ARG005  # named as the original's
    for name, module in list(sys.modules.items()):
        if name.startswith("strongroom.") and hasattr(module, "find_openers"):
            vars(module)["find_openers"] = lambda _: []


def _answer_and_leave(do: Callable[[], Any], writing: int) -> NoReturn:
    """Do the work of a child; nothing of what the parent had in hand is touched."""
    try:
        os.setsid()
        _forget_the_machine()
        answer = pickle.dumps(do())
        with os.fdopen(writing, "wb") as stream:
            stream.write(answer)
    except BaseException:  # noqa: BLE001  # the parent sees that there is no answer
        traceback.print_exc()
    finally:
        os._exit(0)
