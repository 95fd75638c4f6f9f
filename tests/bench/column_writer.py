"""An application that writes to an encrypted column: ``python -m tests.bench.column_writer DSN SYSTEM ROWS SEED``.

It writes until stdin ends, two milliseconds after the write before; then it says as JSON how many a second it did.
"""

from __future__ import annotations

import json
import random
import select
import sys
import time

import psycopg

from strongroom.persistence.columns import Columns

PAUSE = 0.002
"""Seconds between two writes."""


def main(dsn: str, system: str, rows: str, seed: str) -> None:
    """Say ``ready`` at the first write, then go on."""
    chance, columns, writes = random.Random(seed), Columns.of_system(system, place="accounts"), 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        print("ready", flush=True)
        began = time.perf_counter()
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            key = chance.randint(1, int(rows))
            stored = columns.encrypt("users", "secret", key, f"written {writes} " * 80)
            connection.execute("UPDATE accounts.users SET secret = %s WHERE id = %s", (stored, key))
            writes += 1
        seconds = time.perf_counter() - began
    print(json.dumps({"writes_s": writes / seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
