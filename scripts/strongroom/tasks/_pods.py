"""What k8s.run is given, made ready for what runs Pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom import report
from strongroom.core.config import Settings
from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.yaml_text.documents import load_documents
from strongroom.engine import connect
from strongroom.kubernetes.running import Request, Surroundings, run_job
from strongroom.tasks.wiring import sign_for_pods

if TYPE_CHECKING:
    from strongroom.kubernetes.running import JobRun


def read_rendered(file: Path) -> tuple[Mapping[str, Any], ...]:
    """Read what k8s.render wrote. Raises ConfigurationError for a file that is not there, or holds something else."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(file, f"cannot be read ({error})") from None
    return tuple(load_documents(text, file))


def read_pairs(flag: str, words: Sequence[str] | None) -> dict[str, str]:
    """Read NAME=VALUE, several times. Raises UsageError for anything else, and for a name that stands twice."""
    found: dict[str, str] = {}
    for word in words or ():
        name, _, value = word.partition("=")
        if not name or not value or name in found:
            raise UsageError(flag, f"must be NAME=VALUE, each name once (got {word})")
        found[name] = value
    return found


def run_pods(request: Request, settings: Settings, pause: float) -> JobRun:
    """Run a Job; what its containers write goes to stdout. Raises what running it raises."""
    if pause < 0:
        raise UsageError("--pause", f"must not be below 0 (got {pause:g})")
    output = report.PodOutput()
    with connect(settings.environment) as client:
        around = Surroundings(
            client=client,
            now=lambda: datetime.now(UTC),
            write=output.write,
            say=report.say_progress,
            sign=sign_for_pods(settings),
            pause=pause,
        )
        try:
            return run_job(request, around)
        finally:
            output.end()
