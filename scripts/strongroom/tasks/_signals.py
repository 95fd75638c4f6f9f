"""What the outside learns of a run of backups: a ping as it begins and ends, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.backup.catalog import Catalog
from strongroom.backup.metrics import MetricFacts, write_metrics
from strongroom.backup.ping import Ping, open_ping
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.passwords import read_place
from strongroom.core.backup_entry import BackupEntry
from strongroom.core.errors import ExitCode, StrongroomError


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Who is told of one task."""

    system: str
    entry: BackupEntry
    task: str
    around: Surroundings

    def tell(self, work: Callable[[], ExitCode], read: Callable[[], Catalog]) -> ExitCode:
        """Do the work and tell how it ended, however it does. A signal that fails is said, and fails nothing."""
        ping = None if self.entry.ping is None else self._open_ping()
        if ping is not None:
            ping.start()
        code = int(ExitCode.BUG)
        try:
            ended = work()
            code = int(ended)
        except StrongroomError as error:
            code = int(error.exit_code)
            raise
        except KeyboardInterrupt:
            code = int(ExitCode.INTERRUPTED)
            raise
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else code
            raise
        finally:
            self._write(code, read)
            if ping is not None:
                ping.end(code)
        return ended

    def _open_ping(self) -> Ping | None:
        if self.entry.ping is None:
            return None
        try:
            return open_ping(read_place(self.entry.ping, self.around.environment, "backup: ping"), self.around.say)
        except StrongroomError as error:
            self.around.say("ping", f"{error}")
            return None

    def _write(self, code: int, read: Callable[[], Catalog]) -> None:
        """Write the figures: of the catalog as it is now, where it can be read."""
        if self.entry.metrics is None:
            return
        catalog: Catalog | None = None
        try:
            catalog = read()
        except StrongroomError as error:
            self.around.say("metrics", f"the catalog cannot be read: {error}")
        facts = MetricFacts(
            system=self.system,
            task=self.task,
            exit_code=code,
            at=self.around.now(),
            objectives=self.entry.objectives,
            catalog=catalog,
        )
        try:
            write_metrics(Path(self.entry.metrics), facts)
        except StrongroomError as error:
            self.around.say("metrics", f"{error}")
