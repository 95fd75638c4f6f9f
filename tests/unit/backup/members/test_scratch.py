"""Scratch engines are reached by us alone, end whatever happens, and leave nothing."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from strongroom.backup.members import scratch
from strongroom.backup.members.scratch import open_scratch_postgres, open_scratch_redis
from strongroom.backup.request import Surroundings
from strongroom.core.errors import UnreachableError, VersionError
from strongroom.postgres.connection import open_postgres
from tests.engines import make_surroundings
from tests.processes import find_children, is_running, read_line, wait_until
from tests.unit.backup.members.conftest import Cache


@pytest.fixture
def parent() -> Iterator[Path]:
    """Return a folder for engines alone, which their user may enter."""
    with tempfile.TemporaryDirectory(prefix="st-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def apart(parent: Path) -> Surroundings:
    return make_surroundings(environment={"PATH": os.environ["PATH"], "TMPDIR": str(parent)})


def find_sockets(pid: int) -> list[str]:
    """Return the ports at which a process listens, in any family of the network."""
    inodes = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    tables = [Path(f"/proc/net/{name}").read_text().splitlines() for name in ("tcp", "tcp6", "udp", "udp6")]
    return [
        line[1]
        for line in map(str.split, chain.from_iterable(tables))
        if f"socket:[{line[9]}]" in inodes and line[3] in ("0A", "07")
    ]


def test_postgresql_listens_at_a_socket_that_only_we_reach_and_ends_whatever_goes_wrong(
    major: int, apart: Surroundings, tmp_path: Path, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = set(find_children(os.getpid()))
    with suppress(KeyboardInterrupt), open_scratch_postgres(tmp_path, major, apart) as access:
        (server,) = set(find_children(os.getpid())) - children
        assert find_sockets(server) == []
        assert Path(f"/proc/{server}").stat().st_uid != 0
        folder = Path(access.parameters["host"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        monkeypatch.setattr(scratch, "_STALE_SECONDS", 0)
        scratch._remove_stale(parent)  # nothing that somebody holds
        with open_postgres(access) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        raise KeyboardInterrupt
    assert not is_running(server)
    assert list(parent.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_redis_listens_at_a_socket_that_only_we_reach_and_not_as_root(
    cache: Cache, apart: Surroundings, tmp_path: Path, parent: Path
) -> None:
    _, folder = cache.take()
    (tmp_path / "place").mkdir(mode=0o700)
    children = set(find_children(os.getpid()))
    with open_scratch_redis(tmp_path / "place", folder / "redis/dump.rdb", apart) as client:
        (server,) = set(find_children(os.getpid())) - children
        assert find_sockets(server) == []
        assert Path(f"/proc/{server}").stat().st_uid != 0
        assert client.ask("PING") == b"PONG"
    assert not is_running(server)
    assert list(parent.iterdir()) == []


def test_an_engine_dies_with_us_and_the_next_one_clears_away_what_it_left(
    major: int, apart: Surroundings, tmp_path: Path, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom tests.engines import make_surroundings\n"
        "from strongroom.backup.members.scratch import open_scratch_postgres\n"
        "around = make_surroundings(environment={'PATH': sys.argv[3], 'TMPDIR': sys.argv[4]})\n"
        "with open_scratch_postgres(Path(sys.argv[1]), int(sys.argv[2]), around) as access:\n"
        "    print(access.parameters['host'], flush=True)\n    sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path), str(major), os.environ["PATH"], str(parent)]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    left = Path(read_line(child.stdout, 60)).parent
    (server,) = find_children(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=60)
    wait_until(lambda: not is_running(server))
    assert left.is_dir()
    monkeypatch.setattr(scratch, "_STALE_SECONDS", 0)
    with open_scratch_postgres(tmp_path, major, apart):
        assert not left.exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_server_that_is_missing_or_of_another_major_names_the_image(
    apart: Surroundings, tmp_path: Path, there: bool
) -> None:
    for name in ("postgres", "initdb", "redis-server") if there else ():
        said = 'echo "Redis server v=6.2.1"' if name == "redis-server" else 'echo "postgres (PostgreSQL) 12.1"'
        (tmp_path / name).write_text(f"#!/bin/sh\n{said}\n")
        (tmp_path / name).chmod(0o755)
    elsewhere = replace(apart, environment={"PATH": str(tmp_path)})
    for opened in (
        lambda: open_scratch_postgres(tmp_path, 99, elsewhere),
        lambda: open_scratch_redis(tmp_path, tmp_path / "none.rdb", elsewhere),
    ):
        with pytest.raises(VersionError) as caught, opened():
            pass
        assert caught.value.exit_code == 13
        assert "strongroom/drill" in caught.value.hint


def test_an_engine_that_does_not_start_says_why(
    major: int, apart: Surroundings, tmp_path: Path, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_UNSAFE", ("shared_buffers",))
    refused = pytest.raises(UnreachableError, match=r"does not start: .*shared_buffers")
    with refused, open_scratch_postgres(tmp_path, major, apart):
        pass
    assert list(parent.iterdir()) == []
