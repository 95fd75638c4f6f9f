"""The audit log: a line of JSON for each use of a key, also of one that failed. It never holds a value.

Appended, never rotated or read here. A key that cannot be noted is not handed out.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from strongroom.core.config import Settings
from strongroom.core.errors import ExitCode, StrongroomError
from strongroom.core.files import explain_os_error
from strongroom.keys.errors import ProviderUnreachableError

_FOLDER = "strongroom"
DONE = "done"


def _read_account() -> tuple[str, str]:
    """Return name and home of the user; a container's user may have none."""
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:
        return "?", "/"
    return account.pw_name, account.pw_dir


def name_user() -> str:
    """Name who runs this: account and number."""
    return f"{_read_account()[0]} ({os.getuid()})"


@dataclass(slots=True, kw_only=True)
class Use:
    """One use of a key, while it goes on."""

    action: str
    key: str
    version: str | None = None
    """Filled in when the provider has said it."""
    outcome: str = DONE
    """``done``, or the name of the error."""
    exit_code: int = int(ExitCode.DONE)
    reason: str | None = None
    """Why it was done, where a person had to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """Where uses are noted, and what is the same in each line."""

    file: Path
    system: str
    task: str
    now: Callable[[], datetime]
    who: str = field(default_factory=name_user)
    host: str = field(default_factory=socket.gethostname)

    @contextmanager
    def noting(self, action: str, key: str, version: str | None = None) -> Iterator[Use]:
        """Note what is done within, however it ends.

        Raises UnreachableError where it was done and cannot be noted; where it failed, its own error goes on.
        """
        use = Use(action=action, key=key, version=version)
        try:
            yield use
        except BaseException as error:
            use.outcome = type(error).__name__
            use.exit_code = int(error.exit_code if isinstance(error, StrongroomError) else ExitCode.BUG)
            try:
                self._append(use)
            except StrongroomError as unnoted:
                error.add_note(f"{unnoted}")
            raise
        self._append(use)

    def find_last(self, action: str, key: str) -> datetime | None:
        """Return when an action was last done with a key, as far as this log tells. Read-only."""
        found = None
        try:
            with self.file.open("rb") as lines:
                for line in lines:
                    if action.encode() in line:
                        found = _read_time(line, action, key) or found
        except OSError:
            return None
        return found

    def _append(self, use: Use) -> None:
        said = {
            "time": self.now().isoformat(timespec="milliseconds"),
            "who": self.who,
            "host": self.host,
            "pid": os.getpid(),
            "task": self.task,
            "system": self.system,
            **{name: value for name, value in asdict(use).items() if name != "reason" or value is not None},
        }
        line = json.dumps(said, ensure_ascii=True) + "\n"
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _append_line(self.file, line.encode())
        except OSError as error:
            reason = explain_os_error(self.file, error)
            hint = "no key is used without a note of it: let audit_log in system.yaml name a file that can be written"
            raise ProviderUnreachableError("audit log", f"{self.file}: {reason.fact}", hint) from None


def _read_time(line: bytes, action: str, key: str) -> datetime | None:
    """Return the time of a line that says that an action was done with a key."""
    try:
        said = json.loads(line)
        if (said["action"], said["key"], said["outcome"]) == (action, key, DONE):
            return datetime.fromisoformat(said["time"])
    except (ValueError, KeyError, TypeError):
        pass  # a line that was cut off, or is somebody else's
    return None


def find_log(named: str | None, system: str, settings: Settings) -> Path:
    """Return the file: the one that a system names, else one of the user's.

    That is ``$XDG_STATE_HOME/strongroom/SYSTEM-keys.jsonl``, where the state directory is ``~/.local/state`` if unset:
    who used keys on this machine belongs to the machine, and moves with no data.
    """
    if named is not None:
        return Path(named)
    home = settings.variable("XDG_STATE_HOME")
    state = Path(home) if home is not None and Path(home).is_absolute() else _find_home(settings) / ".local" / "state"
    return state / _FOLDER / f"{system}-keys.jsonl"


def _append_line(file: Path, line: bytes) -> None:
    """Append in one call, which nobody else's line gets into; durable when it returns."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(file, flags, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _find_home(settings: Settings) -> Path:
    home = settings.variable("HOME")
    return Path(home) if home is not None else Path(_read_account()[1])
