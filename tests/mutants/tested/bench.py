"""Judge faults by tests: first, several at once, by those that need no server; then by those that need one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

from tests.mutants.areas import Mutant
from tests.mutants.judge import Judgement, Verdict
from tests.mutants.planting import list_modules, plant, read_imports
from tests.mutants.run import LATE, run_children
from tests.mutants.tested.places import Case, find_tests, list_files
from tests.mutants.tested.session import run_tests, trace_tests

_SECONDS = 600.0
"""What the tests of a mutant may take; those that meet one take a tenth of it."""
_MOST_SECONDS = 1800.0
"""What every test may take, while every line is noted."""
_IMPORTED = ("pytest", "hypothesis", "psycopg", "testcontainers.core.container", "invoke", "yaml", "sqlcipher3")


@dataclass(frozen=True, slots=True)
class CaseBench:
    """The tests of loads, each with the lines that it runs."""

    tests: Sequence[Case]
    server: str
    """A connection string without a database; without one, only tests that need none are asked."""
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)

    def judge(self, mutants: Sequence[Mutant]) -> list[Judgement]:
        """Judge every mutant in a child of its own; in their order.

        One that no test meets survives: a line that no test runs may do anything.
        """
        found = self._ask(mutants, needs_server=False, jobs=self.jobs)
        left = [mutant for mutant in mutants if found[mutant.name].verdict is Verdict.SURVIVED]
        if self.server:
            found |= self._ask(left, needs_server=True, jobs=1)  # tests have numbers for names in the server
        return [found[mutant.name] for mutant in mutants]

    def _ask(self, mutants: Sequence[Mutant], *, needs_server: bool, jobs: int) -> dict[str, Judgement]:
        dead, late = Judgement(Verdict.CRASHED, "the process died"), Judgement(Verdict.HANGS, f"for {_SECONDS:.0f} s")
        found, work = {}, {}
        for mutant in mutants:
            met = find_tests(mutant, self.tests)
            asked = [test for test in met if test.needs_server is needs_server]
            found[mutant.name] = Judgement(Verdict.SURVIVED, f"all {len(met)} tests pass" if met else "no test runs it")
            if asked:
                work[mutant.name] = partial(self._judge_here, mutant, asked, self.server if needs_server else "")
        answers = run_children(list(work.values()), jobs, seconds=_SECONDS)
        for name, answer in zip(work, answers, strict=True):
            if isinstance(answer, Judgement) and answer.verdict is Verdict.SURVIVED:
                continue
            found[name] = dead if answer is None else late if answer is LATE else answer
        return found

    @staticmethod
    def _judge_here(mutant: Mutant, tests: Sequence[Case], server: str) -> Judgement:
        with tempfile.TemporaryDirectory(prefix="strongroom-mutant-", ignore_cleanup_errors=True) as scratch:
            try:
                plant(mutant.module, mutant.build())
                import_module(mutant.module)
            except Exception as error:  # noqa: BLE001  # whatever the fault makes of it
                return Judgement(Verdict.CRASHED, f"import: {type(error).__name__}: {error}")
            return run_tests(tests, Path(scratch), server)


@contextmanager
def open_case_bench(areas: Sequence[str], *, server: str = "", is_quick: bool = False) -> Iterator[CaseBench]:
    """Run the tests of some parts, and note what each of them runs; ``is_quick`` takes whole files instead.

    Raises RuntimeError when one fails.
    """
    for name in (*_IMPORTED, *list_modules()):
        if not name.endswith("__main__"):
            import_module(name)
    read_imports()  # once, for all children
    with tempfile.TemporaryDirectory(prefix="strongroom-tests-") as folder:
        files = list_files(areas, with_server=bool(server))
        if is_quick:
            yield CaseBench([Case(file) for file in files], server)
            return
        (answer,) = run_children(
            [partial(trace_tests, files, Path(folder) / "traced", server)], 1, seconds=_MOST_SECONDS
        )
        if answer in (None, LATE):
            said = Path(folder) / "traced" / "said"
            raise RuntimeError(f"the tests do not pass while nothing is planted: {said.read_text()[-2000:]}")
        yield CaseBench(answer, server)
