"""The pages for the night when data is lost: what each says to type is typed here, and what was lost is back."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.core.errors import ExitCode
from strongroom.engine import install_packages
from tests.e2e.typed_pages import PAGES, Place, make_place, names_of, read, read_all, read_blocks
from tests.quick_inv import open_inv
from tests.unit.backup.scene import flip, run


@pytest.fixture(scope="module")
def inv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("sqlite3") is None:
        install_packages(["sqlite3"], os.environ)
    with open_inv(tmp_path_factory.mktemp("clone") / "inv") as program:
        yield program


@pytest.fixture
def place(tmp_path: Path, inv: Path) -> Place:
    place = make_place(tmp_path, inv)
    place.type("./inv backup.init --system mine\n./inv backup.create --system mine")
    return place


def lose_rows(place: Place) -> None:
    run(place.data / "users.db", "DELETE FROM users WHERE id > 20")


def lose_table(place: Place) -> None:
    run(place.data / "users.db", "DROP TABLE users")


class TestLostFile:
    PAGE = "lost-file.md"

    def variables(self, place: Place) -> dict[str, object]:
        return {
            "SET": place.list_sets()[0],
            "AT": datetime.now(UTC).isoformat(),
            "BESIDE": place.root / "restored",
            "PASSWORD": "none",
        }

    def test_the_page_names_what_it_needs(self) -> None:
        assert names_of(self.PAGE) == {"SYSTEM", "DATA", "STORE", "SET", "AT", "BESIDE", "DATABASE", "NEW"}

    def test_rows_that_are_gone_are_back(self, place: Place) -> None:
        before = read_all(place.data)
        given = self.variables(place)
        lose_rows(place)
        run(place.data / "users.db", "INSERT INTO users VALUES (1000, 'written since')")
        said = "".join(place.type(text, **given) for text in read_blocks(self.PAGE, "1."))
        assert "table users has 21 rows, 50 before" in said
        assert f"{place.list_sets()[1]}  unaccepted" in said
        for text in read_blocks(self.PAGE, "2."):
            place.type(text, **given)
        for beside in ("restored", "restored-earlier"):
            assert read_all(place.root / beside) == {"users.db": before["users.db"]}
        alone = read_all(place.root / "restored-table")["users.db"]
        assert alone["users"] == before["users.db"]["users"]
        assert "notes" not in alone
        rows, _ = read_blocks(self.PAGE, "3.")
        place.type(rows, **given)
        after = read(place.data / "users.db")
        assert after["users"] == [*before["users.db"]["users"], (1000, "written since")]

    def test_a_table_that_is_gone_is_back_with_its_indexes(self, place: Place) -> None:
        before = read_all(place.data)
        given = self.variables(place)
        lose_table(place)
        (restore, _) = read_blocks(self.PAGE, "2.")
        place.type(restore, **given)
        _, table = read_blocks(self.PAGE, "3.")
        place.type(table, **given)
        assert read_all(place.data) == before

    def test_the_whole_file_is_back_and_away_again_and_back(self, place: Place) -> None:
        before = read_all(place.data)
        given = self.variables(place)
        lose_table(place)
        bad = read_all(place.data)
        restore, undo, begin = read_blocks(self.PAGE, "4.")
        place.type("./inv backup.create --system mine")
        place.type(restore, **given)
        assert read_all(place.data) == before
        place.type(undo, **given)
        assert read_all(place.data) == bad
        place.type("./inv backup.prune --system mine", code=6)
        place.type(restore, **given)
        said = place.type(begin, **given)
        assert read_all(place.data) == before
        assert "removed 0 sets" in said

    def test_by_hand_a_folder_gives_it_back(self, place: Place) -> None:
        before = read_all(place.data)
        given = self.variables(place)
        folder, _ = read_blocks(self.PAGE, "6.")
        assert place.type(folder, **given) == ""
        assert read_all(place.root / "restored-by-hand") == {"users.db": before["users.db"]}

    def test_by_hand_a_copy_that_is_damaged_is_seen(self, place: Place) -> None:
        given = self.variables(place)
        flip(place.store / "sets" / str(given["SET"]) / "data" / "users.db")
        folder, _ = read_blocks(self.PAGE, "6.")
        assert "users.db: FAILED" in place.type(folder, code=1, **given)


class TestLostServer:
    PAGE = "lost-server.md"

    def variables(self, place: Place) -> dict[str, object]:
        return {"RESTORED": place.root / "restored", "PASSWORD": "none"}

    def test_the_page_names_what_it_needs(self) -> None:
        assert names_of(self.PAGE) == {"SYSTEM", "DATA", "STORE", "RESTORED", "DATABASE", "NEW"}

    def test_all_of_it_is_back_from_the_store_alone(self, place: Place) -> None:
        before = read_all(place.data)
        given = self.variables(place)
        shutil.rmtree(place.data)
        blocks = [text for section in "123" for text in read_blocks(self.PAGE, section)]
        said = "".join(place.type(text, **given) for text in blocks if "$DATABASE" not in text)
        assert read_all(place.data) == before
        assert "FRESH" in said
        assert "PASSED" in said

    def test_what_was_made_meanwhile_stays_aside(self, place: Place) -> None:
        before = read_all(place.data)
        shutil.rmtree(place.data)
        place.data.mkdir()
        (place.data / "started.log").write_text("too early")
        restore, _, _ = read_blocks(self.PAGE, "3.")
        place.type(restore, **self.variables(place))
        assert read_all(place.data) == before
        assert (place.root / "data.before" / "started.log").read_text() == "too early"

    def test_without_the_store_the_second_has_it(self, place: Place) -> None:
        before = read_all(place.data)
        second = place.root / "second"
        place.backup["second"] = {"kind": "folder", "path": str(second)}
        place.describe()
        place.type("./inv backup.init --system mine --second\n./inv backup.copy --system mine")
        shutil.rmtree(place.data)
        shutil.rmtree(place.store)
        (text,) = read_blocks(self.PAGE, "4.")
        place.type(text.replace("/mnt/second/aragora", str(second)), **self.variables(place))
        assert read_all(place.root / "restored-second") == before

    def test_by_hand_a_folder_gives_the_newest_back(self, place: Place) -> None:
        run(place.data / "users.db", "INSERT INTO notes VALUES ('later')")
        place.type("./inv backup.create --system mine")
        before = read_all(place.data)
        shutil.rmtree(place.data)
        folder, _ = read_blocks(self.PAGE, "5.")
        assert place.type(folder, **self.variables(place)) == ""
        assert read_all(place.root / "restored-by-hand") == before


class TestBackupsStopped:
    PAGE = "backups-stopped.md"

    def type_all(self, place: Place, sections: str, code: int = 0) -> str:
        blocks = (text for section in sections for text in read_blocks(self.PAGE, f"{section}."))
        return "".join(place.type(text, code) for text in blocks)

    def test_the_page_names_what_it_needs(self) -> None:
        assert names_of(self.PAGE) == {"SYSTEM", "STORE"}

    def test_the_look_the_set_by_hand_and_the_way_back(self, place: Place) -> None:
        place.backup["objectives"] = {"drill_hours": 1}
        place.describe()
        said = self.type_all(place, "12")
        assert "STALE" in said
        assert "exit code 12: key missing or wrong" in said
        assert "would take 2 members" in said
        assert len(place.list_sets()) == 2
        assert "FRESH" in self.type_all(place, "46")

    def test_a_damaged_set_is_named_and_another_place_takes_over(self, place: Place) -> None:
        (name,) = place.list_sets()
        flip(place.store / "sets" / name / "data" / "users.db")
        said = self.type_all(place, "3")
        assert f"set {name}: users.db" in said
        elsewhere = place.store.with_name("store-elsewhere")
        (made,) = place.list_sets(elsewhere)
        assert f"PASSED set {made}" in said

    def test_what_looks_wrong_and_is_right_is_accepted(self, place: Place) -> None:
        lose_table(place)
        place.type("./inv backup.create --system mine")
        self.type_all(place, "4", code=6)
        self.type_all(place, "54")

    def test_each_code_of_the_page_is_one_of_ours(self) -> None:
        codes = re.findall(r"^\| ([\d, ]+) \|", (PAGES / self.PAGE).read_text(), re.MULTILINE)
        listed = [int(code) for row in codes for code in row.split(", ")]
        assert listed == sorted(listed)
        assert set(listed) == set(ExitCode) - {ExitCode.DONE, ExitCode.BUG, *(7, 8, 9)}
