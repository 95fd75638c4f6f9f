"""What became of a Job: its Pods and containers, each with its exit code and reason in Kubernetes' words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEnd:
    """How a container ended, its last time."""

    name: str
    exit_code: int
    reason: str
    """Completed, Error, OOMKilled, ContainerCannotRun."""
    seconds: float
    restarts: int = 0
    message: str = ""
    """What it left at its terminationMessagePath, or its last lines where it asks for these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEnd:
    """How a Pod ended."""

    name: str
    index: int | None
    succeeded: bool
    reason: str
    """Of a Pod that was ended: DeadlineExceeded, Evicted, Drained, JobFailed, Stopped; else that of its container."""
    message: str
    seconds: float
    containers: tuple[ContainerEnd, ...]
    """Those that ended, init containers first."""
    condition: str = ""
    """DisruptionTarget for a Pod that a drain ended."""
    answer: str = ""
    """What the Job did about its failure: FailJob, FailIndex, Ignore, Count."""

    @property
    def exit_code(self) -> int:
        """The exit code of its first container that failed; 0 where none did."""
        return next((one.exit_code for one in self.containers if one.exit_code), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """How a Job ended."""

    job: str
    namespace: str
    succeeded: bool
    reason: str
    """Completed, PodFailurePolicy, BackoffLimitExceeded, DeadlineExceeded, FailedIndexes, MaxFailedIndexesExceeded."""
    message: str
    seconds: float
    pods: tuple[PodEnd, ...]
    failed_indexes: tuple[int, ...]
    claims: Mapping[str, str]
    """What stood for each claim, and stays: a folder, or a volume of the engine."""
    images: Mapping[str, str]
    """Images that were run in another's place."""
    void: Mapping[str, str]
    """Fields that mean nothing here, with the reason."""
    exit: int
    """That of the container by which the Job failed."""
