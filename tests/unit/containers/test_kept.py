"""Which stack a folder is of: named by its place, owned by chance, and no other's."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from strongroom.containers.stack.belongings import Belongings, refuse_strange
from strongroom.containers.stack.files import Folder, remove_files
from strongroom.containers.stack.kept import Kept, make_kept, read_kept, write_kept
from strongroom.core.errors import GuardError, UsageError


def begin(clone: Path, **environment: str) -> tuple[Folder, Kept]:
    folder = Folder(root=clone / ".stack")
    return folder, write_kept(folder, make_kept(folder, clone, environment))


@pytest.mark.parametrize("name", ["main", "strongroom", "Strongroom-2", "ä b", "---"])
def test_clones_beside_each_other_have_projects_of_their_own(tmp_path: Path, name: str) -> None:
    made = {begin(tmp_path / place / name)[1].project for place in ("one", "two")}
    assert len(made) == 2
    for project in made:  # what Compose takes for one
        assert project.startswith("strongroom-")
        assert project.isascii()
        assert project == project.lower()
        assert set(project) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_settings_are_kept_and_changed_by_the_environment(tmp_path: Path) -> None:
    folder, _ = begin(tmp_path, STRONGROOM_REDIS_PORT="7000", STRONGROOM_TAG="mine")
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.env.stat().st_mode) == 0o600
    kept = read_kept(folder, {"STRONGROOM_POSTGRES_PORT": "6000", "STRONGROOM_TAG": ""})
    assert kept is not None
    assert (kept.port("redis"), kept.port("postgres"), kept.port("vault"), kept.tag) == (7000, 6000, 8200, "mine")


@pytest.mark.parametrize("said", ["0", "65536", "x", "-1", "80 "])
def test_a_port_that_is_none_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(UsageError, match="STRONGROOM_S3_PORT: must be a port, 1 to 65535"):
        begin(tmp_path, STRONGROOM_S3_PORT=said)


def test_a_tag_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="STRONGROOM_TAG: must be a tag of an image"):
        begin(tmp_path, STRONGROOM_TAG="a b; rm")


@pytest.mark.parametrize("place", ["plain", "with space", "$HOME #x", 'a"b', "ü"])
def test_any_place_is_read_back(tmp_path: Path, place: str) -> None:
    folder, kept = begin(tmp_path / place)
    assert read_kept(folder, {}) == kept
    assert kept.place == os.fspath(folder.root)


@pytest.mark.parametrize("place", ["it's", "two\nlines"])
def test_a_place_that_compose_could_not_read_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match="has a quote or a line break in its path"):
        begin(tmp_path / place)
    assert not (tmp_path / place).exists()


def test_a_stack_that_was_moved_is_the_same(tmp_path: Path) -> None:
    folder, kept = begin(tmp_path / "one")
    shutil.move(tmp_path / "one", tmp_path / "two")
    moved = Folder(root=tmp_path / "two" / ".stack")
    found = read_kept(moved, {})
    assert found is not None
    assert (found.project, found.owner) == (kept.project, kept.owner)
    assert write_kept(moved, found).place == os.fspath(moved.root)
    assert not folder.root.exists()


def test_a_copy_is_refused_as_long_as_its_original_is_there(tmp_path: Path) -> None:
    begin(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    copy = Folder(root=tmp_path / "two" / ".stack")
    with pytest.raises(GuardError, match=r"is a copy of .*one/\.stack, whose containers it would act on"):
        read_kept(copy, {})
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert read_kept(Folder(root=tmp_path / "link" / ".stack"), {}) is not None


def test_where_another_stack_was_made_in_the_old_place_the_moved_one_goes_on(tmp_path: Path) -> None:
    begin(tmp_path / "one")
    shutil.move(tmp_path / "one", tmp_path / "two")
    begin(tmp_path / "one")
    assert read_kept(Folder(root=tmp_path / "two" / ".stack"), {}) is not None


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["notes.txt"], "is not empty, and of no stack"),
        ([".hidden"], "is not empty, and of no stack"),
        (["tls", "secrets"], "was made by an older version"),
        (["tls", "mine"], "is not empty, and of no stack"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(GuardError, match=said):
        read_kept(Folder(root=tmp_path), {})


@pytest.mark.parametrize("text", ["", "DB_PASSWORD=x\n", "COMPOSE_PROJECT_NAME=strongroom\n", "\0"])
def test_an_env_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "env").write_text(text)
    with pytest.raises(GuardError, match="is not of a stack of ours"):
        read_kept(Folder(root=tmp_path), {})


def test_what_a_kill_left_is_begun_anew(tmp_path: Path) -> None:
    for name in ("lock", "env.part"):
        (tmp_path / name).touch()
    assert read_kept(Folder(root=tmp_path), {}) is None
    assert read_kept(Folder(root=tmp_path / "none"), {}) is None


def test_only_what_is_ours_is_removed(tmp_path: Path) -> None:
    folder, _ = begin(tmp_path)
    folder.tls.mkdir()
    folder.secrets.mkdir()
    for file in (folder.tls / "ca.key", folder.tls / "redis.crt.part", folder.lock, folder.secrets / "mine"):
        file.touch()
    remove_files(folder)
    assert [path.relative_to(folder.root).as_posix() for path in sorted(folder.root.rglob("*"))] == [
        "secrets", "secrets/mine"
    ]  # fmt: skip
    (folder.secrets / "mine").unlink()
    remove_files(folder)
    assert not folder.root.exists()


def test_what_belongs_to_somebody_else_is_not_touched(tmp_path: Path) -> None:
    _, kept = begin(tmp_path)
    refuse_strange(kept, Belongings(volumes=("a",)), is_new=True)
    strange = Belongings(volumes=("x_postgres",), strange=("x_postgres",))
    with pytest.raises(GuardError, match="x_postgres: belongs to another stack, or to none"):
        refuse_strange(kept, strange, is_new=False)
    with pytest.raises(GuardError, match="is gone, and the stack that it belonged to has left x_postgres"):
        refuse_strange(kept, strange, is_new=True)
