"""An application that writes in a loop: ``python -m tests.bench.postgres_writer DSN STATEMENT`` until stdin ends.

The last line of stdout is JSON: how often it wrote, how often it was refused, and the longest time without a write.
"""

from __future__ import annotations

import json
import select
import sys
import time
from dataclasses import asdict, dataclass

import psycopg

PAUSE = 0.002
"""Seconds between two writes."""


@dataclass(slots=True, kw_only=True)
class Writer:
    """What became of the writes."""

    writes: int = 0
    refused: int = 0
    longest: float = 0
    """Seconds from one write that was taken to the next one."""

    def write(self, connection: psycopg.Connection[tuple[object, ...]], statement: bytes) -> None:
        """Write until stdin ends."""
        before = time.perf_counter()
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            try:
                written = connection.execute(statement).rowcount
            except psycopg.errors.ProgrammingError:
                written = 0
            if not written:
                self.refused += 1
                continue
            now = time.perf_counter()
            self.writes, self.longest, before = self.writes + 1, max(self.longest, now - before), now
        self.longest = max(self.longest, time.perf_counter() - before)


def main(dsn: str, statement: str) -> None:
    """Say ``ready`` at the first write, then go on."""
    writer = Writer()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())
        print("ready", flush=True)
        writer.write(connection, statement.encode())
    print(json.dumps(asdict(writer)))


if __name__ == "__main__":
    main(*sys.argv[1:])
