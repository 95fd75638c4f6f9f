"""Is transit what it should be: what a connection string enforces, and what the server behind it shows.

Read-only: nobody logs in, and no key or password is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from strongroom.core.errors import ExitCode
from strongroom.examine.tls.examining import examine_server
from strongroom.examine.tls.files import judge_environment
from strongroom.examine.tls.finding import Finding, Grade
from strongroom.examine.tls.named import list_servers
from strongroom.examine.tls.server import Kind, Server

__all__ = ["Finding", "Grade", "Kind", "Server", "choose_exit", "examine_transit", "list_servers"]

_EXITS = {
    Grade.SETTING: ExitCode.USAGE,
    Grade.WRONG: ExitCode.REFUSED,
    Grade.UNREACHABLE: ExitCode.UNREACHABLE,
    Grade.SOON: ExitCode.PENDING,
}
"""From what a person must correct first."""


def examine_transit(servers: Sequence[Server], environment: Mapping[str, str], now: datetime) -> tuple[Finding, ...]:
    """Look at each server, one after the other, and at what the environment does to all. ``now`` has a time zone."""
    of_all = [
        Finding(grade=one.grade, server="", place="this machine", named_by="", fact=one.fact, hint=one.hint)
        for one in judge_environment(environment)
    ]
    return (*of_all, *(finding for server in servers for finding in examine_server(server, now)))


def choose_exit(findings: Sequence[Finding]) -> ExitCode:
    """Return the exit code of the gravest finding; 0 where all is well."""
    grades = {finding.grade for finding in findings}
    return next((code for grade, code in _EXITS.items() if grade in grades), ExitCode.DONE)
