"""Servers of this machine's Debian for tests: installed where they are missing, started by nobody but the tests."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom.backup.request import Surroundings
from strongroom.engine import install_packages
from tests.turns import turn

POLICY = Path("/usr/sbin/policy-rc.d")
CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")
FOLDERS = Path("/usr/lib/postgresql")


def provide_engines() -> int:
    """Make sure that PostgreSQL's and Redis' servers are here; return PostgreSQL's major version."""
    with turn("packages"):
        if not _list_majors() or shutil.which("redis-server") is None:
            _install()
    return max(_list_majors())


def _list_majors() -> list[int]:
    return [int(path.parts[-3]) for path in FOLDERS.glob("*/bin/postgres")]


def _install() -> None:
    """Install both without a cluster, and with nothing started."""
    is_ours = not POLICY.exists()
    if not CLUSTERS.exists():
        CLUSTERS.parent.mkdir(exist_ok=True)
        CLUSTERS.write_text("create_main_cluster = false\n")
    if is_ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        install_packages(["postgresql", "redis-server"], os.environ)
    finally:
        if is_ours:
            POLICY.unlink()


def make_surroundings(**changes: Any) -> Surroundings:
    """Return a clock, and of the environment what finds programs."""
    known: dict[str, Any] = {"now": lambda: datetime.now(UTC), "environment": {"PATH": os.environ["PATH"]}}
    return Surroundings(**(known | changes))
