"""Every fact that can stop a task, with its exit code and the next step.

Exit codes are an API (README, "Exit codes"): Kubernetes Jobs and CI pipelines branch on them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Self


class ExitCode(IntEnum):
    """How a command may end. ``meaning`` is the README's; ``job`` is what a Kubernetes Job does about it."""

    meaning: str
    job: str

    def __new__(cls, code: int, meaning: str, job: str) -> Self:
        """Make a code that is a number, and knows what it means."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning, member.job = meaning, job
        return member

    DONE = 0, "done and proven, or nothing to do", ""
    BUG = 1, "unexpected error (a bug: traceback)", "retry"
    USAGE = 2, "wrong usage, configuration or plan", "fail"
    DIFFERENCES = 3, "verification found differences; nothing was published, or the error names the way back", "fail"
    DECISION = 4, "needs a decision: quarantine over budget (staged, not published), partial backup set", "fail"
    UNREACHABLE = 5, "source, target, store or provider unreachable", "retry"
    REFUSED = (
        6,
        "refused by a guard (damaged source, source changed, target exists or in use); nothing written",
        "fail",
    )
    PENDING = 7, "pending or stale (`status`, `verify`)", "fail"
    ROLLED_BACK = 8, "failed and rolled back", "fail"
    ROLLBACK_FAILED = 9, "rollback failed: a person is needed", "fail"
    NOT_INITIALISED = 10, "backup repository not initialised", "fail"
    LOCKED = 11, "another run holds the lock", "retry"
    KEY = 12, "key missing or wrong", "fail"
    VERSION = 13, "version mismatch (of a document, a tool or a server)", "fail"
    NO_SPACE = 14, "no space", "fail"
    INTERRUPTED = 130, "interrupted; the same command resumes", "retry"
    TERMINATED = 143, "interrupted; the same command resumes", "retry"


class StrongroomError(Exception):
    """A fact that a user can act on: ``error: <subject>: <fact>`` and a hint."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, subject: object, fact: str, hint: str = "") -> None:
        """Name what is concerned, what is the case, and the next command or setting."""
        self.subject, self.fact, self.hint = map(_make_printable, (str(subject), fact, hint))
        super().__init__(f"{self.subject}: {self.fact}")

    def __reduce__(self) -> tuple[type[StrongroomError], tuple[str, str, str]]:
        """Travel whole from a worker process."""
        return type(self), (self.subject, self.fact, self.hint)


def _make_printable(text: str) -> str:
    """Keep what file names hold besides UTF-8 visible, on every terminal."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


class UsageError(StrongroomError):
    """The command line cannot be carried out as given."""

    exit_code = ExitCode.USAGE


class ConfigurationError(StrongroomError):
    """A setting or a system's file is wrong."""

    exit_code = ExitCode.USAGE


class PlanError(StrongroomError):
    """The plan is wrong, or does not name something that is there."""

    exit_code = ExitCode.USAGE


class DifferencesError(StrongroomError):
    """Verification found differences; nothing was published, or what is live is to be rolled back."""

    exit_code = ExitCode.DIFFERENCES


class DecisionNeededError(StrongroomError):
    """A person must decide before this can be published."""

    exit_code = ExitCode.DECISION


class UnreachableError(StrongroomError):
    """A source, target, store or provider cannot be reached."""

    exit_code = ExitCode.UNREACHABLE


class GuardError(StrongroomError):
    """A guard refused; nothing was written."""

    exit_code = ExitCode.REFUSED


class DamagedSourceError(GuardError):
    """A source is no database, truncated or damaged."""


class SourceChangedError(GuardError):
    """A source is not what it was when the plan was locked or the snapshot taken."""


class TargetExistsError(GuardError):
    """A target is there already and was not made by this plan from these sources."""


class SourceBusyError(GuardError):
    """Another process holds a source open for writing, or writes to it."""


class TargetBusyError(GuardError):
    """Another process holds a target open, or left its journal beside it."""


class StaleError(StrongroomError):
    """Something is pending or stale; status checks only."""

    exit_code = ExitCode.PENDING


class RolledBackError(StrongroomError):
    """The change failed and the previous state was put back."""

    exit_code = ExitCode.ROLLED_BACK


class RollbackFailedError(StrongroomError):
    """The previous state could not be put back: a person is needed."""

    exit_code = ExitCode.ROLLBACK_FAILED


class LockedError(StrongroomError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCKED


class KeyMissingError(StrongroomError):
    """A key or a password is missing or wrong."""

    exit_code = ExitCode.KEY


class VersionError(StrongroomError):
    """A document, a tool or a server is of a version that does not go with ours."""

    exit_code = ExitCode.VERSION


class NoSpaceError(StrongroomError):
    """The disk is full."""

    exit_code = ExitCode.NO_SPACE
