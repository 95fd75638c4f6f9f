"""Every fact that can stop a task, with its exit code and the next step.

Exit codes are an API (README, "Exit codes"): Kubernetes Jobs and CI pipelines branch on them.
"""

from __future__ import annotations

from typing import ClassVar


class StrongroomError(Exception):
    """A fact that a user can act on: ``error: <subject>: <fact>`` and a hint."""

    exit_code: ClassVar[int] = 1

    def __init__(self, subject: object, fact: str, hint: str = "") -> None:
        """Name what is concerned, what is the case, and the next command or setting."""
        super().__init__(f"{subject}: {fact}")
        self.subject = str(subject)
        self.fact = fact
        self.hint = hint

    def __reduce__(self) -> tuple[type[StrongroomError], tuple[str, str, str]]:
        """Travel whole from a worker process."""
        return type(self), (self.subject, self.fact, self.hint)


class UsageError(StrongroomError):
    """The command line cannot be carried out as given."""

    exit_code = 2


class ConfigurationError(StrongroomError):
    """A setting or a system's file is wrong."""

    exit_code = 2


class PlanError(StrongroomError):
    """The plan is wrong, or does not name something that is there."""

    exit_code = 2


class DifferencesError(StrongroomError):
    """Verification found differences; nothing was published."""

    exit_code = 3


class DecisionNeededError(StrongroomError):
    """A person must decide before this can be published."""

    exit_code = 4


class UnreachableError(StrongroomError):
    """A source, target, store or provider cannot be reached."""

    exit_code = 5


class GuardError(StrongroomError):
    """A guard refused; nothing was written."""

    exit_code = 6


class DamagedSourceError(GuardError):
    """A source is no database, truncated or damaged."""


class SourceChangedError(GuardError):
    """A source is not what it was when the plan was locked or the snapshot taken."""


class TargetExistsError(GuardError):
    """A target is there already and was not made by this plan from these sources."""


class TargetBusyError(GuardError):
    """Another process holds a target open, or left its journal beside it."""


class StaleError(StrongroomError):
    """Something is pending or stale; status checks only."""

    exit_code = 7


class RolledBackError(StrongroomError):
    """The change failed and the previous state was put back."""

    exit_code = 8


class RollbackFailedError(StrongroomError):
    """The previous state could not be put back: a person is needed."""

    exit_code = 9


class LockedError(StrongroomError):
    """Another run holds the lock."""

    exit_code = 11


class KeyMissingError(StrongroomError):
    """A key or a password is missing or wrong."""

    exit_code = 12


class NoSpaceError(StrongroomError):
    """The disk is full."""

    exit_code = 14
