"""One stack a clone: what is another's, or nobody's, is never taken, changed or removed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.engine import connect
from tests.e2e.stack_site import Site, list_all, make_clone


@pytest.fixture
def clones(repository: Path, tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two clones of one name, whose folders tell them apart."""
    made = make_clone(repository, tmp_path / "one" / "app"), make_clone(repository, tmp_path / "two" / "app")
    try:
        yield made
    finally:
        for site in made:
            site.run("stack.destroy", "--volumes", "--yes")


@pytest.fixture
def site(repository: Path, tmp_path: Path) -> Iterator[Site]:
    made = make_clone(repository, tmp_path / "app")
    try:
        yield made
    finally:
        made.run("stack.destroy", "--volumes", "--yes")


@pytest.fixture(scope="module")
def running(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A clone whose stack is up, and is up again after each test."""
    made = make_clone(repository, tmp_path_factory.mktemp("running") / "app")
    try:
        assert made.run("stack.up").returncode == 0
        yield made
    finally:
        made.run("stack.destroy", "--volumes", "--yes")


def compose(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Compose by hand, in the clone."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "COMPOSE_"))}
    command = ["docker", "compose", *words]
    return subprocess.run(
        command, cwd=site.repository, env=bare, text=True, capture_output=True, timeout=200, check=False
    )


def test_two_clones_go_up_down_and_away_without_touching_each_other(
    clones: tuple[Site, Site], is_nightly: bool
) -> None:
    one, two = clones
    for site in clones:
        ended = site.run("stack.up")
        assert ended.returncode == 0, ended.stderr
        site.sql("CREATE TABLE kept AS SELECT 'of ' || current_database() AS n")
    assert one.project != two.project
    known = {site.project: list_all(site.project) for site in clones}
    for site, other in ((one, two), (two, one)) if is_nightly else ((two, one),):
        for words in (["down"], ["up"], ["destroy"], ["destroy", "--volumes", "--yes"], ["up"]):
            ended = site.run(f"stack.{words[0]}", *words[1:])
            assert ended.returncode == 0, ended.stderr
            assert list_all(other.project) == known[other.project], words
            assert other.sql("SELECT n FROM kept") == [("of strongroom",)]
            if "--volumes" not in words and words != ["up"]:
                assert len(list_all(site.project)) == 2  # its data
        site.sql("CREATE TABLE kept AS SELECT 'of ' || current_database() AS n")
        known[site.project] = list_all(site.project)


def test_compose_by_hand_needs_a_stack(site: Site) -> None:
    ended = compose(site, "up", "--detach")
    assert (ended.returncode, "run ./inv stack.up first" in ended.stderr) == (15, True)


def test_compose_by_hand_means_the_same_stack_and_changes_nothing(running: Site) -> None:
    site = running
    known = list_all(site.project)
    ended = compose(site, "up", "--detach")
    assert ended.returncode == 0, ended.stderr
    assert list_all(site.project) == known
    assert site.run("stack.up", **dict.fromkeys(("COMPOSE_PROJECT_NAME", "STRONGROOM_OWNER"), "x")).returncode == 0
    bare = {name: value for name, value in site.environment.items() if not name.endswith("_PORT")}
    again = subprocess.run(
        site.argv("stack.up"), env=bare, cwd=site.repository, capture_output=True, timeout=200, check=False
    )
    assert again.returncode == 0
    assert list_all(site.project) == known  # ports are kept


def test_the_ops_container_sees_data_and_no_key(running: Site) -> None:
    words = ["run", "--rm", "--user", "0:0", "--entrypoint", "sh", "ops", "-c"]
    keys = "'(' -name '*.key' -o -name '*-token' -o -name '*-key' ')' -not -path '/usr/*'"
    look = f"ls /work; find / -xdev {keys} 2>/dev/null; true"
    (running.repository / "data" / "mine.db").touch()
    ended = compose(running, *words, look)
    assert (ended.returncode, ended.stdout.split()) == (0, ["mine.db"]), ended.stdout + ended.stderr


def test_only_what_changed_is_made_anew(running: Site) -> None:
    site = running
    known = list_all(site.project)
    (site.folder / "tls" / "redis.crt").unlink()
    assert site.run("stack.up").returncode == 0
    assert list_all(site.project) == known  # it took the new certificate over
    (site.folder / "secrets" / "redis-monitor-password").write_text("another")
    assert site.run("stack.up").returncode == 0
    changed = {name for name, known_id in list_all(site.project).items() if known[name] != known_id}
    assert changed == {f"{site.project}-redis-1"}


def test_the_copy_of_a_clone_does_not_act_on_its_original(running: Site, tmp_path: Path) -> None:
    site = running
    known = list_all(site.project)
    shutil.copytree(site.repository, tmp_path / "copy", symlinks=True)
    copy = Site(
        repository=tmp_path / "copy", folder=tmp_path / "copy" / ".stack",
        environment=site.environment | {"PYTHONPATH": str(tmp_path / "copy" / "scripts")},
    )  # fmt: skip
    for words in (["up"], ["down"], ["destroy", "--volumes", "--yes"], ["status"], ["logs"]):
        ended = copy.run(f"stack.{words[0]}", *words[1:])
        assert (ended.returncode, "is a copy of" in ended.stderr) == (6, True), (words, ended.stderr)
    assert list_all(site.project) == known


def test_a_folder_that_is_gone_does_not_give_new_passwords_to_old_data(running: Site) -> None:
    site, project = running, running.project
    for state in ("running", "down"):
        known = list_all(project)
        site.folder.rename(site.folder.with_name("elsewhere"))
        ended = site.run("stack.up")
        assert (ended.returncode, f"{project}_postgres" in ended.stderr) == (6, True), ended.stderr
        assert "put the folder back from a backup" in ended.stderr
        away = site.run("stack.destroy", "--volumes", "--yes")
        assert (away.returncode, "holds no stack: nothing was touched" in away.stderr) == (0, True), away.stderr
        assert list_all(project) == known, state
        shutil.rmtree(site.folder, ignore_errors=True)
        site.folder.with_name("elsewhere").rename(site.folder)
        assert site.run("stack.down").returncode == 0
    assert site.run("stack.up").returncode == 0


def test_what_a_lost_folder_leaves_is_removed_by_the_commands_that_are_named(site: Site) -> None:
    assert site.run("stack.up").returncode == 0
    project = site.project
    shutil.rmtree(site.folder)
    way = site.run("stack.up").stderr.partition("to give the data up: ")[2].splitlines()[0]
    for command in way.split(" && "):
        subprocess.run(shlex.split(command), check=True, timeout=60, capture_output=True)
    assert list_all(project) == {}
    assert site.run("stack.up").returncode == 0


def test_a_stranger_s_volume_by_our_name_is_left_alone(site: Site) -> None:
    assert site.run("tls.init").returncode == 0
    name = f"{site.project}_postgres"
    with connect(os.environ) as client:
        volume = client.volumes.create(name)
        try:
            for words in (["up"], ["destroy", "--volumes", "--yes"], ["down"]):
                ended = site.run(f"stack.{words[0]}", *words[1:])
                assert (ended.returncode, f"{name}: belongs to another stack" in ended.stderr) == (6, True), words
            assert client.volumes.get(name).id == volume.id
        finally:
            volume.remove()


def test_two_that_go_up_at_once_make_one_stack(site: Site) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "strongroom", "stack.up"], env=site.environment, cwd=site.repository,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [one.communicate(timeout=200)[1] for one in started]
    codes = sorted(one.returncode for one in started)
    assert codes[0] == 0, said
    assert set(codes) <= {0, 11}, said
    found = list_all(site.project)
    assert sorted(found) == sorted(
        f"{site.project}{one}" for one in ("-postgres-1", "-redis-1", "_door", "_inner", "_postgres", "_redis")
    )


def test_a_foreign_folder_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("kept")
    for words in (["stack.up"], ["tls.init"], ["stack.destroy", "--volumes", "--yes"]):
        ended = site.run(*words, STRONGROOM_STACK=str(tmp_path / "mine"))
        assert (ended.returncode, "is not empty, and of no stack" in ended.stderr) == (6, True), words
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]
