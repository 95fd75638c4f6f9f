"""The old door of the memory stores: same flags and same class as ever, opened by the loader of ``postgres.load``.

``python -m strongroom.memory_migrator --sqlite-path FILE --postgres-dsn DSN``, or ``MemoryMigrator``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from strongroom import report
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ExitCode, KeyMissingError, TerminatedError, UsageError
from strongroom.core.progress import Progress, Silent
from strongroom.core.results import TableTally
from strongroom.core.system import find_system, read_system
from strongroom.postgres.access import add_password, find_access, for_schemas
from strongroom.postgres.connection import Access
from strongroom.postgres.dsn import read_access
from strongroom.tasks._memory import STORES, SYSTEM, Migration, migrate
from strongroom.tasks._stop import terminable
from strongroom.tasks._task import report_failure
from strongroom.tasks.wiring import find_local_postgres

if TYPE_CHECKING:
    from strongroom.load.outcome import Outcome

_NAME = "memory_migrator"
_DSN, _DSN_FILE = "--postgres-dsn", "--postgres-dsn-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What became of the rows of a migration."""

    outcome: Outcome
    """As ``postgres.load`` reports it."""

    @property
    def tables(self) -> Mapping[str, TableTally]:
        """Return what became of each table's rows."""
        return self.outcome.tables

    @property
    def total_migrated(self) -> int:
        """Return how many rows were inserted; none where more rows wait than may, since nothing goes live then."""
        if self.outcome.nothing_done or self.outcome.exit:
            return 0
        return sum(tally.inserted for tally in self.tables.values())

    @property
    def total_skipped(self) -> int:
        """Return how many rows were there already: equal ones, and ones that stay as they are."""
        if self.outcome.nothing_done:
            return self.outcome.rows_read - self.total_errors
        return sum(tally.merged_identical + tally.superseded for tally in self.tables.values())

    @property
    def total_errors(self) -> int:
        """Return how many rows wait for a person, each with its reason in ``outcome.waiting``."""
        return self.outcome.quarantined


class MemoryMigrator:
    """Migrates the memory stores of one SQLite file; each call is one load, proven before and after it goes live."""

    def __init__(
        self,
        sqlite_path: str | Path,
        postgres_dsn: str | None = None,
        batch_size: int = 1000,
        skip_existing: bool = True,
    ) -> None:
        """Name the file and the server; without a DSN ``ARAGORA_POSTGRES_DSN`` or ``DATABASE_URL`` names it.

        Rows are streamed, so ``batch_size`` changes nothing. With ``skip_existing`` a row whose key is there already
        is skipped; without, it is an error where it differs. Raises UsageError, ConfigurationError.
        """
        if batch_size < 1:
            raise UsageError("batch_size", f"must be a number from 1 (got {batch_size})")
        self._settings = read_settings()
        self._access = _find_access(postgres_dsn, "postgres_dsn", self._settings)
        self._file = Path(sqlite_path)
        self._skips = skip_existing

    async def migrate_all(self) -> MigrationReport:
        """Migrate every store. Raises every error of design, section 9, that the facts call for."""
        return await self._migrate("all")

    async def migrate_consensus_memory(self) -> MigrationReport:
        """Migrate consensus, dissent and proofs. Raises what ``migrate_all`` raises."""
        return await self._migrate("consensus")

    async def migrate_critique_store(self) -> MigrationReport:
        """Migrate debates, critiques, patterns and reputations. Raises what ``migrate_all`` raises."""
        return await self._migrate("critique")

    async def close(self) -> None:
        """Do nothing: no connection outlives its migration."""

    async def _migrate(self, store: str) -> MigrationReport:
        asked = Migration(
            sqlite=self._file,
            access=self._access,
            store=store,
            way=_choose_way(skips=self._skips),
            settings=self._settings,
            progress=Silent(),
        )
        return MigrationReport(outcome=await asyncio.to_thread(migrate, asked))


def _choose_way(*, skips: bool) -> Literal["skip-existing", "into-live"]:
    return "skip-existing" if skips else "into-live"


def _find_access(dsn: str | None, origin: str, settings: Settings) -> Access:
    """Return how to reach the server that a DSN names, else the environment. Raises ConfigurationError."""
    environment = settings.environment
    if dsn:
        user = environment.get("POSTGRES_DEPLOY_USER", "")
        return for_schemas(add_password(read_access(dsn, origin, environment, user), environment))
    about = read_system(find_system(SYSTEM, settings.root))
    find_stack = partial(find_local_postgres, settings, "deploy")
    return for_schemas(find_access(about, environment, find_stack, purpose="deploy"))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m strongroom.{_NAME}",
        description="Migrate the memory stores of one SQLite file into PostgreSQL, proven row by row.",
        allow_abbrev=False,
    )
    parser.add_argument("--sqlite-path", required=True, type=Path, help="the SQLite file")
    dsn = parser.add_mutually_exclusive_group()
    dsn.add_argument(_DSN, help="the server; better in DATABASE_URL, since arguments are shown to everybody")
    dsn.add_argument(_DSN_FILE, type=Path, help="a file that holds the DSN")
    parser.add_argument("--store", choices=("all", *STORES), default="all", help="which store (default: all)")
    parser.add_argument("--batch-size", type=int, default=1000, help="taken, and changes nothing: rows are streamed")
    parser.add_argument(
        "--skip-existing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="rows whose key is there already are skipped (default); without, exit 4 where they differ",
    )
    parser.add_argument("--quarantine-budget", type=int, default=0, help="rows that may wait for a person (default: 0)")
    parser.add_argument("--target", type=Path, help="directory of snapshots, ledger and report (default: beside it)")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen; write nothing")
    parser.add_argument("-v", "--verbose", action="store_true", help="say on stderr how far it is")
    return parser


def _migrate_as_asked(given: argparse.Namespace) -> int:
    for flag, value, least in (("batch-size", given.batch_size, 1), ("quarantine-budget", given.quarantine_budget, 0)):
        if value < least:
            raise UsageError(f"--{flag}", f"must be a number from {least} (got {value})")
    settings = read_settings()
    progress: Progress = report.open_progress(color=True) if given.verbose else Silent()
    asked = Migration(
        sqlite=given.sqlite_path,
        access=_find_access(_read_dsn(given), _DSN, settings),
        store=given.store,
        way=_choose_way(skips=given.skip_existing),
        settings=settings,
        progress=progress,
        quarantine_budget=given.quarantine_budget,
        target=given.target,
        dry_run=given.dry_run,
    )
    done = MigrationReport(outcome=migrate(asked))
    code = report.show_load(done.outcome, as_json=False, color=True)
    word = "would be migrated" if given.dry_run else "migrated"
    print(f"{word} {done.total_migrated}, skipped {done.total_skipped}, errors {done.total_errors}")
    return code


def _read_dsn(given: argparse.Namespace) -> str | None:
    if given.postgres_dsn_file is None:
        return None
    try:
        text: str = given.postgres_dsn_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissingError(_DSN_FILE, "cannot be read", "check its path and mode") from error
    return text


def hide_dsn(arguments: Sequence[str], dsn: str) -> list[str]:
    """Return a command line that names the DSN by a file: a pipe that holds it, which the next program reads once."""
    rest = list(arguments)
    for number, argument in enumerate(rest):
        if argument == _DSN:
            del rest[number : number + 2]
            break
        if argument.startswith(f"{_DSN}="):
            del rest[number]
            break
    reading, writing = os.pipe()
    os.write(writing, dsn.encode())
    os.close(writing)
    os.set_inheritable(reading, True)  # noqa: FBT003  # it takes no names
    return [*rest, _DSN_FILE, f"/dev/fd/{reading}"]


def main(arguments: Sequence[str]) -> int:
    """Migrate as a command line says; return the exit code."""
    given = _make_parser().parse_args(arguments)
    try:
        if given.postgres_dsn is not None:
            report.say_note(_DSN, "whoever lists processes may read it; better put it into DATABASE_URL")
            before = sys.orig_argv[1 : len(sys.orig_argv) - len(arguments)]
            line = [sys.executable, *before, *hide_dsn(arguments, given.postgres_dsn)]
            os.execv(sys.executable, line)  # noqa: S606  # no shell is wanted
        with report.speaking("text"), terminable():
            return _migrate_as_asked(given)
    except SystemExit as end:
        if end.code == ExitCode.TERMINATED:
            report.say_error(TerminatedError(_NAME, "interrupted (SIGTERM)", "the same command goes on from here"))
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last line: bugs show their traceback
        code = report_failure(error, _NAME)
        if code is None:
            report.say_bug(error)
            return ExitCode.BUG
        return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
