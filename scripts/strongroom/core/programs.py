"""Child processes: argument lists, never a shell; a time limit always; nothing inherited unasked.

Arguments and output may hold what must not be shown: errors name the program and its exit code only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.core.errors import ConfigurationError, StrongroomError, UnreachableError
from strongroom.core.scrubbing import holds_secret

GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """How a child process ended; what it was given and what it said stay out of ``repr``."""

    program: str
    exit_code: int
    seconds: float
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the program ended with 0."""
        return self.exit_code == 0


def run_program(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    timeout: float,
    directory: Path | None = None,
    standard_input: bytes = b"",
    descriptors: Sequence[int] = (),
    user: tuple[int, int] | None = None,
) -> ProgramResult:
    """Run a program to its end and return what it said; its exit code is the caller's to judge.

    ``environment`` is all that the child sees: without ``PATH`` in it, give the program by its path. Variables that
    hold a key of this process are left out: it is handed on by ``standard_input``, a file or one of the open
    ``descriptors``, which the child has under the same numbers; like every secret never in ``arguments``, which must
    not hold one. ``timeout`` is in seconds; past it the program and its children get SIGTERM, then SIGKILL, and
    ``UnreachableError`` says so. ``user`` is the user and group that it runs as; only root may say one.
    Raises ``ConfigurationError`` when there is no such program.
    """
    words = [os.fspath(argument) for argument in arguments]
    started = time.monotonic()
    process = _start(words, environment, directory, pass_fds=descriptors, **_as_user(user))
    try:
        stdout, stderr = process.communicate(standard_input, timeout)
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(words[0], f"did not end within {timeout:g} s", "raise its timeout") from error
    finally:
        _stop(process)
    return ProgramResult(
        program=words[0],
        exit_code=process.returncode,
        seconds=time.monotonic() - started,
        stdout=stdout,
        stderr=stderr,
    )


def require_success(result: ProgramResult, error: type[StrongroomError], hint: str = "") -> ProgramResult:
    """Return the result of a program that ended with 0; raise ``error`` for any other."""
    if result.is_success:
        return result
    how = f"exit code {result.exit_code}" if result.exit_code > 0 else f"signal {-result.exit_code}"
    raise error(result.program, f"ended with {how}", hint)


def start_program(arguments: Sequence[str | Path], *, environment: Mapping[str, str], log: Path) -> int:
    """Start a program that outlives us, in a session of its own, its output in ``log`` (0600); return its id.

    Raises ``ConfigurationError`` when there is no such program.
    """
    words = [os.fspath(argument) for argument in arguments]
    program = shutil.which(words[0], path=environment.get("PATH"))
    if program is None:
        raise ConfigurationError(words[0], "is not there", "install it, or correct PATH")
    to_log = (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    streams = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), to_log, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawn(program, words, without_keys(environment), file_actions=streams, setsid=True)


def attach_program(
    arguments: Sequence[str | Path], *, environment: Mapping[str, str], hand_over: Callable[[], bool]
) -> int:
    """Let a program have our own terminal, or our standard input and output, to its end; return its exit code.

    ``hand_over`` gives it what it waits for, and is called again until it returns True. It takes as long as the person
    takes; Ctrl-C is the program's. Raises ``ConfigurationError`` when there is no such program.
    """
    process = _launch([os.fspath(argument) for argument in arguments], environment)
    is_handed = False
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            is_handed = is_handed or hand_over()
            try:
                return process.wait(timeout=1.0 if is_handed else _LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    finally:
        signal.signal(signal.SIGINT, before)
        _end(process)


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that hold a key which this process uses."""
    return {name: value for name, value in environment.items() if not holds_secret(value)}


def is_alive(process: int) -> bool:
    """Tell whether a process runs; a child of ours that ended is reaped and does not."""
    try:
        if os.waitpid(process, os.WNOHANG)[0]:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def run_server(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: Path,
    user: tuple[int, int] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Callable[[], bool]]:
    """Let a server of ours run, its output in ``log``, and give what tells whether it still does.

    It gets ``stop``, then SIGKILL, at the end; ``stop`` too when we are killed, where util-linux' setpriv is at hand.
    ``user`` is the user and group that it runs as; only root may say one. Raises ``ConfigurationError`` when there is
    no such program.
    """
    words = [os.fspath(argument) for argument in arguments]
    if shutil.which("setpriv", path=environment.get("PATH")):
        words = ["setpriv", "--pdeathsig", stop.name, "--", *words]
    with log.open("ab") as stream:
        process = _launch(
            words, environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            **_as_user(user),
        )  # fmt: skip
    try:
        yield lambda: process.poll() is None
    finally:
        _stop(process, stop)


def _as_user(user: tuple[int, int] | None) -> dict[str, Any]:
    return {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}


def _start(
    words: list[str], environment: Mapping[str, str], directory: Path | None, **options: Any
) -> subprocess.Popen[bytes]:
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # A session of its own, so that a timeout reaches its children too.
    return _launch(words, environment, directory, start_new_session=True, **pipes, **options)


def _launch(
    words: list[str], environment: Mapping[str, str], directory: Path | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(words, env=without_keys(environment), cwd=directory, **options)
    except FileNotFoundError as error:
        missing = directory if directory is not None and not directory.is_dir() else words[0]
        raise ConfigurationError(missing, "is not there", "install it, or correct its path") from error
    except PermissionError as error:
        raise ConfigurationError(words[0], "may not be executed", "check its mode and owner") from error


def _stop(process: subprocess.Popen[bytes], ask: signal.Signals = signal.SIGTERM) -> None:
    """End a program that still runs, and whatever it started; a program that ended is left alone."""
    if process.poll() is not None:
        return
    for number in (ask, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.communicate(timeout=GRACE_SECONDS)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            continue
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program that still runs to end, then end it; what it started is its own affair."""
    for ask in (process.terminate, process.kill):
        try:
            ask()
            process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
