"""Measures a child from a process that is small: what a large one holds itself would count into the child's peak.

``python -m tests.bench.apart LOGS COMMAND …`` prints the measurement as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from strongroom.core.errors import StrongroomError
from tests.bench.measure import Measurement, child_environment, measure_child


def measure_apart(arguments: list[str], logs: Path) -> Measurement:
    """Run a command as ``measure_child`` does. Raises StrongroomError when it does not exit 0."""
    words = [sys.executable, "-P", "-m", __name__, str(logs), *arguments]
    done = subprocess.run(words, capture_output=True, text=True, env=child_environment(), check=False)
    if done.returncode:
        raise StrongroomError(arguments[0], "could not be measured", done.stderr.strip()[-2000:])
    return Measurement(**json.loads(done.stdout))


def main(logs: str, *arguments: str) -> None:
    """Measure one command."""
    try:
        measurement, _ = measure_child(list(arguments), Path(logs))
    except StrongroomError as error:
        sys.exit(f"{error}\n{error.hint}")
    print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main(*sys.argv[1:])
