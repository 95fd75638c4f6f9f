"""A whole run whose CPU seconds are counted by step: ``python -m tests.bench.steps SYSTEM SOURCE TARGET``.

All jobs run in this one process, so that what they cost belongs to the step that goes on. The run says which
that is, by its progress; jobs of merge and verify, binding, hashing and syncing are counted by themselves,
wherever they are called. The last line of stdout is JSON: how the run ended, and ``steps``.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from strongroom.binding import bind
from strongroom.consolidate.request import Request, Surroundings
from strongroom.consolidate.run import run
from strongroom.core.config import read_settings
from strongroom.core.files import hash_file, hash_stream, is_same_content, sync_file, sync_folder
from strongroom.core.workers import Workers

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MERGE, VERIFY, SOUNDNESS, CONTENT, DURABLE = "merge", "verify", "verify.soundness", "verify.content", "hash, fsync"

PARTS_OF_VERIFY = (SOUNDNESS, CONTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line of the table of steps."""

    name: str
    about: str


STEPS = (
    Step(name="start", about="the interpreter, its imports, the plan, a look at the sources"),
    Step(name="snapshot", about="copy the sources, hash them meanwhile, look them over"),
    Step(name="bind", about="fit the plan to what the snapshots hold"),
    Step(name=MERGE, about="build targets and ledgers, indexes included"),
    Step(name=VERIFY, about="prove what was built; these two, snapshots and verdict"),
    Step(name=SOUNDNESS, about="pages, indexes, structure and marks of the targets"),
    Step(name=CONTENT, about="derive what must be there from the snapshots, and compare"),
    Step(name=DURABLE, about="look at the copies again, wait for the disk"),
    Step(name="publish", about="look at the sources once more, rename"),
)


class Meter:
    """Counts this process's CPU seconds, its ended children's included, to the innermost step."""

    def __init__(self, read_cpu: Callable[[], float]) -> None:
        """Begin with all seconds since the process began."""
        self._read_cpu = read_cpu
        self._counted = 0.0
        self._steps = ["start"]
        self.seconds = dict.fromkeys((step.name for step in STEPS), 0.0)
        """By step; what is counted to a part of verify is not in verify."""

    def count(self) -> None:
        """Count what was used since the last time to the step that goes on."""
        now = self._read_cpu()
        self.seconds[self._steps[-1]] += now - self._counted
        self._counted = now

    @contextmanager
    def inside(self, step: str) -> Iterator[None]:
        """Count to a step until the block ends, then to what went on before."""
        self.count()
        self._steps.append(step)
        try:
            yield
        finally:
            self.count()
            self._steps.pop()

    def counted_as(self, step: str, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Return a function that does the same, and counts to a step."""

        @wraps(function)
        def counted(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
            with self.inside(step):
                return function(*arguments, **named)

        return counted

    def begin(self, run: str) -> None:
        """Ignore the run."""

    def start(self, step: str, total: int) -> None:  # noqa: ARG002  # bytes: the protocol of Progress
        """Begin a step of the run; the meter is its progress."""
        self.count()
        self._steps[0] = step

    def update(self, done: int, rows: int) -> None:
        """Ignore the advance."""


def read_cpu() -> float:
    """Return the user and system seconds of this process and of its children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def name_step(function: Callable[..., object]) -> str | None:
    """Name the step of a job that is handed to workers by the package it is of; None: the step that goes on."""
    package = f"{function.__module__}."
    if package.startswith("strongroom.consolidate.merge."):
        return MERGE
    if package.startswith("strongroom.consolidate.verify."):
        return SOUNDNESS if "sound" in function.__name__ else CONTENT
    return None


def count_everywhere(meter: Meter) -> None:
    """Have the meter told of jobs as they are submitted, and of what costs by itself, in this whole process."""
    submit = Workers.submit

    def submit_counted(self: Workers, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        step = name_step(function)
        return submit(self, function if step is None else meter.counted_as(step, function), *arguments)

    Workers.submit = submit_counted  # type: ignore[method-assign]  # this process ends with the measurement
    replace_everywhere(bind, meter.counted_as("bind", bind))
    for function in (hash_file, hash_stream, is_same_content, sync_file, sync_folder):
        replace_everywhere(function, meter.counted_as(DURABLE, function))


def replace_everywhere(function: Callable[..., object], other: Callable[..., object]) -> None:
    """Put another function in the place of one, in every module of the package that has it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("strongroom."):
            for attribute, value in list(vars(module).items()):
                if value is function:
                    setattr(module, attribute, other)


def main(arguments: list[str]) -> None:
    """Consolidate in this process and say what each step cost."""
    system, source, target = map(Path, arguments)
    meter = Meter(read_cpu)
    count_everywhere(meter)
    request = Request(
        system=system,
        plan=system / "plan.yaml",
        source=source,
        target=target,
        jobs=1,
        engine=read_settings().sqlite,
    )
    outcome = run(request, Surroundings(now=lambda: datetime.now(UTC), progress=meter))
    meter.count()
    ended = {figure: getattr(outcome, figure) for figure in ("verdict", "exit", "unexplained", "rows_read")}
    print(json.dumps(ended | {"steps": meter.seconds}))


if __name__ == "__main__":
    main(sys.argv[1:])
