"""The audit of decisions: whatever a run makes of them wrongly, in the target or the ledger, is seen."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.consolidate.proving import gather_evidence
from strongroom.consolidate.verify import prove_settled, read_house
from strongroom.sqlite.database import Database
from tests.integration.audit_system import Staged
from tests.integration.decided_system import TAKEN, stage_decided, write_choices
from tests.integration.planted_changes import Change
from tests.integration.planted_choices import AFTER_PUBLISH, CHANGES
from tests.integration.test_mutation_audit import copy_ground, plant, verify


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return stage_decided(tmp_path_factory.mktemp("decided"), TAKEN)


def test_what_a_run_makes_of_decisions_is_proven(staged: Staged, tmp_path: Path) -> None:
    assert verify(staged, tmp_path, copy_ground(staged, tmp_path).snapshots) == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_planted_change_is_found(change: Change, staged: Staged, tmp_path: Path) -> None:
    ground = copy_ground(staged, tmp_path)
    plant(change, ground)
    assert verify(staged, tmp_path, ground.snapshots)


# After publish: what was live, and what takes its place, written by hand from the paper.
MEANWHILE = """\
INSERT INTO notes VALUES (20, 'of an application', 'x', 1.5);
UPDATE lines SET words = words || '!' WHERE id = 2;
DELETE FROM lines WHERE id = 4;
UPDATE limits SET w = 7 WHERE k = 'z';
CREATE TABLE app (a, b AS (a * 2)); INSERT INTO app (a) VALUES (1), ('1');
ANALYZE;
"""
SETTLED = """\
UPDATE notes SET (text, stars) = ('old a', 1.0) WHERE id = 1;
UPDATE notes SET stars = 2.0 WHERE id = 2;
INSERT INTO notes VALUES (10, 'c', 'old c', 1.0), (11, 'c', 'third c', x'00ff');
UPDATE limits SET (v, w) = (1.0, 2) WHERE k = 'x';
UPDATE limits SET w = 2 WHERE k = 'y';
INSERT INTO cards VALUES (4, 'uno');
UPDATE cards SET text = 'due' WHERE id = 2;
UPDATE loose SET (v, w) = (2, x'00ff') WHERE rowid = 1;
"""


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the target of a run without decisions."""
    return stage_decided(tmp_path_factory.mktemp("undecided"), {}).folder.stage / "house.db"


def write(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.executescript(sql)


def settle(
    staged: Staged,
    undecided: Path,
    folder: Path,
    *,
    meanwhile: str = "",
    settled: str = SETTLED,
    earlier: Path | None = None,
    live: str = "",
) -> list[str]:
    """Prove what takes the place of a target to which applications wrote ``meanwhile``."""
    before, after = folder / "before.db", folder / "after.db"
    shutil.copyfile(undecided, before)
    write(before, meanwhile)
    shutil.copyfile(before, after)
    write(after, settled)
    write(before, live)
    evidence = gather_evidence(
        staged.folder,
        staged.snapshots,
        {"house": Database(after)},
        {"house": Database(staged.folder.ledger / "house.db")},
        Database(staged.folder.archive),
    )
    with tempfile.TemporaryDirectory() as scratch:
        return prove_settled(read_house(evidence, Path(scratch)), "house", Database(before), earlier).wrong


@pytest.mark.parametrize("meanwhile", ["", MEANWHILE], ids=["nothing", "an application wrote"])
def test_what_was_settled_after_publish_is_proven(
    staged: Staged, undecided: Path, tmp_path: Path, meanwhile: str
) -> None:
    assert settle(staged, undecided, tmp_path, meanwhile=meanwhile) == []


@pytest.mark.parametrize("spoilt", AFTER_PUBLISH.values(), ids=AFTER_PUBLISH.keys())
def test_a_change_beside_what_was_settled_is_found(
    staged: Staged, undecided: Path, tmp_path: Path, spoilt: str
) -> None:
    assert settle(staged, undecided, tmp_path, meanwhile=MEANWHILE, settled=SETTLED + spoilt)


CHANGED_SINCE = {
    "the shown row": "UPDATE notes SET stars = 8 WHERE id = 1",
    "its type": "UPDATE limits SET v = 1.0 WHERE k = 'x'",
    "it is gone": "DELETE FROM cards WHERE id = 2",
    "another row has its key": "INSERT INTO loose VALUES ('p', 1, NULL)",
    "its key is another": "UPDATE notes SET name = 'A' WHERE id = 1",
    "it stands elsewhere": "UPDATE loose SET rowid = 9 WHERE k = 'p'",
}


@pytest.mark.parametrize("sql", CHANGED_SINCE.values(), ids=CHANGED_SINCE.keys())
@pytest.mark.parametrize("is_both", [True, False], ids=["before it was copied", "after"])
def test_nothing_is_decided_of_what_an_application_changed(
    staged: Staged, undecided: Path, tmp_path: Path, sql: str, is_both: bool
) -> None:
    change = {"meanwhile": sql} if is_both else {"live": sql}
    assert settle(staged, undecided, tmp_path, **change)  # type: ignore[arg-type]


def test_what_was_decided_before_is_not_looked_at_again(staged: Staged, undecided: Path, tmp_path: Path) -> None:
    """Of a and 2 it was decided before what is live was made; applications went on from there."""
    earlier = write_choices(tmp_path / "earlier.yaml", staged.source, {name: TAKEN[name] for name in ("a", "2")})
    first = [line for line in SETTLED.splitlines() if "WHERE id = 1" in line or "'due'" in line]
    rest = [line for line in SETTLED.splitlines() if line not in first]
    meanwhile = "\n".join([*first, MEANWHILE, "UPDATE notes SET stars = 9 WHERE id = 1"])
    assert settle(staged, undecided, tmp_path, meanwhile=meanwhile, settled="\n".join(rest), earlier=earlier) == []
    again = settle(staged, undecided, tmp_path, meanwhile=meanwhile, settled=SETTLED, earlier=earlier)
    assert again == ["house.notes: 1 row is not what it was (row 1)"]


@pytest.mark.parametrize("taken", [{"a": 1}, {"d": 2}], ids=["otherwise", "of another group"])
def test_a_decision_that_is_live_stays(staged: Staged, undecided: Path, tmp_path: Path, taken: dict[str, int]) -> None:
    earlier = write_choices(tmp_path / "earlier.yaml", staged.source, dict(taken))
    assert settle(staged, undecided, tmp_path, earlier=earlier)


def test_rows_that_come_take_no_place_of_an_application(staged: Staged, undecided: Path, tmp_path: Path) -> None:
    """The ledger says 4 of the card that was kept, and an application has written a card 4."""
    meanwhile = "INSERT INTO cards VALUES (4, 'of an application')"
    settled = SETTLED.replace("INSERT INTO cards VALUES", "REPLACE INTO cards VALUES")
    assert settle(staged, undecided, tmp_path, meanwhile=meanwhile, settled=settled) == [
        "house.cards: 1 row of some input came by a decision, and stands where a row was live"
    ]
