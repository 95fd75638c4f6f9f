"""The page for the night: what it says to type is typed here, and everything is back."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from tests.e2e.vault import KEYS, PLANTED, build_vault, give_keys
from tests.faults.child import Driver, open_driver
from tests.faults.scene import Scene, photograph, read_bytes_kept, read_content, read_targets, run
from tests.faults.shop import build_shop, change_sources

PAGE = Path(__file__).resolve().parents[2] / ".github" / "runbooks" / "restore.md"
needs_shell = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the page needs SQLite's shell")


def read_blocks(section: str, language: str) -> list[str]:
    """Return what a section says to type."""
    (text,) = [part for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE) if part.startswith(section)]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def type_in(scene: Scene, section: str) -> str:
    """Type a section's commands, with our directories in the place of the page's; return what they say."""
    names = {"TARGET": scene.target, "SOURCE": scene.source, "RUN": scene.runs()[-1]}
    given = "".join(f"{name}='{value}'\n" for name, value in names.items())
    commands = "\n".join(read_blocks(section, "sh")).replace("/srv/app", str(scene.target.parent))
    commands = commands.replace("./inv ", f"'{sys.executable}' -P -m strongroom ")
    ended = subprocess.run(
        ["sh", "-eu"], input=given + commands, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with open_driver(tmp_path_factory.mktemp("driver")) as found:
        yield found


def test_the_first_look_and_a_copy_of_the_tree_need_nothing_else(tmp_path: Path) -> None:
    shop = build_shop(tmp_path / "lost")
    assert run(shop.argv()).code == 0
    copy = shop.copy_to(tmp_path / "elsewhere")
    shutil.rmtree(shop.target)
    shutil.rmtree(shop.source)
    shutil.rmtree(copy.source)
    said = type_in(copy, "1.")
    assert f"run {copy.runs()[-1]}: published, live" in said
    assert f"./inv consolidate.rollback --target {copy.target}" in said
    assert "exit code 6: refused by a guard" in said
    assert "proven again" in type_in(copy, "3.")


@needs_shell
def test_the_legacy_files_come_back_from_the_backup(tmp_path: Path) -> None:
    shop = build_shop(tmp_path)
    before = {path: read_content(shop.source / path) for path in ("first.db", "deep/second.db")}
    notes = (shop.source / "notes.json").read_bytes()
    assert run(shop.argv()).code == 0
    shutil.rmtree(shop.source)
    assert type_in(shop, "4.") == ""
    restored = tmp_path / "restored"
    assert sorted(str(path.relative_to(restored)) for path in restored.rglob("*") if path.is_file()) == [
        "deep/second.db",
        "first.db",
        "notes.json",
    ]
    assert {path: read_content(restored / path) for path in before} == before
    assert (restored / "notes.json").read_bytes() == notes
    with closing(sqlite3.connect(restored / "first.db")) as connection, connection:
        connection.execute("CREATE TABLE written (a)")


@needs_shell
@pytest.mark.parametrize("file", ["first.db", "deep/second.db", "notes.json.db"])
def test_a_backup_that_is_not_what_was_written_is_seen(tmp_path: Path, file: str) -> None:
    shop = build_shop(tmp_path)
    assert run(shop.argv()).code == 0
    kept = shop.target / "backup" / shop.runs()[-1] / file
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.chmod(0o600)
    kept.write_bytes(content)
    with pytest.raises(AssertionError, match=r"1 computed checksum did NOT match"):
        type_in(shop, "4.")


@needs_shell
def test_the_targets_are_what_they_were_before_a_run(tmp_path: Path) -> None:
    shop = build_shop(tmp_path)
    assert run(shop.argv()).code == 0
    before = read_files(shop)
    change_sources(shop)
    assert run(shop.argv("run", "--replace")).code == 0
    assert read_files(shop) != before
    type_in(shop, "5.")
    assert read_files(shop) == before
    assert sorted(path.name for path in (tmp_path / "aside").iterdir()) == [".strongroom", "alpha.db", "beta.db"]
    assert all(path.stat().st_mode & 0o200 for path in shop.source.rglob("*") if path.is_file())


@needs_shell
def test_before_the_first_run_there_was_nothing(tmp_path: Path) -> None:
    shop = build_shop(tmp_path)
    assert run(shop.argv()).code == 0
    assert (shop.target / "old_alpha.db").is_symlink()
    type_in(shop, "5.")
    assert [path.name for path in shop.target.iterdir()] == ["backup"]


@needs_shell
def test_in_place_the_legacy_files_are_back_in_their_places(tmp_path: Path) -> None:
    shop = build_shop(tmp_path)
    place = replace(shop, target=shop.source)
    before = {path: digest for path, (_, digest) in photograph(shop.source).items()}
    assert run(place.argv()).code == 0
    assert (place.target / "first.db").is_symlink()
    type_in(place, "5.")
    assert {path: digest for path, (_, digest) in photograph(shop.source).items()} == before


@needs_shell
def test_wherever_publishing_was_killed_the_targets_come_back(tmp_path: Path, killer: Driver) -> None:
    shop = build_shop(tmp_path / "as-it-was")
    assert run(shop.argv()).code == 0
    before = read_files(shop)
    change_sources(shop)
    _, trace = killer.trace(shop.copy_to(tmp_path / "traced").argv("run", "--replace"))
    first, last = (trace.index(f"checkpoint publish.{name}") for name in ("intent", "closed"))
    before_it, within = (
        sum(line.startswith("change ") for line in part) for part in (trace[:first], trace[first:last])
    )
    assert within > 6
    for number in range(before_it + 1, before_it + within + 1, 2):
        scene = shop.copy_to(tmp_path / str(number) / "tree")
        ended = killer.run(scene.argv("run", "--replace"), change=number)
        assert ended.code == -9
        type_in(scene, "5.")
        assert read_files(scene) == before, f"killed before change {number}"


def test_an_encrypted_snapshot_opens_with_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = build_vault(tmp_path)
    give_keys(monkeypatch)
    assert run(vault.argv()).code == 0
    monkeypatch.chdir(tmp_path)
    look, export = (text.replace("0" * 64, KEYS["vault"]) for text in read_blocks("6.", "sql"))
    snapshot = vault.target / "backup" / vault.runs()[-1] / "one.db"
    assert snapshot.name in "".join(read_blocks("6.", "sh"))
    with closing(sqlcipher.connect(str(snapshot))) as connection:
        said = [[tuple(row) for row in connection.execute(line)] for line in split(look)]
        assert said[1][0][0] > 3
        assert said[2:] == [[], [("ok",)]]
        for line in split(export):
            connection.execute(line).fetchall()
    with closing(sqlite3.connect(tmp_path / "restored.db")) as plain:
        assert plain.execute("SELECT note FROM users WHERE id = 1").fetchall() == [(PLANTED["kept"],)]
    with closing(sqlcipher.connect(str(snapshot))) as connection:
        other = [line.replace(KEYS["vault"], "ab" * 32) for line in split(look)]
        connection.execute(other[0])
        with pytest.raises(sqlcipher.DatabaseError, match="file is not a database"):
            connection.execute(other[1])


def split(text: str) -> list[str]:
    """Return the statements of a block, without its comments."""
    return [line for line in (re.sub(r"--.*", "", line).strip() for line in text.splitlines()) if line]


def read_files(scene: Scene) -> tuple[object, object]:
    """Return the targets' bytes, and what they hold."""
    ours = (".strongroom", "backup")
    kept = {name: digest for name, digest in read_bytes_kept(scene.target).items() if not name.startswith(ours)}
    return kept, read_targets(scene)
