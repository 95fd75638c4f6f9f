"""``tls.doctor``: what the ways to servers really enforce, and what the servers show."""

from __future__ import annotations

from datetime import UTC, datetime

from invoke.context import Context

from strongroom import report
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ExitCode, UsageError
from strongroom.core.system import System, choose_system, read_system
from strongroom.tasks._task import is_json, task
from strongroom.tasks.wiring import list_local_servers

SYSTEM = "Whose servers (default: STRONGROOM_SYSTEM, else those that the environment and the local stack name)."
SERVER = "Only this kind: postgres, redis, vault, secrets, s3."


@task(help={"system": SYSTEM, "server": SERVER})
def doctor(c: Context, system: str = "", server: list[str] | None = None) -> ExitCode:
    """Check how servers are reached, and what they show."""
    from strongroom.examine.tls import Kind, choose_exit, examine_transit, list_servers

    settings = read_settings()
    wanted = set(server or Kind)
    if unknown := wanted - set(Kind):
        raise UsageError("--server", f"{min(unknown)} is none that is known", f"one of: {', '.join(Kind)}")
    found = list_servers(_find_system(system, settings), settings.environment, list_local_servers(settings))
    chosen = [one for one in found if one.kind in wanted]
    if not chosen:
        raise UsageError("tls.doctor", "no such server is named", "say --system; or ./inv stack.up for servers of here")
    findings = examine_transit(chosen, settings.environment, datetime.now(UTC))
    return report.show_transit(findings, choose_exit(findings), as_json=is_json(c))


def _find_system(named: str, settings: Settings) -> System | None:
    """Return the system that is meant; None where nobody says one. Raises UsageError, ConfigurationError."""
    if not named and settings.system is None:
        return None
    return read_system(choose_system(named or None, settings))
