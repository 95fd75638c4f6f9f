"""OpenBao, in memory and sealed in files, and Secrets Manager: both under TLS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import hvac
import pytest
from hvac.exceptions import Forbidden, InvalidRequest

from strongroom.containers.images import Built
from strongroom.containers.stack import Folder
from strongroom.engine import connect
from tests.processes import wait_until
from tests.servers import SECRETS, VAULT, Running, Server, prepare, running, wait_for_end

pytestmark = pytest.mark.sample(2, whole=True)


def unseal(client: hvac.Client, key: str) -> None:
    """Open a vault; until it leads, it sends callers to an address that only its container knows."""
    client.sys.submit_unseal_key(key)
    wait(lambda: bool(client.sys.read_leader_status()["is_self"]))


def restart(server: Running) -> Running:
    container = server.container.get_wrapped_container()
    container.restart(timeout=10)

    def is_healthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

    wait(is_healthy)
    return replace(server, port=int(container.ports["8200/tcp"][0]["HostPort"]))


def wait(until: Callable[[], bool], seconds: float = 30) -> None:
    began = time.monotonic()
    while not until():
        assert time.monotonic() - began < seconds, "still not so"
        time.sleep(0.2)


def open_vault(server: Running, token: str | None) -> hvac.Client:
    return hvac.Client(url=f"https://localhost:{server.port}", token=token or "", verify=server.authority)


def test_a_vault_for_trying_things_out_keeps_versions(images: dict[str, Built], folder: Folder) -> None:
    with running(VAULT, folder) as server:
        client = open_vault(server, server.password("vault-token"))
        for value in ("one", "two"):
            client.secrets.kv.v2.create_or_update_secret("keys/a", secret={"key": value})
        for version, value in ((1, "one"), (2, "two")):
            found: Any = client.secrets.kv.v2.read_secret_version(
                "keys/a", version=version, raise_on_deleted_version=True
            )
            assert found["data"]["data"] == {"key": value}
        with pytest.raises(Forbidden):
            open_vault(server, "another").secrets.kv.v2.read_secret_version("keys/a", raise_on_deleted_version=True)


def test_a_vault_that_opens_itself_outlives_its_container_and_says_no_secret(
    images: dict[str, Built], folder: Folder
) -> None:
    with connect(os.environ) as client:
        volume = client.volumes.create()
        kept = replace(VAULT, volumes={str(volume.name): "/var/lib/vault"})
        secrets = [(folder.secrets / name).read_text(encoding="utf-8") for name in VAULT.passwords]
        try:
            for number in (1, 2):
                with running(kept, folder) as server:
                    vault = open_vault(server, server.password("vault-token"))
                    if number == 1:
                        vault.secrets.kv.v2.create_or_update_secret("a", secret={"key": "v"})
                        assert len(vault.list("auth/token/accessors")["data"]["keys"]) == 1  # the first one is gone
                    found: Any = vault.secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)
                    assert found["data"]["data"] == {"key": "v"}
                    inside = server.container.get_wrapped_container()
                    environ = inside.exec_run(["sh", "-c", "cat /proc/*/environ /proc/*/cmdline"], user="10072").output
                    said = inside.logs() + str(inside.attrs).encode() + environ
                    assert b"warning: this vault opens itself" in said
                    assert not [secret for secret in secrets if secret.encode() in said]
                    assert b"Root Token" not in said
                    assert b"Unseal Key" not in said
        finally:
            volume.remove(force=True)


def test_a_first_start_of_a_vault_that_was_killed_begins_again(
    images: dict[str, Built], folder: Folder, is_nightly: bool
) -> None:
    with connect(os.environ) as client:
        volume = client.volumes.create()
        kept = replace(VAULT, volumes={str(volume.name): "/var/lib/vault"})
        try:
            for seconds in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0) if is_nightly else (1.5,):
                first = prepare(kept, folder)
                first.start()
                time.sleep(seconds)
                first.get_wrapped_container().kill()
                first.stop()
            with running(kept, folder) as server:
                vault = open_vault(server, server.password("vault-token"))
                vault.secrets.kv.v2.create_or_update_secret("a", secret={"key": "v"})
        finally:
            volume.remove(force=True)


def test_a_vault_that_was_made_without_a_key_is_not_made_anew_with_one(
    images: dict[str, Built], folder: Folder
) -> None:
    with connect(os.environ) as client:
        volume = client.volumes.create()
        kept = {str(volume.name): "/var/lib/vault"}
        try:
            with running(Server(name="vault", port=8200, tmpfs=VAULT.tmpfs, volumes=kept), folder) as server:
                keys: Any = open_vault(server, None).sys.initialize(secret_shares=1, secret_threshold=1)
            refused = prepare(replace(VAULT, volumes=kept), folder)
            refused.start()
            code, said = wait_for_end(refused)
            refused.stop()
            assert (code, "this storage holds another one" in said) == (2, True), said
            with running(Server(name="vault", port=8200, tmpfs=VAULT.tmpfs, volumes=kept), folder) as server:
                client_again = open_vault(server, None)
                assert client_again.sys.is_initialized()
                unseal(client_again, keys["keys"][0])
        finally:
            volume.remove(force=True)


def is_written(client: hvac.Client) -> bool:
    """Write, unless the engine is still being made ready for versions."""
    try:
        client.secrets.kv.v2.create_or_update_secret("a", secret={"key": "v"}, mount_point="kept")
    except InvalidRequest:
        return False
    return True


def test_a_vault_in_files_is_sealed_again_by_a_restart(images: dict[str, Built], folder: Folder) -> None:
    sealed = Server(name="vault", port=8200, tmpfs=VAULT.tmpfs)
    with running(sealed, folder) as server:
        client = open_vault(server, None)
        assert not client.sys.is_initialized()
        keys: Any = client.sys.initialize(secret_shares=1, secret_threshold=1)
        unseal(client, keys["keys"][0])
        client.token = keys["root_token"]
        client.sys.enable_secrets_engine("kv", path="kept", options={"version": "2"})
        wait_until(lambda: is_written(client))
        again = open_vault(restart(server), keys["root_token"])
        assert again.sys.is_sealed()
        unseal(again, keys["keys"][0])
        found: Any = again.secrets.kv.v2.read_secret_version("a", mount_point="kept", raise_on_deleted_version=True)
        assert found["data"]["data"] == {"key": "v"}


def test_secrets_manager_answers(images: dict[str, Built], folder: Folder) -> None:
    with running(SECRETS, folder) as server:
        client = boto3.client(
            "secretsmanager",
            endpoint_url=f"https://localhost:{server.port}",
            aws_access_key_id="canary",
            aws_secret_access_key="canary",
            region_name="us-east-1",
            verify=server.authority,
        )
        client.create_secret(Name="key", SecretString="one")
        client.put_secret_value(SecretId="key", SecretString="two")
        assert client.get_secret_value(SecretId="key")["SecretString"] == "two"
        assert client.get_secret_value(SecretId="key", VersionStage="AWSPREVIOUS")["SecretString"] == "one"
