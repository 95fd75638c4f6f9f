"""One batch is written while the next one is read and sealed: a thread for each, and never two at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_LOOK_SECONDS = 0.5
"""So often who waits can be interrupted at least."""
_LAST_SECONDS = 15.0
"""So long one that was interrupted waits for a batch to end: longer than a lock is waited for."""
Answer = TypeVar("Answer")


class _Job(threading.Thread, Generic[Answer]):
    """What is done meanwhile; it does not keep the process from ending."""

    def __init__(self, do: Callable[[], Answer]) -> None:
        super().__init__(name="strongroom-columns", daemon=True)
        self._do = do
        self._answer: list[Answer] = []
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._answer.append(self._do())
        except BaseException as error:  # noqa: BLE001  # raised again by who waits
            self._error = error

    def wait(self) -> Answer:
        while self.is_alive():
            self.join(timeout=_LOOK_SECONDS)
        if self._error is not None:
            raise self._error
        return self._answer[0]


class Behind(Generic[Answer]):
    """Does one thing after another behind whoever asks for it."""

    def __init__(self, answer: Answer) -> None:
        """Have done nothing yet, with that answer."""
        self._answer = answer
        self._job: _Job[Answer] | None = None

    def do(self, what: Callable[[], Answer]) -> None:
        """Do something once what goes on is done. Raises what that raises."""
        self.wait()
        self._job = _Job(what)

    def wait(self) -> Answer:
        """Return the last answer once all is done. Raises what that raises."""
        if self._job is not None:
            job, self._job = self._job, None
            self._answer = job.wait()
        return self._answer

    def leave(self) -> None:
        """Let what goes on come to its end, but not wait for ever."""
        if self._job is not None:
            self._job.join(timeout=_LAST_SECONDS)


@contextmanager
def working_behind(answer: Answer) -> Iterator[Behind[Answer]]:
    """Let things be done meanwhile; nothing of it goes on afterwards."""
    behind = Behind(answer)
    try:
        yield behind
        behind.wait()
    finally:
        behind.leave()
