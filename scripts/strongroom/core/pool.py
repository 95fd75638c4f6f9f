"""Forked processes that run jobs, each at the end of a pipe of its own.

A worker that dies, whatever it was doing, is an error and never a wait: no lock is shared that it could take with
it, and nobody else holds its end of the pipe, so that half an answer ends like none.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from queue import SimpleQueue
from threading import Thread
from typing import Any, NoReturn, TypeAlias, TypeVar

from strongroom.core.errors import StrongroomError, WorkerLostError

Result = TypeVar("Result")
Job: TypeAlias = tuple[Future[Any], Callable[..., Any], tuple[object, ...]]
_PR_SET_PDEATHSIG = 1
_ASKING_TO_STOP = (signal.SIGTERM, signal.SIGINT)
_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.005


class JobError(Exception):
    """Where in the worker a job failed: shown above the error itself."""


class Pool:
    """Processes that take the next job as they are free, and one thread for what waits for the disk."""

    def __init__(self) -> None:
        """Hold nothing yet: ``start`` may be interrupted, and ``close`` then knows of all that was started."""
        self._workers: list[Worker] = []
        self._jobs = _Queue()
        self._background = _Queue()

    def start(self, count: int, prepare: Callable[[int], None]) -> None:
        """Fork ``count`` workers, each of which calls ``prepare`` with its number, from 1.

        Raises StrongroomError when the system gives no more processes.
        """
        with signals_held():
            for number in range(1, count + 1):
                self._workers.append(Worker([one.pipe for one in self._workers], prepare, number))
            for worker in self._workers:  # only now: a thread that runs while others are forked may hold a lock
                self._jobs.start_thread(worker.ask)
            self._background.start_thread(_call)

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Give a job to the next worker that is free."""
        return self._jobs.put(function, arguments)

    def in_background(self, function: Callable[..., None], *arguments: object) -> Future[None]:
        """Run something in the thread, after what it was given before."""
        return self._background.put(function, arguments)

    def check(self) -> None:
        """Make sure that every worker lives, those too that have nothing to do.

        Raises StrongroomError.
        """
        if not all(worker.is_alive() for worker in self._workers):
            raise _death()

    def close(self) -> None:
        """End every worker, whatever it does, and drop the jobs that are left; takes a few seconds at most."""
        with signals_held():
            deadline = time.monotonic() + _GRACE_SECONDS
            for worker in self._workers:
                worker.kill()
            self._jobs.close(deadline)
            self._background.close(deadline)
            while any(worker.is_alive() for worker in self._workers) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
            for worker in self._workers:
                worker.let_go()


class _Queue:
    """Jobs in their order, and the threads that have them done.

    A thread may be left behind in a disk that does not answer: it is a daemon, so that the process can end.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._is_closed = False

    def start_thread(self, ask: Callable[..., Any]) -> None:
        thread = Thread(target=self._serve, args=(ask,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def put(self, function: Callable[..., Result], arguments: tuple[object, ...]) -> Future[Result]:
        future: Future[Result] = Future()
        self._waiting.put((future, function, arguments))
        return future

    def close(self, deadline: float) -> None:
        self._is_closed = True
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(deadline - time.monotonic(), 0))

    def _serve(self, ask: Callable[..., Any]) -> None:
        while (job := self._waiting.get()) is not None:
            future, function, arguments = job
            if self._is_closed:
                future.cancel()
            else:
                _settle(future, ask, function, arguments)
            del job, future, function, arguments  # or they live on until the next one comes


def _settle(future: Future[Any], ask: Callable[..., Any], function: Callable[..., Any], arguments: Any) -> None:
    try:
        future.set_result(ask(function, *arguments))
    except BaseException as error:  # noqa: BLE001  # whatever it is: somebody waits for this future
        future.set_exception(error)


def _call(function: Callable[..., Any], *arguments: object) -> Any:
    return function(*arguments)


class Worker:
    """Our side of one worker: its process and our end of its pipe."""

    def __init__(self, inherited: Sequence[Connection], prepare: Callable[[int], None], number: int) -> None:
        """Fork a process that calls ``prepare``, and lets go of the pipes of others, ``inherited``.

        To be called while signals are held. Raises StrongroomError when the system gives no more processes.
        """
        self.pipe, theirs = Pipe()
        self._is_over = False
        parent = os.getpid()
        try:
            self._pid = os.fork()
        except OSError as error:
            raise StrongroomError(
                "worker", f"cannot be started ({error.strerror})", "set STRONGROOM_JOBS to a smaller number"
            ) from error
        if self._pid == 0:
            _be_worker(theirs, [self.pipe, *inherited], parent, lambda: prepare(number))
        theirs.close()

    def ask(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Have the worker do a job, and return its result. Raises what the job raised, and WorkerLostError."""
        self.tell(function, *arguments)
        return self.hear()

    def tell(self, function: Callable[..., Any], *arguments: object) -> None:
        """Give the worker a job. Raises WorkerLostError."""
        job = pickle.dumps((function, arguments))
        try:
            self.pipe.send_bytes(job)
        except OSError as error:
            raise _death() from error

    def hear(self) -> Any:
        """Wait for the result of a job. Raises what the job raised, and WorkerLostError when the worker dies."""
        try:
            answer = self.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise _death() from error
        result, problem, origin = pickle.loads(answer)  # noqa: S301  # our own worker's
        if problem is not None:
            raise problem from JobError(origin)
        return result

    def is_alive(self) -> bool:
        """Tell whether the process runs; one that ended is reaped. For the main thread only."""
        if not self._is_over:
            try:
                self._is_over = os.waitpid(self._pid, os.WNOHANG)[0] != 0
            except ChildProcessError:  # reaped by the system, where SIGCHLD is ignored
                self._is_over = True
        return not self._is_over

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process, if it still runs; by another signal it may be asked to."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def let_go(self) -> None:
        """Close the pipe, unless a process that cannot be killed keeps our thread reading from it."""
        if not self.is_alive():
            self.pipe.close()


@contextmanager
def signals_held() -> Iterator[None]:
    """Let SIGTERM and SIGINT wait until the block ends; their handlers may raise as it is left.

    What they raise in the middle of a fork is printed and lost: Python runs its own callbacks there.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING_TO_STOP)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_worker(pipe: Connection, inherited: Sequence[Connection], parent: int, prepare: Callable[[], None]) -> NoReturn:
    """Live and die as a worker: the stack that we were forked on is never unwound."""
    try:
        _die_with_parent(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: our parent has it too, and ends us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKING_TO_STOP)
        for other in inherited:  # while we hold it, its worker is not told that our parent let go
            other.close()
        prepare()
        with suppress(EOFError, OSError):
            while True:
                pipe.send_bytes(_carry_out(pipe.recv_bytes()))
    except BaseException:  # noqa: BLE001  # a bug of ours, to be seen; the parent is told by the pipe
        traceback.print_exc()
    finally:
        os._exit(1)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask to be told
        os._exit(1)


def _carry_out(job: bytes) -> bytes:
    """Do a job; the answer is its result, or its error and the traceback."""
    try:
        function, arguments = pickle.loads(job)  # noqa: S301  # our own parent's
        return pickle.dumps((function(*arguments), None, ""))
    except BaseException as error:  # noqa: BLE001  # it is raised again where somebody waits for it
        return _wrap(error)


def _wrap(error: BaseException) -> bytes:
    """Make an error travel; one that cannot is told by its name and text."""
    origin = "".join(traceback.format_exception(error))
    try:
        wrapped = pickle.dumps((None, error, origin))
        pickle.loads(wrapped)  # noqa: S301  # made a line above
    except Exception:  # noqa: BLE001  # an error's own code decides how this fails
        told = RuntimeError("".join(traceback.format_exception_only(error)).strip())
        return pickle.dumps((None, told, origin))
    return wrapped


def _death() -> WorkerLostError:
    return WorkerLostError(
        "worker",
        "a worker process ended unexpectedly (killed, or out of memory?)",
        "run the same command again",
    )
