"""A person's shell on an encrypted database, whose key nobody types: SQLCipher's own, of our image or installed here.

The key goes to it through a pipe in a private folder, and is gone when it is read: it stands in no argument, no
environment, no file, and no history. What is typed is kept nowhere either.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENXIO
from pathlib import Path

from strongroom.core.errors import GuardError, KeyMissingError, UnreachableError, UsageError, VersionError
from strongroom.core.programs import attach_program, run_program
from strongroom.core.quoting import literal
from strongroom.rotate.look import look_at
from strongroom.rotate.place import find_place
from strongroom.rotate.request import Surroundings
from strongroom.rotate.settling import find_open, under
from strongroom.sqlite.database import has_plain_header
from strongroom.sqlite.keyring import hold_needed, spell_key

_MEMORY = Path("/dev/shm")  # noqa: S108  # in memory, and a private folder is made in it
_INSIDE, _PIPE_INSIDE = Path("/data"), Path("/run/strongroom")
_PIPE = "key"
_KNOWN = ("PATH", "HOME", "TERM", "LANG", "LC_ALL", "XDG_RUNTIME_DIR")
_OF_DOCKER = "DOCKER_"
_MAJOR = 4
_DOCKER_FAILED = 125
"""``docker run`` itself failed, and not what it ran."""
_SECONDS = 30.0
_GET_ONE = "start Docker and ./inv image.build --name sqlcipher, or install sqlcipher 4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person wants to look into."""

    database: Path
    key: str
    """The name of the key that it has."""
    write: bool = False
    is_terminal: bool = False
    """Whether a person types; else what is read is run, up to the first mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What there is to run a shell with."""

    environment: Mapping[str, str]
    image: str | None
    """Our image with SQLCipher on an engine of this machine; None where there is none."""
    program: str | None
    """SQLCipher's own program, as installed here; None where it is not."""


def open_shell(asked: Asked, around: Surroundings, where: Where) -> None:
    """Open a shell on a database; it ends when the person ends it, or with what is read.

    It only reads, unless ``asked.write``. Raises KeyMissingError, DamagedSourceError, VersionError where the key does
    not open a sound file; GuardError for one whose change was interrupted; UnreachableError where no shell is to be
    had; UsageError where what was read is wrong.
    """
    place = find_place(asked.database)
    found = find_open(place)
    if asked.write and found is not None:
        hint = f"finish that first: ./inv {found[1].describe(place.database)}"
        raise GuardError(place.database, f"was interrupted in the middle of sqlcipher.{found[1].work}", hint)
    if has_plain_header(under(place, None)):
        raise KeyMissingError(place.database, "is not encrypted", "sqlite3 opens it without a key")
    with hold_needed(around.keys, (asked.key,)):
        look = look_at(under(place, asked.key))
        with _open_pipe() as pipe:
            if where.image is not None:
                # Readers of a write-ahead log write beside it, to be seen by those who write.
                is_read_only = not asked.write and not look.is_write_ahead
                words = _name_container(where.image, asked, place.database, pipe, is_read_only=is_read_only)
            else:
                words = _name_program(where, asked, place.database, pipe)
            _run(words, _reduce(where.environment, pipe), pipe, _introduce(asked.key), asked)


def _run(words: Sequence[str], environment: Mapping[str, str], pipe: Path, content: bytes, asked: Asked) -> None:
    code = attach_program(words, environment=environment, hand_over=lambda: _hand_over(pipe, content))
    if code == _DOCKER_FAILED and words[0] == "docker":
        raise UnreachableError("docker run", "could not start the shell (its own words stand above)", _GET_ONE)
    if code and not asked.is_terminal:  # at a terminal it says how the last statement ended, which the person saw
        raise UsageError(
            "sqlcipher", f"ended with exit code {code}", "what is wrong it says above; nothing after it was run"
        )


def _introduce(key: str) -> bytes:
    """Return what the shell runs first: it says "ok" to a key, which is none of its answers."""
    return f".output /dev/null\nPRAGMA key = {literal(spell_key(key))};\n.output\n".encode()


@contextmanager
def _open_pipe() -> Iterator[Path]:
    """Make a pipe with a name, in a folder that nobody else may enter, in memory where that is to be had."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="strongroom-", dir=parent) as folder:
        pipe = Path(folder) / _PIPE
        os.mkfifo(pipe, 0o600)
        yield pipe


def _hand_over(pipe: Path, content: bytes) -> bool:
    """Write what a pipe is for; tell whether somebody was there to read it."""
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == ENXIO:
            return False
        raise
    try:
        os.write(descriptor, content)  # a pipe takes a page at once
    finally:
        os.close(descriptor)
    return True


def _reduce(environment: Mapping[str, str], pipe: Path) -> dict[str, str]:
    """Return the variables that a shell, or the docker command, needs; what is typed is kept in no history."""
    known = {name: value for name, value in environment.items() if name in _KNOWN or name.startswith(_OF_DOCKER)}
    return {**known, "SQLITE_HISTORY": str(pipe.with_name("history"))}


def _name_shell(asked: Asked, pipe: Path, database: Path) -> list[str]:
    words = ["-init", str(pipe)]
    words += [] if asked.write else ["-readonly"]
    words += [] if asked.is_terminal else ["-batch", "-bail"]
    return [*words, str(database)]


def _name_program(where: Where, asked: Asked, database: Path, pipe: Path) -> list[str]:
    """Return the command line of the program that is installed. Raises UnreachableError, VersionError."""
    if where.program is None:
        raise UnreachableError("SQLCipher's shell", "is not here: no engine with our image, no program", _GET_ONE)
    words = [where.program, "-batch", ":memory:", "PRAGMA cipher_version"]
    said = run_program(words, environment=_reduce(where.environment, pipe), timeout=_SECONDS)
    version = said.stdout.decode(errors="replace").strip()
    if not version.startswith(f"{_MAJOR}."):
        raise VersionError(where.program, f"is SQLCipher {version or 'of no version'}, not {_MAJOR}", _GET_ONE)
    return [where.program, *_name_shell(asked, pipe, database)]


def _name_container(image: str, asked: Asked, database: Path, pipe: Path, *, is_read_only: bool) -> list[str]:
    """Return the command line of a container with the database's folder, that of the pipe, and nothing else.

    It works as the file's owner where we are root, so that what it writes beside the file is his; else as we do. The
    engine keeps what containers say in plain, unless it is told not to.
    """
    about = database.stat()
    user, group = (about.st_uid, about.st_gid) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    if os.geteuid() == 0:
        for path in (pipe, pipe.parent):
            os.chown(path, user, group)
    words = ["docker", "run", "--rm", "--interactive", *(["--tty"] if asked.is_terminal else []), "--pull", "never"]
    words += ["--read-only", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]
    words += ["--ulimit", "core=0", "--log-driver", "none", "--user", f"{user}:{group}"]
    words += ["--mount", _bind(database.parent, _INSIDE, is_read_only=is_read_only)]
    words += ["--mount", _bind(pipe.parent, _PIPE_INSIDE, is_read_only=True)]
    return [*words, image, "sqlcipher", *_name_shell(asked, _PIPE_INSIDE / _PIPE, _INSIDE / database.name)]


def _bind(source: Path, target: Path, *, is_read_only: bool) -> str:
    """Write a mount as the docker command reads it: values with a comma or a quote in quotes (CSV)."""
    quoted = f"source={source}".replace('"', '""')
    return f'type=bind,"{quoted}",target={target}' + (",readonly" if is_read_only else "")
