"""Forked processes that work off a long list of jobs that have nothing to do with each other.

What becomes of one job is no other's business: an error is its result, and so is the death of the worker that had it,
in whose place another one is started. No thread runs here, so that this can be done at any time.
"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from strongroom.core.errors import WorkerLostError
from strongroom.core.pool import Worker, signals_held

Job = TypeVar("Job")
Result = TypeVar("Result")
_LOOK_SECONDS = 0.005
_LAST_SECONDS = 5.0
_work: list[Callable[[Any], Any]] = []
"""In a worker: what it was forked to do."""


class Crew(Generic[Job, Result]):
    """Processes that do one kind of work, each on one job at a time."""

    def __init__(self, count: int, work: Callable[[Job], Result]) -> None:
        """Fork ``count`` workers; what is imported by now need not be imported by them.

        Raises StrongroomError when the system gives no more processes.
        """
        self._work = work
        self._idle: list[Worker] = []
        self._busy: list[tuple[Worker, Job]] = []
        try:
            with signals_held():
                for _ in range(count):
                    self._idle.append(self._fork())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Have them at hand."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nobody behind."""
        self.close()

    def work_off(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Result | BaseException]]:
        """Yield each job as it ends, with its result or what it raised; WorkerLostError where its worker died.

        A job is taken from ``jobs`` when a worker is free for it, and not before.
        """
        while self._idle and self._give(jobs):
            pass
        while self._busy:
            for worker, job in self._find_ended(None):
                ended = self._hear(worker, job)
                self._give(jobs)
                yield job, ended

    def recall(self, seconds: float) -> Iterator[tuple[Job, Result | BaseException]]:
        """Ask the workers to stop (SIGTERM), and yield the jobs that end within so many seconds."""
        deadline = time.monotonic() + seconds
        for worker, _ in self._busy:
            worker.kill(signal.SIGTERM)
        while self._busy and (left := deadline - time.monotonic()) > 0:
            for worker, job in self._find_ended(left):
                with signals_held():
                    self._busy.remove((worker, job))
                    self._idle.append(worker)
                    ended = _hear(worker)
                yield job, ended

    def close(self) -> None:
        """End every worker, whatever it does; takes a few seconds at most."""
        with signals_held():
            workers = [*self._idle, *(worker for worker, _ in self._busy)]
            for worker in workers:
                worker.kill()
            deadline = time.monotonic() + _LAST_SECONDS
            while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
            for worker in workers:
                worker.let_go()
            self._idle, self._busy = [], []

    def _fork(self) -> Worker:
        others = [worker.pipe for worker in (*self._idle, *(worker for worker, _ in self._busy))]
        return Worker(others, lambda _: _prepare(self._work), 0)

    def _give(self, jobs: Iterator[Job]) -> bool:
        """Give the next job to a worker that has none; tell whether there was one."""
        for job in jobs:
            with signals_held():
                worker = self._idle.pop()
                try:
                    worker.tell(_do, job)
                except WorkerLostError:  # it died while it had nothing to do
                    worker = self._replace(worker)
                    worker.tell(_do, job)
                self._busy.append((worker, job))
            return True
        return False

    def _replace(self, dead: Worker) -> Worker:
        dead.kill()
        while dead.is_alive():
            time.sleep(_LOOK_SECONDS)
        dead.let_go()
        return self._fork()

    def _find_ended(self, seconds: float | None) -> list[tuple[Worker, Job]]:
        """Wait for answers, and for deaths."""
        ready = wait([worker.pipe for worker, _ in self._busy], seconds)
        return [(worker, job) for worker, job in self._busy if worker.pipe in ready]

    def _hear(self, worker: Worker, job: Job) -> Result | BaseException:
        """Return how a job ended, its worker free again, or another one in its place."""
        with signals_held():
            self._busy.remove((worker, job))
            ended = _hear(worker)
            self._idle.append(self._replace(worker) if isinstance(ended, WorkerLostError) else worker)
        return cast("Result | BaseException", ended)


def _hear(worker: Worker) -> Any:
    try:
        return worker.hear()
    except BaseException as error:  # noqa: BLE001  # what a job raised is its result, also what would end a process
        return error


def _prepare(work: Callable[[Any], Any]) -> None:
    """Become a worker. What is there by now stays, and need not be looked through with all that jobs leave behind."""
    gc.freeze()
    _work.append(work)


def _do(job: Any) -> Any:
    return _work[0](job)
