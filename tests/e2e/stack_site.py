"""Stacks for tests: each with a folder and ports of its own, on the images that tests share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg

from strongroom.engine import connect
from tests.servers import TAG

_SERVICES = ("POSTGRES", "REDIS", "VAULT", "SECRETS", "S3")
_PARTS = ("compose.yaml", "docker", "requirements.txt", "scripts", "sql", "tasks.py")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A stack of its own: ports and folder."""

    repository: Path
    folder: Path
    environment: dict[str, str]

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "strongroom", *words]

    def run(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), env=self.environment | changes, cwd=self.repository, text=True, capture_output=True,
            timeout=300, check=False,
        )  # fmt: skip

    def password(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text(encoding="utf-8")

    def env(self) -> dict[str, str]:
        lines = (self.folder / "env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    @property
    def project(self) -> str:
        return self.env()["COMPOSE_PROJECT_NAME"]

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement on the stack's PostgreSQL, as a client that verifies everything."""
        place = f"postgresql://postgres@localhost:{self.environment['STRONGROOM_POSTGRES_PORT']}/strongroom"
        options = f"?sslmode=verify-full&sslrootcert={self.folder}/tls/ca.crt"
        with psycopg.connect(place + options, password=self.password("postgres-password")) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_site(repository: Path, folder: Path | None = None) -> Site:
    """Describe a stack of a clone: in the usual folder, where none is named."""
    ports = {f"STRONGROOM_{name}_PORT": str(find_port()) for name in _SERVICES}
    more = {} if folder is None else {"STRONGROOM_STACK": str(folder)}
    environment = {**os.environ, "STRONGROOM_TAG": TAG, **more, **ports, "PYTHONPATH": str(repository / "scripts")}
    return Site(repository=repository, folder=folder or repository / ".stack", environment=environment)


def make_clone(repository: Path, place: Path) -> Site:
    """Copy what a stack needs of a clone, and describe its stack."""
    place.mkdir(parents=True)
    for name in _PARTS:
        one = repository / name
        if one.is_dir():
            shutil.copytree(one, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(one, place / name)
    return make_site(place)


def list_all(project: str) -> dict[str, str]:
    """Return every container, network and volume of a project: name to id."""
    only: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={project}"}
    with connect(os.environ) as client:
        found = [*client.containers.list(all=True, filters=only), *client.networks.list(filters=only)]
        return {str(one.name): str(one.id) for one in [*found, *client.volumes.list(filters=only)]}
