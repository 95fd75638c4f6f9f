"""Ask pip-audit about what is locked; what it could not look up is not checked, which it does not say itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from strongroom.core.errors import DifferencesError, UnreachableError
from strongroom.core.programs import run_program

_SECONDS = 300.0
_ELSEWHERE = "run it where the database of vulnerabilities can be reached"


def list_locks(root: Path) -> list[Path]:
    """Return the files of locked requirements."""
    return [*sorted(root.glob("requirements*.txt")), *sorted(root.glob("docker/*/requirements.txt"))]


def audit_lock(lock: Path, environment: Mapping[str, str]) -> int:
    """Return how many packages of a lock were looked up; none of them is known to be vulnerable.

    Raises DifferencesError for one that is, UnreachableError where one could not be looked up, or all could not.
    """
    tool = Path(sys.executable).with_name("pip-audit")
    words = [str(tool), "--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json", "-r", str(lock)]
    ended = run_program(words, environment=environment, timeout=_SECONDS)
    try:
        packages = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        lines = ended.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise UnreachableError(
            lock, f"was not checked: {lines[-1]}", "run it where the database can be reached"
        ) from error
    found = [f"{one['name']} {one['version']} ({bug['id']})" for one in packages for bug in one.get("vulns", ())]
    if found:
        raise DifferencesError(
            lock, f"holds what is known to be vulnerable: {', '.join(found)}", "lock a later version"
        )
    missed = [one["name"] for one in packages if "skip_reason" in one]
    if missed or not packages:
        fact = f"was not checked: {len(missed)} of {len(packages)} packages could not be looked up"
        raise UnreachableError(lock, fact, _ELSEWHERE)
    return len(packages)
