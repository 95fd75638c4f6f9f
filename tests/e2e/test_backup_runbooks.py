"""The pages for the night when data is lost: what each says to type is typed here, and what was lost is back."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml

from strongroom.core.errors import ExitCode
from strongroom.engine.debian import install_packages
from tests.quick_inv import open_inv
from tests.restic import lighten, provide_restic
from tests.unit.backup.scene import flip, run

PAGES = Path(__file__).resolve().parents[2] / ".github" / "runbooks"
PASSWORD = "5a" * 32
Content = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def inv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("sqlite3") is None:
        install_packages(["sqlite3"], os.environ)
    with open_inv(tmp_path_factory.mktemp("clone") / "inv") as program:
        yield program


@dataclass
class Place:
    """An application's data, its system, and how a page's commands are typed there."""

    root: Path
    inv: Path
    backup: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def describe(self) -> None:
        """Write what ``system.yaml`` says now."""
        told = {
            "version": 1,
            "name": "shop",
            "title": "A shop",
            "data_dir": {"default": str(self.data)},
            "audit_log": str(self.root / "audit.jsonl"),
            "keys": self.keys,
            "backup": self.backup,
        }
        (self.root / "mine").mkdir(exist_ok=True)
        (self.root / "mine" / "system.yaml").write_text(yaml.safe_dump(told))

    def type(self, text: str, code: int = 0, **variables: object) -> str:
        """Type commands, with our variables for the page's; return what they say."""
        given = {"SYSTEM": "./mine", "DATA": self.data, "STORE": self.store, **variables}
        lines = "".join(f"{name}='{value}'\n" for name, value in given.items())
        lines += text.replace("./inv ", f"'{self.inv}' ")
        ended = subprocess.run(
            ["sh", "-eu"], input=lines, cwd=self.root, capture_output=True, text=True, check=False, timeout=120
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stdout

    def list_sets(self, store: Path | None = None) -> list[str]:
        return sorted(path.stem for path in ((store or self.store) / "catalog").glob("*.json"))


def read_blocks(page: str, section: str, language: str = "sh") -> list[str]:
    """Return what a section of a page says to type."""
    parts = re.split(r"^## ", (PAGES / page).read_text(), flags=re.MULTILINE)
    (text,) = [part for part in parts if part.startswith(section)]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def make_place(root: Path, inv: Path, **backup: Any) -> Place:
    place = Place(root=root, inv=inv, backup={"store": {"kind": "folder", "path": str(root / "store")}, **backup})
    (place.data / "deep").mkdir(parents=True)
    for path, rows in (("users.db", 50), ("deep/core.db", 7)):
        with closing(sqlite3.connect(place.data / path)) as connection, connection:
            connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
            connection.execute("CREATE INDEX ix_users_name ON users (name)")
            connection.execute("CREATE TABLE notes (text TEXT)")
            connection.executemany("INSERT INTO users (name) VALUES (?)", [(f"user {n}",) for n in range(rows)])
    place.describe()
    return place


@pytest.fixture
def place(tmp_path: Path, inv: Path) -> Place:
    place = make_place(tmp_path, inv)
    place.type("./inv backup.init --system mine\n./inv backup.create --system mine")
    return place


def read_all(folder: Path) -> dict[str, Content]:
    """Return every row of every database in a folder, ours left out, by its path there."""
    found = sorted(path.relative_to(folder) for path in folder.rglob("*.db"))
    return {str(path): read(folder / path) for path in found if ".strongroom" not in path.parts}


def read(path: Path) -> Content:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall()
        tables = [name for (name,) in names if not name.startswith("ix_")]
        rows = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in tables}
        return {**rows, "names": names}


def lose_rows(place: Place) -> None:
    run(place.data / "users.db", "DELETE FROM users WHERE id > 20")


def lose_table(place: Place) -> None:
    run(place.data / "users.db", "DROP TABLE users")


def names_of(page: str) -> set[str]:
    """Return the variables that a page begins with."""
    (block,) = re.findall(r"```sh\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)[:1]
    return set(re.findall(r"^([A-Z]+)=", block, re.MULTILINE))


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
        assert names_of(self.PAGE) == {"SYSTEM", "DATA", "STORE", "SET", "AT", "BESIDE"}

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
        folder, _ = read_blocks(self.PAGE, "5.")
        assert place.type(folder, **given) == ""
        assert read_all(place.root / "restored-by-hand") == {"users.db": before["users.db"]}

    def test_by_hand_a_copy_that_is_damaged_is_seen(self, place: Place) -> None:
        given = self.variables(place)
        flip(place.store / "sets" / str(given["SET"]) / "data" / "users.db")
        folder, _ = read_blocks(self.PAGE, "5.")
        assert "users.db: FAILED" in place.type(folder, code=1, **given)


class TestLostServer:
    PAGE = "lost-server.md"

    def variables(self, place: Place) -> dict[str, object]:
        return {"RESTORED": place.root / "restored", "PASSWORD": "none"}

    def test_the_page_names_what_it_needs(self) -> None:
        assert names_of(self.PAGE) == {"SYSTEM", "DATA", "STORE", "RESTORED"}

    def test_all_of_it_is_back_from_the_store_alone(self, place: Place) -> None:
        before = read_all(place.data)
        given = self.variables(place)
        shutil.rmtree(place.data)
        said = "".join(place.type(text, **given) for section in "123" for text in read_blocks(self.PAGE, section))
        assert read_all(place.data) == before
        assert "FRESH" in said
        assert "PASSED" in said

    def test_what_was_made_meanwhile_stays_aside(self, place: Place) -> None:
        before = read_all(place.data)
        shutil.rmtree(place.data)
        place.data.mkdir()
        (place.data / "started.log").write_text("too early")
        restore, _ = read_blocks(self.PAGE, "3.")
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


@pytest.fixture
def repository(tmp_path: Path, inv: Path) -> Place:
    """A place whose store is a repository; its passwords open at once."""
    provide_restic()
    place = make_place(tmp_path, inv, store={"kind": "restic", "path": str(tmp_path / "store"), "password": "backup"})
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    place.keys["backup"] = {"provider": "file", "path": str(password), "encoding": "hex"}
    place.describe()
    place.type("./inv backup.init --system mine --without-escrow 'a test'")
    lighten(place.store / "restic", PASSWORD)
    place.type("./inv backup.create --system mine")
    return place


def test_by_hand_a_repository_gives_it_back(repository: Place) -> None:
    before = read_all(repository.data)
    (name,) = repository.list_sets()
    for page in ("lost-file.md", "lost-server.md"):
        _, text = read_blocks(page, "5.")
        beside = repository.root / page
        repository.type(text, PASSWORD=repository.root / "password", SET=name, BESIDE=beside, RESTORED=beside)
        (found,) = (repository.root / f"{page}-restic").rglob("data/users.db")
        assert read_all(found.parent) == before
        assert (found.parents[1] / "manifest.json").is_file()


def test_a_password_that_leaked_opens_nothing_that_is_kept(repository: Place) -> None:
    page = "leaked-password.md"
    root = repository.root
    assert names_of(page) == {"SYSTEM", "OLD", "RECIPIENT", "COPIES"}
    copies = root / "copies"
    copies.mkdir()
    identity = pyrage.x25519.Identity.generate()
    given = {"OLD": repository.store, "RECIPIENT": identity.to_public(), "COPIES": copies}
    before = read_all(repository.data)
    (text,) = read_blocks(page, "2.", "yaml")
    told = yaml.safe_load(text.replace("/etc/strongroom", str(root)).replace("/srv/backups", str(root)))
    new = Path(told["backup"]["second"]["path"])
    repository.keys.update(told["keys"])
    repository.backup["second"] = told["backup"]["second"]
    assert told["backup"]["store"].keys() == repository.backup["store"].keys()
    repository.describe()
    make, copy = read_blocks(page, "2.")
    repository.type(make, **given)
    lighten(new / "restic", (root / "backup-2").read_text().strip())
    assert len(list(copies.glob("*.age"))) == 2
    repository.type(copy, **given)
    assert repository.list_sets(new) == repository.list_sets()
    repository.backup |= {"store": told["backup"]["second"], "second": repository.backup["store"]}
    repository.describe()
    good, remove = read_blocks(page, "3.")
    said = repository.type(good, **given)
    assert said.count("PASSED") == 2
    assert f"2 sets of shop; {new}" in said
    del repository.backup["second"], repository.keys["backup"]
    repository.describe()
    repository.type(remove, **given)
    assert not repository.store.exists()
    restored = root / "again"
    repository.type(f"./inv backup.restore --system mine --into '{restored}'")
    assert read_all(restored) == before
    with pytest.raises(AssertionError):
        lighten(new / "restic", PASSWORD)
