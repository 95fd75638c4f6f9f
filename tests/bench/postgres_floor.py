"""The floor of ``bench.postgres``: ``psql \\copy`` of ready-made CSV files, then keys, indexes and ANALYZE."""

from __future__ import annotations

from pathlib import Path

from tests.bench.postgres_data import NULL, Consolidated, LoadedTable, describe_structure, describe_table

_STRICT = "\\set ON_ERROR_STOP on\nSET TimeZone = 'UTC';\n"


def write_floor(data: Consolidated, folder: Path) -> list[Path]:
    """Write a script for each table that loads it and makes its structure, the largest first."""
    scripts = [folder / f"{table.target}.{table.name}.sql" for table in data.largest_first()]
    for script, table in zip(scripts, data.largest_first(), strict=True):
        copied = f"\\copy {table.dotted} FROM '{data.csv_of(table)}' (FORMAT csv, NULL '{NULL}')"
        script.write_text(_STRICT + describe_table(table) + ";\n" + copied + "\n" + _end(describe_structure(table)))
    return scripts


def write_structure(data: Consolidated, folder: Path) -> list[Path]:
    """Write a script for each table that makes its structure when its rows are there, the largest first."""
    scripts = [folder / f"{table.target}.{table.name}.structure.sql" for table in data.largest_first()]
    for script, table in zip(scripts, data.largest_first(), strict=True):
        script.write_text(_STRICT + _end(describe_structure(table)))
    return scripts


def spell_scripts(scripts: list[Path], dsn: str, *, processes: int) -> str:
    """Return the words of a shell that run scripts, so many at a time."""
    listed = " ".join(f"'{script}'" for script in scripts)
    return f"printf '%s\\n' {listed} | xargs -P {processes} -n 1 psql '{dsn}' --no-psqlrc --quiet --file"


def describe_empty(tables: tuple[LoadedTable, ...]) -> list[str]:
    """Return the statements that make all tables, without keys and indexes."""
    return [describe_table(table) for table in tables]


def _end(statements: list[str]) -> str:
    return "".join(f"{statement};\n" for statement in statements)
