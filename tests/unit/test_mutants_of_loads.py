"""Faults of loads: which tests meet one, and what it means that one fails."""

from __future__ import annotations

import pytest

from strongroom.core.errors import GuardError, StrongroomError
from strongroom.load.convert import UnfitError
from strongroom.load.outcome import choose_exit
from tests.mutants.areas import LOADS, PACKAGE, Mutant, list_mutants
from tests.mutants.handmade import list_handmade
from tests.mutants.judge import Judgement, Verdict
from tests.mutants.reasons import OF_LOADS
from tests.mutants.selection import try_faults
from tests.mutants.tested.places import TESTS, Case, find_tests, list_files
from tests.mutants.tested.session import is_traceback

FILE = "load/convert/plain.py"
UNIT, SERVER = "tests/unit/load/convert/test_packers.py", "tests/integration/containers/test_load_values.py"


def mutant(lines: tuple[int, int] | None) -> Mutant:
    return Mutant(name="one", area="load convert", file=FILE, build=lambda: compile("", "", "exec"), lines=lines)


def test_every_part_of_loads_has_tests_that_answer_for_it() -> None:
    assert tuple(TESTS) == LOADS
    for area, patterns in TESTS.items():
        assert list_files([area], with_server=True), patterns
    for pattern in {pattern for patterns in TESTS.values() for pattern in patterns}:
        assert list(PACKAGE.parents[1].glob(pattern)), pattern


def test_every_module_of_loads_is_in_one_part() -> None:
    listed = [mutant.file for area in LOADS for mutant in list_mutants(area)]
    modules = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("load/**/*.py")]
    assert {file for file in modules if not file.endswith("__init__.py")} - set(listed) <= {"load/verify/unfit.py"}


def test_the_tests_that_run_a_line_are_asked_first_those_that_run_little_else() -> None:
    met = [
        Case(f"{SERVER}::other", frozenset({(FILE, 7)})),
        Case(f"{UNIT}::much", frozenset({(FILE, 8), (FILE, 9)})),
        Case(f"{UNIT}::elsewhere", frozenset({(FILE, 9), ("load/run.py", 7)})),
        Case("tests/unit/load/stage/test_excerpt.py::not_answering", frozenset({(FILE, 7)})),
        Case(f"{UNIT}::little", frozenset({(FILE, 8)})),
    ]
    assert find_tests(mutant((7, 8)), met) == [met[4], met[1], met[0]]
    assert find_tests(mutant((10, 11)), met) == []
    assert find_tests(mutant(None), met) == [met[4], met[2], met[1], met[0]]
    assert find_tests(mutant((10, 11)), [Case(UNIT)]) == [Case(UNIT)]


def test_not_more_than_some_tests_ask_a_server() -> None:
    met = [Case(f"{SERVER}::{number:03}", frozenset({(FILE, 7)})) for number in range(111)]
    assert find_tests(mutant((7, 7)), met) == met[:96]


def test_each_function_has_its_turn_before_another_case_of_one_has() -> None:
    line = frozenset({(FILE, 7)})
    met = [Case(f"{SERVER}::{name}", line) for name in ("one[a]", "one[b]", "one[c]", "two", "three[a]")]
    assert find_tests(mutant((7, 7)), met) == [met[0], met[4], met[3], met[1], met[2]]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AssertionError("x"), False),
        (GuardError("a", "b"), False),
        (UnfitError("a"), False),
        (StrongroomError("a", "a bug by its exit code"), True),
        (KeyError("a"), False),
    ],
)
def test_only_what_is_no_fact_of_ours_is_a_traceback(error: Exception, expected: bool) -> None:
    assert is_traceback(error) is expected


def test_an_exception_of_pythons_that_leaves_our_code_is_a_traceback() -> None:
    with pytest.raises(TypeError) as caught:
        choose_exit(None, "one", 2)  # type: ignore[arg-type]
    assert is_traceback(caught.value)


class Blind:
    def judge(self, mutants: list[Mutant]) -> list[Judgement]:
        return [Judgement(Verdict.NOTICED, "") for _ in mutants]


def test_the_same_seed_tries_the_same_faults_and_all_that_were_made_by_hand() -> None:
    areas = ("load rows", "load into")

    def name_tried(seed: int) -> list[str]:
        found = try_faults(Blind(), seed, areas=areas)  # type: ignore[arg-type]
        assert min(found.by_operators(area) for area in areas) >= 12
        assert found.total >= 120
        return [mutant.name for rows in found.rows.values() for mutant, _ in rows]

    tried = name_tried(3)
    assert tried == name_tried(3)
    assert set(tried) != set(name_tried(4))
    assert {mutant.name for mutant in list_handmade() if mutant.area in areas} <= set(tried)


def test_a_reason_is_given_for_a_fault_that_can_be_planted() -> None:
    known = {mutant.name for area in LOADS for mutant in list_mutants(area)}
    assert set(OF_LOADS) <= known
