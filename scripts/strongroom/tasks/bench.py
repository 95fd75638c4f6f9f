"""Measure what our ways cost beside the usual ones."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom.core.config import read_settings
from strongroom.tasks._task import is_json, task


@task(
    help={
        "scale": "Size of the data: 1 is about 1 GB and 4 million rows.",
        "repeat": "How often each way runs; medians are shown.",
        "directory": "Where data sets are kept and built (default: tests/bench/.data).",
        "keep": "Keep what the last repetition built.",
        "flat": "Measure peak memory at a tenth of the scale too.",
    }
)
def consolidate(
    c: Context,
    *,
    scale: float = 1.0,
    repeat: int = 5,
    directory: Path | None = None,
    keep: bool = False,
    flat: bool = True,
) -> None:
    """Measure consolidate.run beside the usual ways."""
    read_settings().require_clone()
    from tests.bench.consolidate import Options, show_benchmark  # noqa: PLC0415  # the image has no tests

    options = Options(scale=scale, repeat=repeat, directory=directory, keep=keep, flat=flat)
    show_benchmark(options, as_json=is_json(c))


@task(
    help={
        "scale": "Size of the data: 1 is about 1 GB.",
        "repeat": "How often each way runs; medians are shown.",
        "directory": "Where data is kept and changed (default: tests/bench/.data).",
        "flat": "Measure peak memory at a tenth of the scale too.",
    }
)
def keys(c: Context, *, scale: float = 1.0, repeat: int = 3, directory: Path | None = None, flat: bool = True) -> None:
    """Measure sqlcipher.encrypt and .rekey beside the bare ways."""
    read_settings().require_clone()
    from tests.bench.consolidate import Options  # noqa: PLC0415  # the image has no tests
    from tests.bench.keys import show_keys  # noqa: PLC0415  # the same

    options = Options(scale=scale, repeat=repeat, directory=directory, keep=False, flat=flat)
    show_keys(options, as_json=is_json(c))


@task(
    help={
        "scale": "Size of the data: 1 is about 1 GB.",
        "repeat": "How often each way runs; medians are shown.",
        "directory": "Where data and stores are made (default: tests/bench/.data).",
    }
)
def backup(c: Context, *, scale: float = 1.0, repeat: int = 3, directory: Path | None = None) -> None:
    """Measure backup.* beside the same steps by hand."""
    read_settings().require_clone()
    from tests.bench.backup import show_backup  # noqa: PLC0415  # the image has no tests
    from tests.bench.consolidate import Options  # noqa: PLC0415  # the same

    options = Options(scale=scale, repeat=repeat, directory=directory, keep=False, flat=False)
    show_backup(options, as_json=is_json(c))


@task(
    help={
        "scale": "Size of the data: 1 is about 1 GB and 4 million rows.",
        "repeat": "How often each way runs; medians are shown.",
        "directory": "Where data, servers and others' programs are kept (default: tests/bench/.data).",
        "flat": "Measure peak memory at a tenth of the scale too.",
    }
)
def postgres(
    c: Context, *, scale: float = 1.0, repeat: int = 3, directory: Path | None = None, flat: bool = True
) -> None:
    """Measure postgres.load beside the usual ways."""
    read_settings().require_clone()
    from tests.bench.consolidate import Options  # noqa: PLC0415  # the image has no tests
    from tests.bench.postgres import show_postgres  # noqa: PLC0415  # the same

    options = Options(scale=scale, repeat=repeat, directory=directory, keep=False, flat=flat)
    show_postgres(options, as_json=is_json(c))


@task(
    help={
        "scale": "Size of the data: 1 is 400,000 rows of 1 KB, in PostgreSQL and in SQLite.",
        "repeat": "How often each way runs; medians are shown.",
        "directory": "Where data and the server's files are made (default: tests/bench/.data).",
        "flat": "Measure peak memory at a tenth of the scale too.",
    }
)
def columns(
    c: Context, *, scale: float = 1.0, repeat: int = 3, directory: Path | None = None, flat: bool = True
) -> None:
    """Measure columns.rotate beside the same without a cipher."""
    read_settings().require_clone()
    from tests.bench.columns import show_columns  # noqa: PLC0415  # the image has no tests
    from tests.bench.consolidate import Options  # noqa: PLC0415  # the same

    options = Options(scale=scale, repeat=repeat, directory=directory, keep=False, flat=flat)
    show_columns(options, as_json=is_json(c))


@task(
    help={
        "scale": "Size of the fleet: 1 is a thousand tenants of 2 MB, and a list of a million.",
        "repeat": "How often each way runs; medians are shown.",
        "directory": "Where tenants are kept and built (default: tests/bench/.data).",
        "flat": "Measure peak memory with a tenth of the tenants, and with long lists, too.",
    }
)
def fleet(c: Context, *, scale: float = 1.0, repeat: int = 3, directory: Path | None = None, flat: bool = True) -> None:
    """Measure fleet.run beside a command for each tenant."""
    read_settings().require_clone()
    from tests.bench.consolidate import Options  # noqa: PLC0415  # the image has no tests
    from tests.bench.fleet import show_fleet  # noqa: PLC0415  # the same

    options = Options(scale=scale, repeat=repeat, directory=directory, keep=False, flat=flat)
    show_fleet(options, as_json=is_json(c))


namespace = Collection("bench", consolidate, keys, backup, postgres, columns, fleet)
