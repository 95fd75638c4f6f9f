"""What a container writes, handed on as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from strongroom.engine.containers import RunningBox

_REST_SECONDS = 10.0
_LAST_BYTES = 8192


class Saying:
    """Listens to a container that is about to start, in a thread, until it has said all."""

    def __init__(self, box: RunningBox, write: Callable[[bytes], None], prefix: str = "") -> None:
        """Begin to listen. ``prefix`` stands before each line; without one what is written is not touched."""
        self._chunks, self._write, self._prefix = box.attach(), write, prefix.encode()
        self._rest = b""
        self.last = b""
        """The last bytes that it wrote."""
        self.size = 0
        """Bytes that it wrote so far."""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until all is handed on that a container which has ended wrote."""
        self._thread.join(_REST_SECONDS)

    def _follow(self) -> None:
        with suppress(BrokenPipeError):  # nobody reads on; whoever shows the result sees it too
            for chunk in self._chunks:
                self.size += len(chunk)
                self.last = (self.last + chunk)[-_LAST_BYTES:]
                self._hand_on(chunk)
            if self._rest:
                self._hand_on(b"\n")

    def _hand_on(self, chunk: bytes) -> None:
        if not self._prefix:
            self._write(chunk)
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if lines:
            self._write(b"".join(self._prefix + line + b"\n" for line in lines))
