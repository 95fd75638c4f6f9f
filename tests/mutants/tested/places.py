"""Which tests answer for each part of ``load/``, and which of them run through a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.mutants.areas import REPOSITORY, Mutant
from tests.mutants.reach import Lines

_SERVER = "tests/integration/containers"
_UNIT = "tests/unit/load"
_ASKED = 96
WHOLE = ("test_load_audit.py",)
"""Of these files every case is asked, not the day's sample."""
TESTS: dict[str, tuple[str, ...]] = {
    "load convert": (
        f"{_UNIT}/convert/test_*.py",
        f"{_SERVER}/test_load_values.py",
        f"{_SERVER}/test_load_bad_input.py",
    ),
    "load stage": (
        f"{_UNIT}/stage/test_*.py",
        f"{_SERVER}/test_load_bad_input.py",
        f"{_SERVER}/test_load_doubles.py",
        f"{_SERVER}/test_load_legacy.py",
        f"{_SERVER}/test_load_likeness.py",
        f"{_SERVER}/test_load_rehearsal.py",
    ),
    "load rows": (
        f"{_UNIT}/rows/test_*.py",
        f"{_SERVER}/test_load_bad_input.py",
        f"{_SERVER}/test_load_doubles.py",
        f"{_SERVER}/test_load_legacy.py",
        f"{_SERVER}/test_load_encrypted.py",
        f"{_SERVER}/test_load_properties.py",
    ),
    "load switch": (
        f"{_SERVER}/test_cutover.py",
        f"{_SERVER}/test_cutover_waits.py",
    ),
    "load into": (f"{_SERVER}/test_into_live.py", f"{_SERVER}/test_load_legacy.py"),
    "load draft": (f"{_UNIT}/draft/test_*.py", f"{_SERVER}/test_load_drafts.py", f"{_SERVER}/test_load_doubles.py"),
    "load verify": (
        f"{_UNIT}/verify/test_*.py",
        f"{_SERVER}/test_load_audit*.py",
        f"{_SERVER}/test_load_doubles.py",
    ),
    "load root": (
        f"{_UNIT}/test_*.py",
        f"{_SERVER}/test_load_again.py",
        f"{_SERVER}/test_load_bad_input.py",
        f"{_SERVER}/test_load_legacy.py",
        f"{_SERVER}/test_load_encrypted.py",
        f"{_SERVER}/test_load_rehearsal.py",
        f"{_SERVER}/test_load_structure.py",
        f"{_SERVER}/test_cutover.py",
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A test that passes while nothing is planted, or a file of such."""

    name: str
    """Its id, or the file."""
    reached: Lines | None = None
    """The lines of loads that it runs; None where nobody has looked."""

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]

    @property
    def function(self) -> str:
        return self.name.partition("[")[0]

    @property
    def needs_server(self) -> bool:
        return self.file.startswith(_SERVER)


def list_files(areas: Sequence[str], *, with_server: bool) -> list[str]:
    """Return the files of the tests that answer for some parts; those that need a server last."""
    found = [
        path.relative_to(REPOSITORY).as_posix()
        for area in areas
        for pattern in TESTS[area]
        for path in sorted(REPOSITORY.glob(pattern))
    ]
    kept = [file for file in found if with_server or not file.startswith(_SERVER)]
    return sorted(dict.fromkeys(kept), key=lambda file: file.startswith(_SERVER))


def find_tests(mutant: Mutant, tests: Sequence[Case]) -> list[Case]:
    """Return the tests that answer for a fault and meet it: of each function a case, then another one.

    Those that run little else come first. Of those that need a server so many at most: what they miss survives.
    """
    files = set(list_files([mutant.area], with_server=True))
    met = sorted((test for test in tests if test.file in files and _meets(test, mutant)), key=_rank)
    seen = Counter[str]()
    turns = {}
    for test in met:
        turns[test.name] = seen[test.function]
        seen[test.function] += 1
    met.sort(key=lambda test: turns[test.name])
    asking = [test for test in met if test.needs_server]
    return [test for test in met if not test.needs_server] + asking[:_ASKED]


def _rank(test: Case) -> tuple[int, str]:
    return len(test.reached or ()), test.name


def _meets(test: Case, mutant: Mutant) -> bool:
    if test.reached is None:
        return True
    if mutant.lines is None:
        return any(file == mutant.file for file, _ in test.reached) or not test.needs_server
    return any((mutant.file, line) in test.reached for line in range(mutant.lines[0], mutant.lines[1] + 1))


def group_files(tests: Sequence[Case]) -> Iterator[str]:
    """Yield the files of tests, each once, in their order."""
    yield from dict.fromkeys(test.file for test in tests)
