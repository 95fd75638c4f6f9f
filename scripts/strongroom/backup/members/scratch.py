"""Scratch engines: servers of ours, as processes that only we reach, by a socket; ended and removed whatever happens.

As root they run as another user: PostgreSQL does not run as root, and what is restored may hold programs.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from strongroom.backup.request import Surroundings
from strongroom.core.errors import ConfigurationError, NoSpaceError, StrongroomError, UnreachableError, VersionError
from strongroom.core.files import explain_os_error
from strongroom.core.programs import run_program, run_server
from strongroom.postgres.connection import Access
from strongroom.redis.client import Client, open_client

SUPERUSER = "postgres"
_PREFIX = "strongroom-scratch-"
_STALE_SECONDS = 60
_START_SECONDS, _LOOK_SECONDS = 600.0, 0.02
_NOBODY = 65534
_DEBIAN = "/usr/lib/postgresql/{major}/bin"
_IMAGE = "use the image strongroom/drill of that version"
_STATUS_LINE = 8
"""Of ``postmaster.pid``."""
_OLDEST_REDIS = 7
_DATABASES = 4096
"""A backup may use more than the sixteen that a server has unless told."""
_UNSAFE = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "archive_mode", "jit")
"""What a server that is thrown away does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an engine lives for a while."""

    data: Path
    """Empty; with room for what is restored."""
    sockets: Path
    """Empty, its path short enough for a socket's."""
    user: tuple[int, int] | None
    """Who the engine runs as; None for ourselves."""


@contextmanager
def open_scratch_postgres(folder: Path, major: int, around: Surroundings) -> Iterator[Access]:
    """Make a cluster and let it run; its superuser is ``postgres``, and it is read in UTF-8 with the C locale.

    Raises VersionError where there is no server of that major version, UnreachableError for one that does not start,
    NoSpaceError.
    """
    programs = _find_postgres(around.environment, major)
    with _open_place(folder, around) as place:
        environment = _trim(around.environment) | _name_us(place.sockets)
        cluster, log = place.data / "cluster", place.sockets / "log"
        made = run_program(
            [programs / "initdb", "--pgdata", cluster, "--username", SUPERUSER, "--auth=trust", "--encoding=UTF8",
             "--locale=C", "--no-sync"],
            environment=environment, timeout=_START_SECONDS, user=place.user,
        )  # fmt: skip
        if not made.is_success:
            raise _explain_start("scratch PostgreSQL", made.stderr.decode(errors="replace"))
        words: list[str | Path] = [programs / "postgres", "-D", cluster, "-c", "listen_addresses="]
        settings = {"unix_socket_directories": str(place.sockets), "unix_socket_permissions": "0700"}
        settings |= {"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "4GB"}
        for name, value in (settings | dict.fromkeys(_UNSAFE, "off")).items():
            words += ["-c", f"{name}={value}"]
        with run_server(words, environment=environment, log=log, user=place.user, stop=signal.SIGQUIT) as is_running:
            _wait(lambda: _is_ready(cluster), is_running, log, "scratch PostgreSQL")
            parameters = {"host": str(place.sockets), "user": SUPERUSER, "dbname": "postgres"}
            yield Access(parameters=parameters, origin="a scratch engine")


@contextmanager
def open_scratch_redis(folder: Path, rdb: Path, around: Surroundings) -> Iterator[Client]:
    """Let a server run that loaded an RDB file and holds every key of it, those whose time is over too.

    A server that owns its keys drops those: this one believes to follow another one, which it never reaches. Raises
    VersionError where there is no server, or none that understands the file; UnreachableError, NoSpaceError.
    """
    program = _find_redis(around.environment)
    with _open_place(folder, around) as place:
        log, door = place.sockets / "log", place.sockets / "redis.sock"
        _bring(rdb, place.data / "dump.rdb", place.user)
        settings = {
            "port": "0", "unixsocket": str(door), "unixsocketperm": "700", "dir": str(place.data),
            "dbfilename": "dump.rdb", "save": "", "appendonly": "no", "enable-debug-command": "local",
            "databases": str(_DATABASES), "replicaof": "127.0.0.1 0", "maxmemory": "0",
        }  # fmt: skip
        words: list[str | Path] = [program]
        for name, value in settings.items():
            words += [f"--{name}", *(value.split() or [""])]
        environment = _trim(around.environment)
        with run_server(words, environment=environment, log=log, user=place.user) as is_running:
            _wait(lambda: _accepts(door), is_running, log, "scratch Redis")
            with open_client(door, place="scratch Redis") as client:
                _wait(lambda: not client.is_loading(), is_running, log, "scratch Redis")
                yield client


def _find_postgres(environment: Mapping[str, str], major: int) -> Path:
    found = []
    named = shutil.which("postgres", path=environment.get("PATH"))
    for folder in (Path(_DEBIAN.format(major=major)), *([Path(named).resolve().parent] if named else [])):
        if not ((folder / "postgres").is_file() and (folder / "initdb").is_file()):
            continue
        said = run_program([folder / "postgres", "--version"], environment={}, timeout=60).stdout.decode()
        number = re.search(r"\) (\d+)", said)
        if number is not None and int(number[1]) == major:
            return folder
        found.append(said.strip())
    fact = f"{', '.join(found)} is here" if found else "is not here"
    raise VersionError(f"PostgreSQL server {major}", fact, f"{_IMAGE}, or install postgresql-{major}")


def _find_redis(environment: Mapping[str, str]) -> str:
    program = shutil.which("redis-server", path=environment.get("PATH"))
    if program is None:
        raise VersionError("Redis server", "is not here", f"{_IMAGE}, or install redis-server")
    said = run_program([program, "--version"], environment={}, timeout=60).stdout.decode()
    number = re.search(r"v=(\d+)", said)
    if number is None or int(number[1]) < _OLDEST_REDIS:
        raise VersionError("Redis server", f"is too old: {said.strip()}", f"{_IMAGE}: {_OLDEST_REDIS} or newer")
    return program


@contextmanager
def _open_place(folder: Path, around: Surroundings) -> Iterator[Place]:
    parent = Path(around.environment.get("TMPDIR") or tempfile.gettempdir())
    _remove_stale(parent)
    user = _choose_user()
    try:
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise explain_os_error(parent, error) from error
    held = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
    data = None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a folder of our own, which nobody else looks at yet
        if user is not None and not _may_enter(folder, user):
            around.say("scratch engine", f"lies in {own}: user {user[0]} may not enter {folder}")
            folder = own
        data = Path(tempfile.mkdtemp(prefix="data-", dir=folder))
        sockets = Path(tempfile.mkdtemp(prefix="s-", dir=own))
        for path in (own, data, sockets):
            os.chown(path, *(user or (-1, -1)))
        yield Place(data=data, sockets=sockets, user=user)
    except OSError as error:
        raise explain_os_error(folder, error) from error
    finally:
        for path in filter(None, (data, own)):
            shutil.rmtree(path, ignore_errors=True)
        os.close(held)


def _choose_user() -> tuple[int, int] | None:
    """Return who an engine runs as where we are root: the user of Debian's servers, else nobody."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        about = pwd.getpwnam(SUPERUSER)
        return about.pw_uid, about.pw_gid
    return _NOBODY, _NOBODY


def _may_enter(folder: Path, user: tuple[int, int]) -> bool:
    for path in (folder.absolute(), *folder.absolute().parents):
        about = path.stat()
        shift = 6 if about.st_uid == user[0] else 3 if about.st_gid == user[1] else 0
        if not about.st_mode >> shift & 1:
            return False
    return True


def _remove_stale(parent: Path) -> None:
    """Remove what was left behind when one of us was killed: nobody holds it any more."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime < _STALE_SECONDS:
                continue
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(held)


def _bring(rdb: Path, into: Path, user: tuple[int, int] | None) -> None:
    """Let an engine have a file: the same one where it is we who run it, else a copy of its own."""
    if user is None:
        with suppress(OSError):
            os.link(rdb, into)
            return
    shutil.copyfile(rdb, into)
    into.chmod(0o600)
    if user is not None:
        os.chown(into, *user)


def _is_ready(cluster: Path) -> bool:
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(path))
        return True
    return False


def _wait(is_so: Callable[[], bool], is_running: Callable[[], bool], log: Path, subject: str) -> None:
    """Wait until an engine is ready. Raises what its log says of one that ends instead."""
    deadline = time.monotonic() + _START_SECONDS
    while not is_so():
        if not is_running():
            raise _explain_start(subject, log.read_text(encoding="utf-8", errors="replace"))
        if time.monotonic() > deadline:
            raise UnreachableError(subject, f"is not ready after {_START_SECONDS:g} s", "see to the machine's load")
        time.sleep(_LOOK_SECONDS)


def _explain_start(subject: str, said: str) -> StrongroomError:
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it says nothing"]
    if any("No space left on device" in line for line in lines):
        return NoSpaceError(subject, "the disk is full", "free some space, then run the same command again")
    newer = next((line for line in lines if "Can't handle RDB format version" in line), None)
    if newer is not None:
        return VersionError(subject, f"is too old for it: {newer.partition('# ')[2] or newer}", _IMAGE)
    if any("effective user ID" in line for line in lines):
        return ConfigurationError(subject, lines[-1], "use the image drill, or run as a user whom the system knows")
    telling = next((line for line in reversed(lines) if re.search(r"FATAL|error|rror:", line)), lines[-1])
    return UnreachableError(subject, f"does not start: {telling}", "see to what it says")


def _name_us(folder: Path) -> dict[str, str]:
    """Return what gives a user a name whom the system does not know: initdb asks for it, and containers have such."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        (folder / "passwd").write_text(f"scratch:x:{os.geteuid()}:{os.getegid()}::/:/bin/false\n", encoding="utf-8")
        (folder / "group").write_text(f"scratch:x:{os.getegid()}:\n", encoding="utf-8")
        files = {"NSS_WRAPPER_PASSWD": folder / "passwd", "NSS_WRAPPER_GROUP": folder / "group"}
        return {"LD_PRELOAD": "libnss_wrapper.so", **{name: str(file) for name, file in files.items()}}
    return {}


def _trim(environment: Mapping[str, str]) -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", **{name: environment[name] for name in ("PATH", "TMPDIR") if name in environment}}
