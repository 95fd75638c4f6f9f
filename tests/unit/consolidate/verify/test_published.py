"""What is live must be what was proven: trees published by hand, right ones and wrong ones, each with its sentence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.consolidate.verify.looking import name_carried
from strongroom.consolidate.verify.published import Look, Places, look_before, prove_live, prove_recovered
from strongroom.core.errors import PlanError
from strongroom.core.plan.models import PlanModel
from strongroom.core.results import TableTally
from tests.unit.consolidate.verify.published_tree import (
    PLAN,
    ROLLBACK,
    WRITE_AHEAD,
    Tree,
    build_tree,
    give_way,
    go_live,
    set_mode,
    write_database,
)

Act = Callable[[Tree], object]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path)


def places_of(tree: Tree) -> Places:
    return Places(**tree.places)


def prove(tree: Tree, look: Look) -> list[str]:
    """Prove a tree twice: looking changes nothing."""
    found = prove_live(look, places_of(tree))
    assert prove_live(look, places_of(tree)) == found
    return found


def nothing(_: Tree) -> None:
    """Leave the tree as it is."""


def place_old(tree: Tree) -> None:
    write_database(tree.target / "alpha.db", "old", 0o604)


def place_old_with_log(tree: Tree) -> None:
    place_old(tree)
    set_mode(tree.target / "alpha.db", WRITE_AHEAD)
    (tree.target / "alpha.db-wal").write_bytes(b"frames" * 100)
    (tree.target / "alpha.db-shm").write_bytes(b"index")


def place_old_in_half_a_transaction(tree: Tree) -> None:
    place_old(tree)
    (tree.target / "alpha.db-journal").write_bytes(b"pages" * 100)


def take_back(tree: Tree) -> None:
    """Roll a half transaction back, as SQLite does when it opens a file."""
    (tree.target / "alpha.db-journal").unlink()
    with (tree.target / "alpha.db").open("ab") as stream:
        stream.write(bytes(4096))


def fold_in(tree: Tree) -> None:
    """Checkpoint a legacy file, as its application may at any time."""
    with (tree.source / "first.db").open("ab") as stream:
        stream.write(bytes(4096))


def place_aliases(make: Callable[[Path], object]) -> Act:
    return lambda tree: make(tree.target / "old_alpha.db")


def link_outside(tree: Tree) -> None:
    """Let a source be a link out of the directory; its permissions are nobody's measure, and stay."""
    outside = tree.root / "outside.db"
    (tree.source / "first.db").rename(outside)
    outside.chmod(0o666)
    (tree.source / "first.db").symlink_to(outside)


def place_log_of_legacy(tree: Tree) -> None:
    (tree.source / "first.db-wal").write_bytes(b"frames")


def open_beside(tree: Tree) -> None:
    """Let an application write a log, and open a database of its own that was there."""
    (tree.target / "application.log").write_text("started\n")
    (tree.target / "other.db-shm").touch()
    (tree.target / "in" / "socket.pid").write_text("1")


RIGHT: dict[str, tuple[Act, Act, int]] = {
    "nothing was there": (nothing, nothing, 0o640),
    "a file was replaced": (place_old, nothing, 0o640),
    "a file with a log was replaced": (place_old_with_log, nothing, 0o640),
    "a file in half a transaction was replaced": (place_old_in_half_a_transaction, take_back, 0o640),
    "an empty file was replaced": (lambda tree: (tree.target / "alpha.db").touch(0o600), nothing, 0o640),
    "an old name is a link already": (place_aliases(lambda path: path.symlink_to("alpha.db")), nothing, 0o640),
    "it leads there another way": (place_aliases(lambda path: path.symlink_to("in/../alpha.db")), nothing, 0o640),
    "a source is a link to elsewhere": (link_outside, nothing, 0o664),
    "a legacy log is folded in": (place_log_of_legacy, fold_in, 0o640),
    "a legacy file was read-only": (lambda tree: (tree.source / "first.db").chmod(0o440), nothing, 0o640),
    "an application goes on": (lambda tree: write_database(tree.target / "other.db", "o", 0o600), open_beside, 0o640),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_live_is_what_was_proven(tree: Tree, name: str) -> None:
    prepare, meanwhile, mode = RIGHT[name]
    prepare(tree)
    look = look_before(places_of(tree))
    meanwhile(tree)
    go_live(tree, mode=mode)
    (tree.target / "alpha.db-shm").unlink(missing_ok=True)
    assert prove(tree, look) == []
    assert prove_recovered(look, places_of(tree)) == []


@pytest.mark.parametrize("versions", [ROLLBACK, WRITE_AHEAD])
def test_a_target_in_place_of_a_source_is_no_legacy_file(tmp_path: Path, versions: bytes) -> None:
    tree = build_tree(tmp_path, PLAN.replace("path: alpha.db", "path: first.db"), in_place=True)
    set_mode(tree.source / "first.db", versions)
    look = look_before(places_of(tree))
    assert list(look.legacy) == ["deep/second.db"]
    (tree.previous / "in").mkdir()
    if versions == ROLLBACK:
        (tree.source / "first.db").rename(tree.previous / "first.db")
    else:
        shutil.copyfile(tree.source / "first.db", tree.previous / "first.db")
        (tree.source / "first.db").unlink()
    (tree.stage / "alpha.db").rename(tree.target / "alpha.db")
    go = tree.target / "alpha.db"
    go.rename(tree.target / "first.db").chmod(0o640)
    (tree.stage / "beta.db").rename(tree.target / "in" / "beta.db").chmod(0o664)
    (tree.target / "old_alpha.db").symlink_to("first.db")
    (tree.target / "names").mkdir()
    (tree.target / "names" / "older.db").symlink_to("../first.db")
    (tree.target / "gone.db").symlink_to("first.db")
    (tree.source / "deep" / "second.db").chmod(0o444)
    give_way(tree, "deep/second.db")
    (tree.target / "deep" / "second.db").symlink_to("../in/beta.db")
    assert prove(tree, look) == []


def test_a_file_that_no_text_names_is_a_target_and_a_legacy_file(tmp_path: Path) -> None:
    tree = build_tree(tmp_path, PLAN)
    write_database(tree.source / "odd name.db", "o", 0o644)
    write_database(tree.stage / "carried_odd_name_db.db", "o", 0o600)
    look = look_before(places_of(tree), ["odd name.db"])
    assert list(look.targets) == ["alpha.db", "in/beta.db", "odd name.db"]
    go_live(tree)
    assert "odd name.db: is not there, and should be live" in prove(tree, look)
    (tree.stage / "carried_odd_name_db.db").rename(tree.target / "odd name.db").chmod(0o640)
    (tree.source / "odd name.db").chmod(0o444)
    assert prove(tree, look) == []


def test_carried_names_are_those_that_the_papers_say() -> None:
    written = {"version": 1, "sources": {"Carried_a_db": {"path": "x"}}, "targets": {"t": {"path": "t"}}}
    named = name_carried(PlanModel.model_validate(written), ["b-c.db", "a.db", "a db"])
    assert named == {"carried_a_db_2": "a db", "carried_a_db_3": "a.db", "carried_b_c_db": "b-c.db"}


def test_a_plan_that_cannot_be_read_proves_nothing(tree: Tree) -> None:
    tree.plan.write_text(PLAN.replace("targets:", "aims:"))
    with pytest.raises(PlanError):
        look_before(places_of(tree))


def alpha(tree: Tree) -> Path:
    return tree.target / "alpha.db"


def swap(tree: Tree) -> None:
    other = tree.target / "in" / "beta.db"
    alpha(tree).rename(tree.root / "aside")
    other.rename(alpha(tree))
    (tree.root / "aside").rename(other)


def replace_by_copy(tree: Tree, size: int | None = None) -> None:
    """Put a copy in the place of a file, with its time, and cut it if wanted."""
    copy = shutil.copy2(alpha(tree), tree.root / "copy")
    if size is not None:
        os.truncate(copy, size)
    Path(copy).replace(alpha(tree))


def overwrite(file: Path, offset: int, content: bytes = b"damage") -> None:
    """Change bytes and put the time back."""
    before = file.stat()
    file.chmod(0o600)
    with file.open("r+b") as stream:
        stream.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
        stream.write(content)
    file.chmod(before.st_mode)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(file: Path) -> None:
    before = file.stat()
    os.truncate(file, 8192)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def link_instead(tree: Tree) -> None:
    alpha(tree).rename(tree.run / "elsewhere.db")
    alpha(tree).symlink_to(tree.run / "elsewhere.db")


def relink(tree: Tree, goal: str, alias: str = "old_alpha.db") -> None:
    (tree.target / alias).unlink()
    (tree.target / alias).symlink_to(goal)


def share(tree: Tree) -> None:
    (tree.target / "in" / "beta.db").unlink()
    (tree.target / "in" / "beta.db").hardlink_to(alpha(tree))


def rewrite(file: Path) -> None:
    """Write a file anew: same bytes, other inode."""
    shutil.copy2(file, file.with_name("anew"))
    file.with_name("anew").replace(file)


def clash(tree: Tree) -> None:
    alias = tree.target / "old_alpha.db"
    alias.unlink()
    write_database(alias, "anything", 0o600)


SHARED = "in/beta.db: is the same file as alpha.db"
WRONG: dict[str, tuple[Act, list[str]]] = {
    "a target is missing": (lambda tree: alpha(tree).unlink(), ["alpha.db: is not there, and should be live"]),
    "two targets are swapped": (
        swap,
        [
            "alpha.db: is the database that was proven for in/beta.db",
            "in/beta.db: is the database that was proven for alpha.db",
        ],
    ),
    "a target is a link": (link_instead, ["alpha.db: is a link, and should be the database itself"]),
    "a target is a folder": (
        lambda tree: (alpha(tree).unlink(), alpha(tree).mkdir()),
        ["alpha.db: is a folder, and should be the database itself"],
    ),
    "a target is a pipe": (
        lambda tree: (alpha(tree).unlink(), os.mkfifo(alpha(tree))),
        ["alpha.db: is neither file nor folder, and should be the database itself"],
    ),
    "a target was copied": (replace_by_copy, ["alpha.db: is another file than the one that was proven"]),
    "a target was copied in part": (
        lambda tree: replace_by_copy(tree, 8192),
        ["alpha.db: is another file than the one that was proven"],
    ),
    "a target was cut": (
        lambda tree: cut(alpha(tree)),
        ["alpha.db: has 8192 bytes, and the one that was proven had 53248"],
    ),
    "a target was written to": (
        lambda tree: os.utime(alpha(tree), ns=(1, 1)),
        ["alpha.db: was written to after it was proven"],
    ),
    "the first page is another one": (
        lambda tree: overwrite(alpha(tree), 100),
        ["alpha.db: does not hold what was proven (its first or last page is another one)"],
    ),
    "the last page is another one": (
        lambda tree: overwrite(alpha(tree), -10),
        ["alpha.db: does not hold what was proven (its first or last page is another one)"],
    ),
    "two targets share a file": (share, [SHARED, "in/beta.db: is the database that was proven for alpha.db"]),
    **{
        f"an older {suffix} lies beside a target": (
            lambda tree, suffix=suffix: alpha(tree).with_name(f"alpha.db{suffix}").write_bytes(b"old"),
            [f"alpha.db{suffix}: lies beside it and is not of it: move it away before anything opens the database"],
        )
        for suffix in ("-wal", "-shm", "-journal")
    },
    "a target is in the stage too": (
        lambda tree: (tree.stage / "alpha.db").hardlink_to(alpha(tree)),
        ["alpha.db: is still in the stage too"],
    ),
    "permissions are wider": (
        lambda tree: alpha(tree).chmod(0o644),
        ["alpha.db: has permissions 0644, more than the 0640 that it should have"],
    ),
    "permissions are narrower": (
        lambda tree: alpha(tree).chmod(0o600),
        ["alpha.db: has permissions 0600, and should have 0640"],
    ),
    "a link was not made": (
        lambda tree: (tree.target / "names" / "older.db").unlink(),
        ["names/older.db: the link to alpha.db was not made, and whoever opens the old name finds nothing"],
    ),
    "a link leads to another target": (
        lambda tree: relink(tree, "in/beta.db"),
        ["old_alpha.db: leads to in/beta.db, and should lead to alpha.db"],
    ),
    "a link leads nowhere": (
        lambda tree: relink(tree, "nowhere.db"),
        ["old_alpha.db: leads to nowhere.db, and should lead to alpha.db"],
    ),
    "a link leads in a circle": (
        lambda tree: relink(tree, "old_alpha.db"),
        ["old_alpha.db: leads to old_alpha.db, and should lead to alpha.db"],
    ),
    "an old name has no link": (
        lambda tree: (tree.target / "deep" / "second.db").unlink(),
        ["deep/second.db: the link to in/beta.db was not made, and whoever opens the old name finds nothing"],
    ),
    "the old name of a source that is not there has no link": (
        lambda tree: (tree.target / "gone.db").unlink(),
        ["gone.db: the link to alpha.db was not made, and whoever opens the old name finds nothing"],
    ),
    "an old name leads to another target": (
        lambda tree: relink(tree, "in/beta.db", "first.db"),
        ["first.db: leads to in/beta.db, and should lead to alpha.db"],
    ),
    "an old name leads to the legacy file": (
        lambda tree: relink(tree, "../source/first.db", "first.db"),
        ["first.db: leads to ../source/first.db, and should lead to alpha.db"],
    ),
    "an old name is a new, empty file": (
        lambda tree: ((tree.target / "first.db").unlink(), (tree.target / "first.db").touch()),
        ["first.db: is a file, and should be a link to alpha.db"],
    ),
    "a link is a file": (clash, ["old_alpha.db: is a file, and should be a link to alpha.db"]),
    "a legacy file is gone": (
        lambda tree: (tree.source / "first.db").unlink(),
        ["first.db: the legacy file is not there"],
    ),
    "a legacy file was written anew": (
        lambda tree: rewrite(tree.source / "first.db"),
        ["first.db: the legacy file is another one than before"],
    ),
    "a legacy file was changed": (
        lambda tree: os.utime(tree.source / "first.db", ns=(1, 1)),
        ["first.db: the legacy file was changed while the targets went live"],
    ),
    "a legacy file can be written to": (
        lambda tree: (tree.source / "deep" / "second.db").chmod(0o664),
        ["deep/second.db: the legacy file can still be written to, and what is written there is in no target"],
    ),
    "a legacy file cannot be read": (
        lambda tree: (tree.source / "first.db").chmod(0),
        ["first.db: the legacy file has permissions 0000, and should have 0440"],
    ),
    "a legacy file is everybody's": (
        lambda tree: (tree.source / "first.db").chmod(0o444),
        ["first.db: the legacy file has permissions 0444, and should have 0440"],
    ),
    "a database appeared": (
        lambda tree: write_database(tree.target / "stray.db", "s", 0o600),
        ["stray.db: appeared beside the targets, and nothing asked for it"],
    ),
    "a database without the name of one appeared": (
        lambda tree: write_database(tree.target / "in" / "stray", "s", 0o600),
        ["in/stray: appeared beside the targets, and nothing asked for it"],
    ),
    "half of a target was left": (
        lambda tree: (tree.target / "alpha.db.part").touch(),
        ["alpha.db.part: appeared beside the targets, and nothing asked for it"],
    ),
    "another name of a target was made": (
        lambda tree: (tree.target / "other name").hardlink_to(alpha(tree)),
        ["other name: appeared beside the targets, and nothing asked for it"],
    ),
    "another link was made": (
        lambda tree: (tree.target / "names" / "link").symlink_to("../alpha.db"),
        ["names/link: appeared beside the targets, and nothing asked for it"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(tree: Tree, name: str) -> None:
    spoil, sentences = WRONG[name]
    look = look_before(places_of(tree))
    go_live(tree)
    assert prove(tree, look) == []
    spoil(tree)
    assert prove(tree, look) == sentences


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (lambda path: write_database(path, "other", 0o644), "is a file, and should be a link to alpha.db"),
    "an empty file": (Path.touch, "is a file, and should be a link to alpha.db"),
    "a folder": (Path.mkdir, "is a folder, and should be a link to alpha.db"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "leads to nowhere, and should lead to alpha.db"),
    "a link to another target": (
        lambda path: path.symlink_to("in/beta.db"),
        "leads to in/beta.db, and should lead to alpha.db",
    ),
    "a link to a legacy file": (
        lambda path: path.symlink_to("../source/first.db"),
        "leads to ../source/first.db, and should lead to alpha.db",
    ),
}


@pytest.mark.parametrize("name", ["old_alpha.db", "first.db"])
@pytest.mark.parametrize("what", FOREIGN)
def test_nothing_is_published_where_somebody_else_has_an_old_name(tree: Tree, name: str, what: str) -> None:
    """It is refused before; where it was not, the old name leads to somebody else's rows."""
    place, sentence = FOREIGN[what]
    place(tree.target / name)
    look = look_before(places_of(tree))
    go_live(tree)
    assert prove(tree, look) == [f"{name}: {sentence}"]
    assert prove_recovered(look, places_of(tree)) == [f"{name}: {sentence}"]


def test_a_link_that_was_there_before_stays_as_it_was(tree: Tree) -> None:
    (tree.target / "first.db").symlink_to("in/../alpha.db")
    look = look_before(places_of(tree))
    go_live(tree)
    assert prove(tree, look) == []
    relink(tree, "alpha.db", "first.db")
    wrong = ["first.db: was a link to in/../alpha.db, which is not ours, and is one to alpha.db"]
    assert prove(tree, look) == wrong
    assert prove_recovered(look, places_of(tree)) == wrong


def test_what_was_proven_says_where_old_names_lead_that_no_text_does(tree: Tree) -> None:
    tree.plan.write_text(PLAN.replace("[first.a, gone.c]", "[gone.c]").replace("version: 1", "version: 1\n" + CARRIES))
    tables = {"first.a": TableTally(into="alpha.a", read=1), "second.b": TableTally(into="beta.b", read=1)}
    look = look_before(places_of(tree), tables=tables)
    go_live(tree)
    assert prove(tree, look) == []
    (tree.target / "first.db").unlink()
    wrong = "first.db: the link to alpha.db was not made, and whoever opens the old name finds nothing"
    assert prove(tree, look) == [wrong]


CARRIES = "defaults: {unmapped_table: carry}"


def kept(tree: Tree) -> Path:
    return tree.previous / "alpha.db"


def put_old_back(tree: Tree) -> None:
    kept(tree).rename(alpha(tree))


def put_copy_back(tree: Tree) -> None:
    shutil.copy2(kept(tree), tree.root / "copy")
    (tree.root / "copy").replace(alpha(tree))


def write_old_over(tree: Tree) -> None:
    shutil.copy2(kept(tree), alpha(tree))


LOST = "previous/alpha.db: is not there, and should be what alpha.db was before: there is no way back to it"
STILL = "alpha.db: is still the file that was live before"
REPLACED: dict[str, tuple[Act, Act, list[str]]] = {
    "the old file is live": (place_old, put_old_back, [STILL]),
    "a copy of the old file is live": (place_old, put_copy_back, [STILL]),
    "the old file was written over the new one": (place_old, write_old_over, [STILL]),
    "the old file is not kept": (place_old, lambda tree: kept(tree).unlink(), [LOST]),
    "a link is kept": (
        place_old,
        lambda tree: (kept(tree).rename(tree.root / "away"), kept(tree).symlink_to(tree.root / "away")),
        ["previous/alpha.db: is a link, and should be what alpha.db was before: there is no way back to it"],
    ),
    "another file is kept": (
        place_old,
        lambda tree: rewrite(kept(tree)),
        ["previous/alpha.db: is not the file that alpha.db was before"],
    ),
    "what is kept was changed": (
        place_old,
        lambda tree: os.utime(kept(tree), ns=(1, 1)),
        ["previous/alpha.db: is not the file that alpha.db was before"],
    ),
    "what is kept with a log is another content": (
        place_old_with_log,
        lambda tree: overwrite(kept(tree), 5000),
        ["previous/alpha.db: does not hold what alpha.db held before"],
    ),
    "the log is not kept": (
        place_old_with_log,
        lambda tree: kept(tree).with_name("alpha.db-wal").unlink(),
        ["previous/alpha.db-wal: does not hold what alpha.db-wal held before"],
    ),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_was_there_before_is_still_to_be_had(tree: Tree, name: str) -> None:
    prepare, spoil, sentences = REPLACED[name]
    prepare(tree)
    look = look_before(places_of(tree))
    go_live(tree)
    (tree.target / "alpha.db-shm").unlink(missing_ok=True)
    assert prove(tree, look) == []
    spoil(tree)
    found = prove(tree, look)
    assert [line for line in found if "permissions" not in line] == sentences


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_target_belongs_to_whom_the_replaced_one_did_or_to_us(tree: Tree) -> None:
    place_old(tree)
    os.chown(alpha(tree), 1234, 4321)
    look = look_before(places_of(tree))
    go_live(tree)
    assert prove(tree, look) == []  # ours: not everybody may give files away
    os.chown(alpha(tree), 1234, 4321)
    assert prove(tree, look) == []
    os.chown(alpha(tree), 77, 4321)
    assert prove(tree, look) == ["alpha.db: belongs to 77:4321, and should belong to 1234:4321"]


def test_a_recovered_publishing_still_has_what_it_replaced(tree: Tree) -> None:
    place_old(tree)
    look = look_before(places_of(tree))
    go_live(tree)
    overwrite(kept(tree), 5000)
    assert prove_recovered(look, places_of(tree)) == []
    kept(tree).unlink()
    assert prove_recovered(look, places_of(tree)) == [LOST]


def test_a_recovered_publishing_is_proven_in_a_copy_of_the_tree(tree: Tree) -> None:
    look = look_before(places_of(tree))
    go_live(tree)
    copy = Tree(root=tree.root / "copy")
    for folder in (tree.target, tree.source):
        shutil.copytree(folder, copy.root / folder.name, symlinks=True, copy_function=shutil.copyfile)
    assert prove_recovered(look, places_of(copy)) == []
    assert prove_live(look, places_of(copy)) != []
    cut(alpha(copy))
    (copy.target / "in" / "beta.db-wal").touch()
    (copy.target / "names" / "older.db").unlink()
    assert prove_recovered(look, places_of(copy)) == [
        "alpha.db: has 8192 bytes, and the one that was proven had 53248",
        "names/older.db: the link to alpha.db was not made, and whoever opens the old name finds nothing",
        "in/beta.db-wal: lies beside it and is not of it: move it away before anything opens the database",
    ]
