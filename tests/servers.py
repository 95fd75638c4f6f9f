"""Our images as servers for the length of a test: hardened as in compose.yaml, with certificates made for them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Its image, which ends what a killed test leaves behind, comes from a registry; ours come from none.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

from testcontainers.core.container import DockerContainer  # reads the variable above
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

from strongroom.containers.stack import Folder, provide_files

HARDENED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "init": True,
}
TAG = "test"
"""Of the tests' own images: those of a stack that is in use are left alone."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """What one of our images needs to run."""

    name: str
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    passwords: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)


POSTGRES = Server(
    name="postgres",
    port=5432,
    environment={"POSTGRES_PASSWORD_FILE": "/run/secrets/postgres-password", "POSTGRES_DB": "strongroom"},
    passwords=("postgres-password",),
    tmpfs=("/run/postgresql:uid=10070,mode=0750", "/tmp"),
)
REDIS = Server(
    name="redis",
    port=6379,
    environment={
        "REDIS_PASSWORD_FILE": "/run/secrets/redis-password",
        "REDIS_BACKUP_PASSWORD_FILE": "/run/secrets/redis-backup-password",
        "REDIS_MONITOR_PASSWORD_FILE": "/run/secrets/redis-monitor-password",
    },
    passwords=("redis-password", "redis-backup-password", "redis-monitor-password"),
    tmpfs=("/run/redis:uid=10071,mode=0700", "/tmp"),
)
VAULT = Server(
    name="vault",
    port=8200,
    environment={
        "VAULT_TOKEN_FILE": "/run/secrets/vault-token",
        "VAULT_UNSEAL_KEY_FILE": "/run/secrets/vault-unseal-key",
    },
    passwords=("vault-token", "vault-unseal-key"),
    tmpfs=("/tmp:uid=10072,mode=0700",),
)
S3 = Server(name="s3", port=8333, passwords=("s3-secret-key",), tmpfs=("/tmp:uid=10073,mode=0700",))
SECRETS = Server(name="secrets", port=5000, tmpfs=("/tmp",))


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that is healthy, and how to reach it."""

    container: DockerContainer
    folder: Folder
    port: int

    @property
    def authority(self) -> str:
        return str(self.folder.tls / "ca.crt")

    def password(self, name: str) -> str:
        return (self.folder.secrets / name).read_text(encoding="utf-8")


def make_folder(root: Path) -> Folder:
    folder = Folder(root=root)
    provide_files(folder, datetime.now(UTC))
    return folder


def prepare(server: Server, folder: Folder, **changes: Any) -> DockerContainer:
    """Describe a container; ``changes`` go to the engine as they are."""
    container = DockerContainer(f"strongroom/{server.name}:{TAG}").with_exposed_ports(server.port)
    container = container.with_kwargs(**HARDENED, **changes)
    for place in server.tmpfs:
        path, _, options = place.partition(":")
        container = container.with_tmpfs_mount(path, options)
    given = {"ca.crt": "ca.crt", f"{server.name}.crt": "server.crt", f"{server.name}.key": "server.key"}
    for file, inside in given.items():
        container = container.with_volume_mapping(str(folder.tls / file), f"/run/secrets/{inside}", "ro")
    for name in server.passwords:
        container = container.with_volume_mapping(str(folder.secrets / name), f"/run/secrets/{name}", "ro")
    for volume, inside in server.volumes.items():
        container = container.with_volume_mapping(volume, inside, "rw")
    return container.with_envs(**server.environment)


@contextmanager
def running(server: Server, folder: Folder, **changes: Any) -> Iterator[Running]:
    """Start a server, wait until its own health check is content, and remove it with its volumes afterwards."""
    container = prepare(server, folder, **changes).waiting_for(HealthcheckWaitStrategy().with_startup_timeout(90))
    try:
        container.start()
        yield Running(container=container, folder=folder, port=int(container.get_exposed_port(server.port)))
    finally:
        container.stop()


def wait_for_end(container: DockerContainer, seconds: int = 30) -> tuple[int, str]:
    """Return the exit code of a container that ends by itself, and what it said."""
    wrapped = container.get_wrapped_container()
    code = int(wrapped.wait(timeout=seconds)["StatusCode"])
    return code, wrapped.logs().decode(errors="replace")
