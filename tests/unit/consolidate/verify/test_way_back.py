"""A run that is live can be taken back: its journal must name what was made, and what moved to where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from strongroom.consolidate.verify.published import Look, Places, look_before
from strongroom.consolidate.verify.way_back import prove_way_back
from tests.unit.consolidate.verify.published_tree import Tree, build_tree

ALPHA, BETA = ["old_alpha.db", "names/older.db", "first.db", "gone.db"], ["deep/second.db"]
"""As the journal writes them: relative to the target directory."""
FOLDERS = ["names", "deep"]
MOVES = {"first.db": "alpha.db", "deep/second.db": "in/beta.db"}


def look_at(tree: Tree) -> Look:
    return look_before(Places(**tree.places))


def prove(
    tree: Tree,
    look: Look,
    alpha: list[str] = ALPHA,
    beta: list[str] = BETA,
    folders: list[str] = FOLDERS,
    moves: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """Write a run's documents as they must be, but for links, folders and files that moved, and prove them."""
    swaps = [
        {"live": "alpha.db", "had": False, "aliases": alpha, "folders": folders[:1]},
        {"live": "in/beta.db", "had": False, "aliases": beta, "folders": folders[1:]},
    ]
    legacy = [
        {"path": path, "mode": one.file.mode, "gives_way_to": moves.get(path)} for path, one in look.legacy.items()
    ]
    journal = {"state": "closed", "swaps": swaps, "legacy": legacy}
    (tree.run / "publish.json").write_text(json.dumps(journal))
    home = tree.target / ".strongroom"
    (home / "current.json").write_text(json.dumps({"run": "run", "runs": ["run"]}))
    return prove_way_back(look, tree.run, home)


def test_the_journal_names_the_links_of_old_names_too(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    assert prove(tree, look_at(tree)) == []


@pytest.mark.parametrize(
    ("alpha", "beta", "target"),
    [
        (ALPHA[:-1], BETA, "alpha.db"),
        ([*ALPHA, "more.db"], BETA, "alpha.db"),
        (ALPHA, [], "in/beta.db"),
        (ALPHA, ["../deep/second.db"], "in/beta.db"),
    ],
)
def test_a_link_that_rollback_would_not_know_is_named(
    tmp_path: Path, alpha: list[str], beta: list[str], target: str
) -> None:
    tree = build_tree(tmp_path)
    wrong = f"publish.json: does not name the links that were made to {target}"
    assert prove(tree, look_at(tree), alpha, beta) == [wrong]


def test_a_link_that_was_there_is_not_ours_to_remove(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    (tree.target / "gone.db").symlink_to("alpha.db")
    look = look_at(tree)
    assert prove(tree, look, ALPHA[:-1]) == []
    assert prove(tree, look, ALPHA) != []


@pytest.mark.parametrize(
    ("folders", "wrong"),
    [
        (["names"], "folder deep was not there before"),
        (["names", "deep", "in"], "folder in was there before"),
    ],
)
def test_the_journal_names_the_folders_that_were_made(tmp_path: Path, folders: list[str], wrong: str) -> None:
    tree = build_tree(tmp_path)
    assert prove(tree, look_at(tree), folders=folders) == [f"publish.json: {wrong}"]


def test_every_folder_on_the_way_is_one_that_was_made(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    tree.plan.write_text(tree.plan.read_text().replace("names/older.db", "a/b/older.db"))
    alpha = [name.replace("names/", "a/b/") for name in ALPHA]
    look = look_at(tree)
    assert prove(tree, look, alpha, folders=["a", "a/b", "deep"]) == []
    assert prove(tree, look, alpha, folders=["a/b", "deep"]) == ["publish.json: folder a was not there before"]


def test_in_place_the_journal_says_which_files_moved(tmp_path: Path) -> None:
    tree = build_tree(tmp_path, in_place=True)
    alpha = [name for name in ALPHA if name != "first.db"]
    assert prove(tree, look_at(tree), alpha, [], ["names"], MOVES) == []


@pytest.mark.parametrize(
    ("moves", "wrong"),
    [
        ({"first.db": "alpha.db"}, "does not say that deep/second.db gave way to a link to in/beta.db"),
        (MOVES | {"first.db": "in/beta.db"}, "first.db gave way to a link to alpha.db, not to in/beta.db"),
    ],
)
def test_a_move_that_rollback_would_not_know_is_named(tmp_path: Path, moves: dict[str, str], wrong: str) -> None:
    tree = build_tree(tmp_path, in_place=True)
    alpha = [name for name in ALPHA if name != "first.db"]
    assert prove(tree, look_at(tree), alpha, [], ["names"], moves) == [f"publish.json: {wrong}"]


def test_the_name_of_a_file_that_moved_is_no_link_to_be_removed(tmp_path: Path) -> None:
    """A rollback that removed it would leave nothing at the name while the file comes back."""
    tree = build_tree(tmp_path, in_place=True)
    wrong = "publish.json: does not name the links that were made to alpha.db"
    assert prove(tree, look_at(tree), ALPHA, [], ["names"], MOVES) == [wrong]


def test_a_file_that_stays_is_not_called_moved(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    wrong = "publish.json: first.db stays where it is, and gives way to no link"
    assert prove(tree, look_at(tree), moves={"first.db": "alpha.db"}) == [wrong]


def test_a_backup_that_does_not_say_what_it_holds_is_named(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    (tree.run / "run.json").write_text(json.dumps({"has_backup": True}))
    wrong = "backup/run/manifest.json: does not say that it is the backup of this run"
    assert prove(tree, look_at(tree)) == [wrong]
    backup = tree.target / "backup" / "run"
    backup.mkdir(parents=True)
    (backup / "manifest.json").write_text(json.dumps({"run": "run"}))
    assert prove(tree, look_at(tree)) == []
