"""The benchmark's data: twelve SQLite files in six pairs, about 1 GB and 4 million rows at scale 1.

Every byte follows from the scale and GENERATOR. In the *plain* variant each table stands in one
file. In the *conflicts* variant the files of a pair hold the same tables, and every fifth row of
each has a namesake of different content in the other. The *rewritten* variant is the plain one with
other kinds of table: a transform or a followed reference changes every row.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tests.bench.rewritten import EVERY_KIND, REWRITTEN_AS, USERS

GENERATOR = 1
"""Raised when the generated rows change: caches of another generator are left alone."""

POOL_BYTES = 1 << 20
"""Random bytes and words from which the rows cut their pieces."""

Variant = Literal["plain", "conflicts", "rewritten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two files of the same shape; ``tables`` are (kind, name in the first, in the second, rows)."""

    target: str
    files: tuple[str, str]
    tables: tuple[tuple[str, str, str, int], ...]
    users: int = 0
    """Users of each file in the rewritten variant, half of them the next file's too, under other ids."""


PAIRS = (
    Pair(
        target="core",
        files=("debates", "archive"),
        tables=(("document", "debates", "archived_debates", 56_000),),
    ),
    Pair(
        target="core",
        files=("traces", "audit"),
        tables=(("event", "trace_events", "audit_events", 260_000),),
    ),
    Pair(
        target="memory",
        files=("semantic", "continuum"),
        tables=(
            ("embedding", "embeddings", "memory_embeddings", 13_000),
            ("history", "recalls", "promotions", 180_000),
        ),
    ),
    Pair(
        target="analytics",
        files=("elo", "leagues"),
        tables=(
            ("history", "elo_history", "league_history", 560_000),
            ("score", "ratings", "league_ratings", 60_000),
        ),
        users=2000,
    ),
    Pair(
        target="analytics",
        files=("calibration", "flips"),
        tables=(
            ("history", "predictions", "flip_history", 420_000),
            ("score", "domain_scores", "flip_scores", 80_000),
        ),
        users=2000,
    ),
    Pair(
        target="agents",
        files=("personas", "genesis"),
        tables=(
            ("embedding", "persona_embeddings", "genome_embeddings", 12_000),
            ("history", "traits", "fitness_history", 260_000),
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of one source file."""

    name: str
    kind: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One source file: where its rows go, and how they differ from its partner's."""

    name: str
    target: str
    seed: int
    partner: str
    """The other file of the pair when both hold the same tables, else empty."""
    second: bool
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A variant on disk."""

    variant: Variant
    sources: Path
    files: tuple[SourceFile, ...]
    rows: int
    size: int
    """Bytes of all files."""


def describe_files(variant: Variant, scale: float) -> tuple[SourceFile, ...]:
    """List the source files of a variant; row counts follow the scale."""
    return tuple(
        SourceFile(
            name=name,
            target=pair.target,
            seed=2 * number + second,
            partner=pair.files[1 - second] if variant == "conflicts" else "",
            second=bool(second),
            tables=tuple(describe_tables(pair, second, variant, scale)),
        )
        for number, pair in enumerate(PAIRS)
        for second, name in enumerate(pair.files)
    )


def describe_tables(pair: Pair, second: int, variant: Variant, scale: float) -> Iterator[Table]:
    """List the tables of a pair's first or second file."""
    if variant == "rewritten" and pair.users:
        yield Table(name=USERS, kind="user", rows=max(10, round(pair.users * scale)))
    for kind, *names, rows in pair.tables:
        yield Table(
            name=names[0 if variant == "conflicts" else second],
            kind=REWRITTEN_AS[names[0]] if variant == "rewritten" else kind,
            rows=max(10, round(rows * scale)),
        )


def ensure_dataset(directory: Path, variant: Variant, scale: float) -> DataSet:
    """Generate a variant under ``directory``, or find it there from an earlier benchmark."""
    home = directory / f"generator-{GENERATOR}" / f"scale-{scale:g}" / variant
    sources, marker = home / "sources", home / "dataset.json"
    files = describe_files(variant, scale)
    expected = json.loads(json.dumps([asdict(file) for file in files]))
    if not marker.exists() or json.loads(marker.read_text(encoding="utf-8")) != expected:
        shutil.rmtree(home, ignore_errors=True)
        sources.mkdir(parents=True)
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(mp_context=context) as pool:
            list(pool.map(write_file, files, [sources] * len(files)))
        marker.write_text(json.dumps(expected, indent=1), encoding="utf-8")
    return DataSet(
        variant=variant,
        sources=sources,
        files=files,
        rows=sum(table.rows for file in files for table in file.tables),
        size=sum(path.stat().st_size for path in sources.glob("*.db")),
    )


def write_file(file: SourceFile, directory: Path) -> None:
    """Generate one source file, set by set."""
    connection = sqlite3.connect(directory / f"{file.name}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -65536")
    randomness = random.Random(GENERATOR * 1000 + file.seed)  # test data, not secrets
    values = {
        "bytes": randomness.randbytes(POOL_BYTES),
        "words": draw_words(randomness),
        "seed": file.seed,
        "second": int(file.second),
        "shared": int(file.second and bool(file.partner)),
        "users": sum(table.rows for table in file.tables if table.name == USERS),
    }
    for table in file.tables:
        kind = EVERY_KIND[table.kind]
        connection.execute("BEGIN")
        connection.execute(kind.table_sql(table.name))
        connection.execute(kind.fill_sql(table.name), values | {"rows": table.rows})
        for index in kind.index_sql(table.name):
            connection.execute(index)
        connection.execute("COMMIT")
    connection.close()


def draw_words(randomness: random.Random) -> bytes:
    """Draw lower-case words with spaces, POOL_BYTES long: safe to cut anywhere, also in JSON."""
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    vocabulary = ["".join(randomness.choices(letters, k=randomness.randint(2, 11))) for _ in range(4000)]
    return " ".join(randomness.choices(vocabulary, k=POOL_BYTES // 5)).encode()[:POOL_BYTES]
