"""How a refusal is checked, and the source that most of them are about."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.faults.scene import Ended, Scene, find_leftovers, photograph, read_bytes_kept, run

MARK = "PAYLOAD-OF-ONE-CELL"
ROWS = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
CREATE INDEX ix_t ON t (v);
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO t SELECT i, 'value ' || i FROM n;
INSERT INTO t VALUES (5000, '{MARK}');
"""
ADD = "INSERT INTO t (v) VALUES ('one more')"


def write(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def check_refused(scene: Scene, act: Callable[[], Ended], code: int, *words: str) -> Ended:
    """Check that a command ends with ``code`` and one line that holds ``words``, and leaves all as it was."""
    target, sources = photograph(scene.target), read_bytes_kept(scene.source)
    stale = find_leftovers(scene)
    ended = act()
    assert ended.code == code, ended.err
    for word in words:
        assert word in ended.error
    assert photograph(scene.target) == target
    assert read_bytes_kept(scene.source) == sources
    assert find_leftovers(scene) == stale
    return ended


def refuse(scene: Scene, code: int, *words: str, flags: tuple[str, ...] = ()) -> Ended:
    return check_refused(scene, lambda: run(scene.argv("run", *flags)), code, *words)


def overwrite(file: Path, offset: int, content: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)
