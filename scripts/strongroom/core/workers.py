"""Run independent jobs on every core, each in a process of its own that dies with us.

Small work stays in this process: starting another costs more than it saves.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from strongroom.core.errors import StrongroomError

Result = TypeVar("Result")
_PR_SET_PDEATHSIG = 1
_TICK_SECONDS = 0.2


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask to be told
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Workers:
    """Where jobs run: here, or in a pool of processes."""

    def __init__(self, pool: ProcessPoolExecutor | None, tick: Callable[[], None]) -> None:
        """Run jobs in ``pool``, or here without one; call ``tick`` while waiting."""
        self._pool = pool
        self._threads = ThreadPoolExecutor(1) if pool else None
        self._background: list[Future[None]] = []
        self.tick = tick

    def close(self) -> None:
        """Let go of the thread."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

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
        if self._threads is None:
            function(*arguments)
            return
        self._background.append(self._threads.submit(function, *arguments))

    def finish_background(self) -> None:
        """Wait for everything that runs in the background.

        Raises what it raised.
        """
        while self._background:
            self._background.pop().result()

    def finished(self, futures: Mapping[str, Future[Result]]) -> Iterator[str]:
        """Yield the names of jobs as they end; the first error ends all.

        Raises what the job raised.
        """
        waiting = {future: name for name, future in futures.items()}
        while waiting:
            done, _ = wait(waiting, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
            self.tick()
            for future in done:
                _result(future)
                yield waiting.pop(future)

    def gather(self, futures: list[Future[Result]]) -> list[Result]:
        """Wait for jobs, in their order; the first error ends all.

        Raises what the job raised.
        """
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
            self.tick()
            for future in done:
                _result(future)
        return [_result(future) for future in futures]


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise StrongroomError(
            "worker",
            "a worker process ended unexpectedly (killed, or out of memory?)",
            "run the same command again",
        ) from error


@contextmanager
def open_workers(count: int, tick: Callable[[], None]) -> Iterator[Workers]:
    """Give a place to run jobs: in this process when ``count`` is 1."""
    if count <= 1:
        yield Workers(None, tick)
        return
    # fork: nothing is open yet, no thread runs, and a worker need not import everything again.
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_die_with_parent, initargs=(os.getpid(),))
    workers = Workers(pool, tick)
    try:
        yield workers
        workers.finish_background()
    except BaseException:
        running = list((pool._processes or {}).values())  # noqa: SLF001  # there is no public way to end running jobs
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.kill()
            process.join()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        workers.close()
