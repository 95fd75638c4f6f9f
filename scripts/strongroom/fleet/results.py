"""What became of each tenant, as JSON lines: a file for each attempt of an index, written once and never changed.

``TASK-INDEX-of-OF.ATTEMPT.jsonl``: attempts count from 1, the last line of a tenant counts, and a tenant is only ever
in the files of its index. In a folder an attempt that is under way grows as ``….jsonl.part``: who finds one that a
process left as it died takes its whole lines over. In a bucket an attempt is created whole, at its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeAlias

from strongroom.core.errors import ExitCode, GuardError
from strongroom.core.results import Verdict

Facts: TypeAlias = Mapping[str, int | str]
"""What a task tells of a tenant, by name: few and small."""
_PROVEN = (Verdict.PROVEN, Verdict.PROVEN_WITH_QUARANTINE)
_NAME = re.compile(r"(?P<task>[a-z][a-z-]*)-(?P<index>\d{5,})-of-(?P<of>\d{5,})\.(?P<attempt>\d{4,})\.jsonl")
_HINT = "move the file away: its tenants are asked again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one tenant's task ended."""

    exit: int
    """As the task alone would have ended (README, "Exit codes")."""
    verdict: str | None = None
    """None of a task that proves nothing, and where it came to none."""
    facts: Facts = field(default_factory=dict)
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line."""

    tenant: str
    mark: str
    """Of the tenant's line in the list (``Tenant.mark``)."""
    exit: int
    verdict: str | None
    ended: str
    """In UTC."""
    seconds: float
    facts: Facts
    error: str
    hint: str

    @property
    def state(self) -> str:
        """``done``, ``waiting`` for a decision, ``unproven`` or ``failed``."""
        if self.exit == ExitCode.DECISION:
            return "waiting"
        if self.exit:
            return "failed"
        return "done" if self.verdict is None or self.verdict in _PROVEN else "unproven"

    def encode(self) -> bytes:
        """Return the line."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"


def decode_result(line: bytes, place: str) -> Result:
    """Read a line. Raises GuardError for what is none."""
    try:
        said: dict[str, Any] = json.loads(line)
        result = Result(**said)
    except (ValueError, TypeError):
        raise GuardError(place, "is no result of ours", _HINT) from None
    texts = (result.tenant, result.mark, result.ended, result.error, result.hint, result.verdict or "")
    if not all(isinstance(text, str) for text in texts) or type(result.exit) is not int:
        raise GuardError(place, "is no result of ours", _HINT)
    return result


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Attempt:
    """The name of a file of results, in the order in which they count."""

    task: str
    of: int
    index: int
    number: int

    @property
    def share(self) -> str:
        """What is held while an index is at work."""
        return f"{self.task}-{self.index:05d}-of-{self.of:05d}"

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.share}.{self.number:04d}.jsonl"


def read_name(name: str) -> Attempt | None:
    """Return what a file's name says; None for any other file."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Attempt(task=found["task"], of=int(found["of"]), index=int(found["index"]), number=int(found["attempt"]))


class Growing(Protocol):
    """An attempt that is under way."""

    def write(self, result: Result) -> None:
        """Add a line. Raises NoSpaceError, UnreachableError."""

    def close(self) -> None:
        """Give the attempt its name, durably; one without a line leaves nothing. Raises what ``write`` does."""


class Shelf(Protocol):
    """Where results are kept. Every call raises UnreachableError where that cannot be reached."""

    @property
    def place(self) -> str:
        """Where that is, for people."""

    def hold(self, share: str) -> AbstractContextManager[None]:
        """Be the only one at work on an index. Raises LockedError."""

    def list(self, start: str) -> list[str]:
        """Return the names that begin so of attempts that ended; of what else is there too."""

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the lines of an attempt."""

    def take_over(self, share: str) -> None:
        """Give what a process that died left of an attempt its name; to be called while the index is held."""

    def begin(self, attempt: Attempt) -> Growing:
        """Begin an attempt; to be called while its index is held."""


def read_results(shelf: Shelf, attempt: Attempt) -> Iterator[Result]:
    """Yield the results of an attempt. Raises GuardError for a line that is none."""
    for number, line in enumerate(shelf.read(attempt.name), start=1):
        yield decode_result(line, f"{shelf.place}/{attempt.name}:{number}")


def list_attempts(shelf: Shelf, task: str, index: int | None = None) -> list[Attempt]:
    """Return the attempts of a task, of all indexes or one, of however many; in the order in which they count.

    Of one index no others are listed: a thousand Pods that each list what all wrote would ask for a million names.
    """
    start = f"{task}-" if index is None else f"{task}-{index:05d}-of-"
    found = (read_name(name) for name in shelf.list(start))
    return sorted(one for one in found if one is not None and one.task == task)
