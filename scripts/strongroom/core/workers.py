"""Run independent jobs on every core, each in a process of its own that dies with us.

Small work stays in this process: starting another costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import TypeVar

from strongroom.core.pool import Pool
from strongroom.core.progress import count_as, share_rows

Result = TypeVar("Result")
_TICK_SECONDS = 0.2


class Workers:
    """Where jobs run: here, or in a pool of processes."""

    def __init__(self, pool: Pool | None, tick: Callable[[], None]) -> None:
        """Run jobs in ``pool``, or here without one; call ``tick`` while waiting."""
        self._pool = pool
        self._background: set[Future[None]] = set()
        self.tick = tick

    @property
    def is_parallel(self) -> bool:
        """Tell whether jobs run beside this process."""
        return self._pool is not None

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Start a job; here it is done when this returns."""
        if self._pool is not None:
            return self._pool.submit(function, *arguments)
        future: Future[Result] = Future()
        future.set_result(function(*arguments))
        self.tick()
        return future

    def in_background(self, function: Callable[..., None], *arguments: object) -> None:
        """Start what waits for the disk rather than for a core; ``finish_background`` waits for it."""
        if self._pool is None:
            function(*arguments)
            return
        self._background.add(self._pool.in_background(function, *arguments))

    def finish_background(self) -> None:
        """Wait for everything that runs in the background.

        Raises what it raised.
        """
        while self._background:
            self._background -= self._await_some(self._background)

    def finished(self, futures: Mapping[str, Future[Result]]) -> Iterator[str]:
        """Yield the names of jobs as they end, those too that are added meanwhile; the first error ends all.

        Raises what the job raised, and StrongroomError when a worker died.
        """
        ended: set[str] = set()
        while waiting := {future: name for name, future in futures.items() if name not in ended}:
            for future in self._await_some(waiting):
                ended.add(waiting[future])
                yield waiting[future]

    def gather(self, futures: list[Future[Result]]) -> list[Result]:
        """Wait for jobs, in their order; the first error ends all.

        Raises what the job raised, and StrongroomError when a worker died.
        """
        waiting = set(futures)
        while waiting:
            waiting -= self._await_some(waiting)
        return [future.result() for future in futures]

    def _await_some(self, waiting: Collection[Future[Result]]) -> set[Future[Result]]:
        """Wait a moment and return what is done by then: a job may take its time, but only in a worker that lives."""
        done, _ = wait(waiting, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
        self.tick()
        for future in done:
            future.result()
        if self._pool is not None:
            self._pool.check()
        return done


@contextmanager
def open_workers(count: int, tick: Callable[[], None]) -> Iterator[Workers]:
    """Give a place to run jobs: in this process when ``count`` is 1.

    However it is left, no worker stays. Raises StrongroomError when they cannot be started.
    """
    if count <= 1:
        yield Workers(None, tick)
        return
    share_rows(count)
    pool = Pool()
    try:
        # Forked now, all of them: nothing is open yet, no thread runs, and none need import everything again.
        pool.start(count, count_as)
        workers = Workers(pool, tick)
        yield workers
        workers.finish_background()
    finally:
        pool.close()
