"""Every fact that can stop a task, with its exit code and the next step.

Exit codes are an API (README, "Exit codes"): Kubernetes Jobs and CI pipelines branch on them.
"""

from __future__ import annotations

from typing import ClassVar

from strongroom.core.exit_codes import ExitCode as ExitCode  # noqa: PLC0414  # every error has one


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


class PassingError(UnreachableError):
    """A connection was cut, a deadlock ended, somebody holds a lock: what may not be so when it is asked again."""


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


class NotInitialisedError(StrongroomError):
    """There is no backup store yet where one is named."""

    exit_code = ExitCode.NOT_INITIALISED


class LockedError(StrongroomError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCKED


class KeyMissingError(StrongroomError):
    """A key or a password is missing or wrong."""

    exit_code = ExitCode.KEY


class WrongKeyError(KeyMissingError):
    """A key is at hand, and does not open its file: it may be another one by now."""


class WrongContextError(KeyMissingError):
    """A value of an encrypted column does not open here: it was made for another row, or changed."""


class NotEncryptedError(GuardError):
    """What was to be opened is no ciphertext that its column is said to hold."""


class AlreadyEncryptedError(GuardError):
    """What was to be encrypted is ciphertext already."""


class VersionError(StrongroomError):
    """A document, a tool or a server is of a version that does not go with ours."""

    exit_code = ExitCode.VERSION


class NoSpaceError(StrongroomError):
    """The disk is full."""

    exit_code = ExitCode.NO_SPACE


class StoppedError(StrongroomError):
    """A person pressed Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED


class TerminatedError(StrongroomError):
    """The machine asked for an end."""

    exit_code = ExitCode.TERMINATED


class WorkerLostError(StrongroomError):
    """A worker died, and its job with it."""
