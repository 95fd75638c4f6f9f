"""A legacy file in the place of its own link moves into the run, whole: trees published by hand, right and wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.consolidate.verify.published import Look, Places, look_before, prove_live, prove_recovered
from tests.unit.consolidate.verify.published_tree import PLAN, Tree, build_tree, go_live, write_database

Act = Callable[[Tree], object]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path, in_place=True)


def look_at(tree: Tree) -> Look:
    return look_before(Places(**tree.places))


def prove(tree: Tree, look: Look) -> list[str]:
    """Prove a tree twice: looking changes nothing."""
    found = prove_live(look, Places(**tree.places))
    assert prove_live(look, Places(**tree.places)) == found
    return found


def prove_later(tree: Tree, look: Look) -> list[str]:
    return prove_recovered(look, Places(**tree.places))


def nothing(_: Tree) -> None:
    """Leave the tree as it is."""


def write_beside(suffix: str, content: bytes = b"frames" * 100) -> Act:
    return lambda tree: (tree.target / f"first.db{suffix}").write_bytes(content)


@pytest.mark.parametrize(
    "prepare",
    {
        "alone": nothing,
        "a log": write_beside("-wal"),
        "half a transaction": write_beside("-journal"),
        "an empty log": write_beside("-wal", b""),
        "the index of a log": write_beside("-shm"),
        "read-only": lambda tree: (tree.target / "first.db").chmod(0o440),
    }.values(),
    ids=["alone", "a log", "half a transaction", "an empty log", "the index of a log", "read-only"],
)
def test_a_file_that_moved_whole_is_right(tree: Tree, prepare: Act) -> None:
    prepare(tree)
    look = look_at(tree)
    go_live(tree)
    assert (tree.target / "first.db").is_symlink()
    assert prove(tree, look) == []
    assert prove_later(tree, look) == []


def test_where_it_leads_is_seen_before(tree: Tree) -> None:
    seen = look_at(tree).legacy
    assert {path: one.gives_way_to for path, one in seen.items()} == {
        "first.db": "alpha.db",
        "deep/second.db": "in/beta.db",
    }


def test_two_names_of_one_folder_are_one_place(tmp_path: Path) -> None:
    tree = build_tree(tmp_path, in_place=True)
    (tmp_path / "linked").symlink_to(tree.target)
    places = Places(**{**tree.places, "source": tmp_path / "linked"})
    look = look_before(places)
    assert look.legacy["first.db"].gives_way_to == "alpha.db"
    go_live(tree)
    assert prove_live(look, places) == []


def test_what_moved_out_of_a_linked_folder_is_ours_and_read_only(tree: Tree) -> None:
    (tree.target / "deep").rename(tree.root / "elsewhere")
    (tree.target / "deep").symlink_to(tree.root / "elsewhere")
    look = look_at(tree)
    go_live(tree)
    (tree.target / "deep" / "second.db").unlink()
    (tree.target / "deep" / "second.db").symlink_to(tree.target / "in" / "beta.db")
    assert prove(tree, look) == []
    (tree.legacy / "deep" / "second.db").chmod(0o664)
    wrong = "legacy/deep/second.db: the legacy file can still be written to, and what is written there is in no target"
    assert prove(tree, look) == [wrong]


def test_another_name_of_a_legacy_file_elsewhere_is_not_its_place(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    (tree.target / "first.db").hardlink_to(tree.source / "first.db")
    look = look_at(tree)
    assert look.legacy["first.db"].gives_way_to is None
    go_live(tree)
    assert prove(tree, look) == ["first.db: is a file, and should be a link to alpha.db"]


def test_a_file_of_which_nothing_is_fed_stays(tmp_path: Path) -> None:
    plan = PLAN.replace("[first.a, gone.c]", "[gone.c]") + "drop: [{table: first.a, reason: rebuilt}]\n"
    tree = build_tree(tmp_path, plan, in_place=True)
    look = look_at(tree)
    assert look.legacy["first.db"].gives_way_to is None
    (tree.target / "first.db").rename(tree.root / "aside")
    go_live(tree)
    (tree.target / "first.db").unlink()
    (tree.root / "aside").rename(tree.target / "first.db").chmod(0o440)
    assert prove(tree, look) == []
    (tree.target / "first.db").rename(tree.legacy / "first.db")
    assert prove(tree, look) == ["first.db: the legacy file is not there"]


def moved(tree: Tree, suffix: str = "") -> Path:
    return tree.legacy / f"first.db{suffix}"


def rewrite(file: Path) -> None:
    """Write a file anew: same bytes, other inode."""
    shutil.copy2(file, file.with_name("anew"))
    file.with_name("anew").replace(file)


def replace_moved(tree: Tree) -> None:
    write_database(tree.root / "another.db", "other", 0o440, rows=100).replace(moved(tree))


def swap(tree: Tree) -> None:
    other = tree.legacy / "deep" / "second.db"
    moved(tree).rename(tree.root / "aside")
    other.rename(moved(tree)).chmod(0o440)
    (tree.root / "aside").rename(other).chmod(0o444)


def put_back(tree: Tree) -> None:
    """Leave the file where it was."""
    (tree.target / "first.db").unlink()
    moved(tree).rename(tree.target / "first.db")


def relink(tree: Tree, goal: str) -> None:
    (tree.target / "first.db").unlink()
    (tree.target / "first.db").symlink_to(goal)


def link_out(tree: Tree) -> None:
    moved(tree).rename(tree.root / "aside")
    moved(tree).symlink_to(tree.root / "aside")


LOST = "legacy/first.db{}: is {}, and should be what gave way to a link"
OTHER = "legacy/first.db{}: is not the file that gave way to a link"
WRONG: dict[str, tuple[Act, list[str]]] = {
    "it is lost": (lambda tree: moved(tree).unlink(), [LOST.format("", "not there")]),
    "it is a link": (link_out, [LOST.format("", "a link")]),
    "it is a folder": (
        lambda tree: (moved(tree).unlink(), moved(tree).mkdir()),
        [LOST.format("", "a folder")],
    ),
    "it is another file": (replace_moved, [OTHER.format("")]),
    "two are swapped": (swap, [OTHER.format(""), "legacy/deep/second.db: is not the file that gave way to a link"]),
    "it moved without its log": (lambda tree: moved(tree, "-wal").unlink(), [LOST.format("-wal", "not there")]),
    "it moved without half a transaction": (
        lambda tree: moved(tree, "-journal").unlink(),
        [LOST.format("-journal", "not there")],
    ),
    "its log is another one": (
        lambda tree: (moved(tree, "-wal").rename(tree.root / "aside"), moved(tree, "-wal").write_bytes(b"other")),
        [OTHER.format("-wal")],
    ),
    "it can be written to": (
        lambda tree: moved(tree).chmod(0o640),
        ["legacy/first.db: the legacy file can still be written to, and what is written there is in no target"],
    ),
    "it is everybody's": (
        lambda tree: moved(tree).chmod(0o444),
        ["legacy/first.db: the legacy file has permissions 0444, and should have 0440"],
    ),
    **{
        f"its {suffix} was left": (
            lambda tree, suffix=suffix: (tree.target / f"first.db{suffix}").touch(),
            [f"first.db{suffix}: is left beside the link to alpha.db, and is of the file that gave way"],
        )
        for suffix in ("-wal", "-shm", "-journal")
    },
    "it was left": (put_back, ["first.db: is a file, and should be a link to alpha.db"]),
    "it is there twice": (
        lambda tree: ((tree.target / "first.db").unlink(), (tree.target / "first.db").hardlink_to(moved(tree))),
        ["first.db: is a file, and should be a link to alpha.db"],
    ),
    "a new file took its place": (
        lambda tree: ((tree.target / "first.db").unlink(), (tree.target / "first.db").touch(), moved(tree).unlink()),
        ["first.db: is a file, and should be a link to alpha.db", LOST.format("", "not there")],
    ),
    "there is no link": (
        lambda tree: (tree.target / "first.db").unlink(),
        ["first.db: the link to alpha.db was not made, and whoever opens the old name finds nothing"],
    ),
    "the link leads to another target": (
        lambda tree: relink(tree, "in/beta.db"),
        ["first.db: leads to in/beta.db, and should lead to alpha.db"],
    ),
    "the link leads to the file": (
        lambda tree: relink(tree, ".strongroom/run/legacy/first.db"),
        ["first.db: leads to .strongroom/run/legacy/first.db, and should lead to alpha.db"],
    ),
}


def prepare_whole(tree: Tree) -> None:
    for suffix in ("-wal", "-journal"):
        write_beside(suffix)(tree)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_at_once_and_later(tree: Tree, name: str) -> None:
    spoil, sentences = WRONG[name]
    prepare_whole(tree)
    look = look_at(tree)
    go_live(tree)
    assert prove(tree, look) == []
    spoil(tree)
    assert prove(tree, look) == sentences
    assert prove_later(tree, look) == sentences


CHANGED: dict[str, tuple[Act, str]] = {
    "it was written to": (
        lambda tree: os.utime(moved(tree), ns=(1, 1)),
        "legacy/first.db: the legacy file was changed while the targets went live",
    ),
    "its log was written to": (
        lambda tree: os.utime(moved(tree, "-wal"), ns=(1, 1)),
        "legacy/first.db-wal: the legacy file was changed while the targets went live",
    ),
    "it was written anew": (lambda tree: rewrite(moved(tree)), OTHER.format("")),
    "its log was written anew": (lambda tree: rewrite(moved(tree, "-wal")), OTHER.format("-wal")),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_may_happen_until_it_moves_may_not_happen_while_sources_are_held(tree: Tree, name: str) -> None:
    spoil, sentence = CHANGED[name]
    prepare_whole(tree)
    look = look_at(tree)
    go_live(tree)
    spoil(tree)
    assert prove(tree, look) == [sentence]
    assert prove_later(tree, look) == []


def test_a_log_that_its_application_folded_in_before_the_file_moved_is_not_missed_later(tree: Tree) -> None:
    prepare_whole(tree)
    look = look_at(tree)
    for suffix in ("-wal", "-journal"):
        (tree.target / f"first.db{suffix}").unlink()
    with (tree.target / "first.db").open("ab") as stream:
        stream.write(bytes(4096))
    go_live(tree)
    assert prove_later(tree, look) == []
    moved(tree).unlink()
    assert prove_later(tree, look)[0] == LOST.format("", "not there")


COPIED: dict[str, tuple[Act, list[str]]] = {
    "nothing": (nothing, []),
    "permissions": (lambda tree: moved(tree).chmod(0o666), []),
    "the file is lost": (
        lambda tree: moved(tree).unlink(),
        [LOST.format("", "not there")],
    ),
    "another file": (replace_moved, [OTHER.format("")]),
    "the log is lost": (lambda tree: moved(tree, "-wal").unlink(), [LOST.format("-wal", "not there")]),
    "another log": (lambda tree: moved(tree, "-wal").write_bytes(b"framed" * 100), [OTHER.format("-wal")]),
}


@pytest.mark.parametrize("name", COPIED)
def test_a_copy_of_the_tree_is_proven_by_what_the_files_hold(tree: Tree, name: str) -> None:
    spoil, sentences = COPIED[name]
    prepare_whole(tree)
    look = look_at(tree)
    go_live(tree)
    copy = Tree(root=tree.root / "copy", in_place=True)
    shutil.copytree(tree.target, copy.target, symlinks=True, copy_function=shutil.copyfile)
    shutil.copyfile(tree.plan, copy.plan)
    spoil(copy)
    assert prove_later(copy, look) == sentences
