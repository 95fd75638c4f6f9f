"""The Jobs of overlay dev, as they are rendered, against the stack's servers: each once, and data equal at the end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.containers.images import Built
from strongroom.containers.stack import Folder
from strongroom.demo import build_legacy_tree
from strongroom.engine import connect
from strongroom.kubernetes.running import JobRun
from tests.bench.fleet_data import ensure_tenants
from tests.integration.containers.k8s_site import Cluster
from tests.integration.containers.k8s_stack import Dev, open_bucket, standing

pytestmark = pytest.mark.sample(15, whole=True)
SEED = 7
OURS = 10001
BUDGET = {'"QUARANTINE_BUDGET", "value": "0"': '"QUARANTINE_BUDGET", "value": "1000"'}
FLEET = 20
SMALL_FLEET = {
    '"completions": 10': '"completions": 2',
    "--of=10": "--of=2",
    '"parallelism": 5': '"parallelism": 2',
}


@pytest.fixture(scope="module")
def dev(
    images: dict[str, Built], folder: Folder, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dev]:
    """Give an overlay whose store is made, whose legacy tree is consolidated, and of which there is a backup."""
    with connect(os.environ) as client, standing(client, repository, folder, tmp_path_factory.mktemp("dev")) as stands:
        open_bucket(stands.servers["s3"])
        data = Path(stands.claims["strongroom-data"])
        build_legacy_tree(repository / "sql" / "aragora", data / "legacy", rows=8, seed=SEED)
        give_away(data)
        for job in ("init", "consolidate", "backup"):
            succeed(stands, job)
        yield stands


def give_away(folder: Path) -> None:
    """Let files be those of the user as whom our Pods run, as where an application wrote them."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OURS, OURS, follow_symlinks=False)


def succeed(dev: Dev, job: str, **more: Any) -> JobRun:
    ended = dev.run(job, **more)
    assert (ended.exit, ended.reason) == (0, "Completed"), f"{job}: {ended.message}\n{dev.cluster.out}"
    assert dev.cluster.list_left() == []
    return ended


def read_tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of a database, sorted."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def core_of(dev: Dev) -> Path:
    return Path(dev.claims["strongroom-data"]) / "aragora" / "core.db"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("keys-check", "3 of 3 keys can be used"),
        ("verify", "SOUND"),
        ("drill", "PASSED"),
        ("status", "FRESH aragora"),
        ("prune", "removed 0 sets"),
        ("backup-now", "VERIFIED set"),
    ],
)
def test_what_runs_by_itself_succeeds(dev: Dev, job: str, said: str) -> None:
    succeed(dev, job)
    assert said in dev.cluster.out


def test_a_pod_is_let_into_the_vault_by_its_token_alone(dev: Dev) -> None:
    succeed(dev, "keys-check")
    assert "let in by kubernetes" in dev.cluster.out
    ended = dev.run("keys-check", {'"audience": "vault"': '"audience": "another"'})
    assert (ended.exit, ended.reason, len(ended.pods)) == (12, "PodFailurePolicy", 1)


def test_what_was_lost_is_back_after_a_restore(dev: Dev) -> None:
    succeed(dev, "backup")
    core = core_of(dev)
    before = read_tables(core)
    with closing(sqlite3.connect(core)) as connection, connection:
        connection.execute("DELETE FROM users")
    assert read_tables(core) != before
    succeed(dev, "restore")
    assert read_tables(core) == before


def test_databases_are_loaded_into_postgresql(dev: Dev) -> None:
    ended = dev.run("load")
    assert (ended.exit, ended.reason, len(ended.pods)) == (4, "PodFailurePolicy", 1)  # rows wait, and none may
    succeed(dev, "load", changes=BUDGET)
    server = dev.servers["postgres"]
    where = {"host": "localhost", "port": server.port, "dbname": "strongroom", "user": "postgres"}
    secured = {"sslmode": "verify-full", "sslrootcert": server.authority}
    with psycopg.connect(**where, **secured, password=server.password("postgres-password")) as connection:
        found = connection.execute("SELECT count(*) FROM core_staged.users").fetchone()
    assert found == (len(read_tables(core_of(dev))["users"]),)


def test_a_key_is_rotated_and_the_next_backup_is_under_the_new_one(dev: Dev) -> None:
    version = dev.vault.secrets.kv.v2.read_secret_metadata("aragora/sqlite")["data"]["current_version"]
    succeed(dev, "keys-rotate")
    assert dev.vault.secrets.kv.v2.read_secret_metadata("aragora/sqlite")["data"]["current_version"] > version
    succeed(dev, "keys-check")


def test_a_drain_in_the_middle_costs_a_pod_and_nothing_else(dev: Dev) -> None:
    dev.cluster.leap, dev.cluster.leap_by = b"take", 1000
    ended = succeed(dev, "backup-now", drain_after=600)
    assert [(pod.exit_code, pod.answer) for pod in ended.pods] == [(143, "Ignore"), (0, "")]
    assert dev.cluster.out.count("VERIFIED set") == 1


def test_two_jobs_at_once_on_one_volume_and_one_store_both_end_well(dev: Dev) -> None:
    others = [
        replace(dev, cluster=Cluster(client=dev.cluster.client, sign=dev.cluster.sign, pause=5)) for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(Dev.run, others, ("backup", "backup-now")))
    assert [one.reason for one in ended] == ["Completed", "Completed"], [one.cluster.out for one in others]
    assert {pod.exit_code for one in ended for pod in one.pods} <= {0, 11}  # who has to wait is tried again


def test_a_store_that_cannot_be_reached_is_tried_again_and_one_that_is_not_there_fails_at_once(dev: Dev) -> None:
    unreachable = dev.run("status", {"https://s3:8333": "https://s3:9"})
    limit = 2
    assert (unreachable.exit, unreachable.reason) == (5, "BackoffLimitExceeded")
    assert [pod.answer for pod in unreachable.pods] == ["Count"] * (limit + 1)
    absent = dev.run("status", {"prefix: dev/aragora": "prefix: dev/nothing"})
    assert (absent.exit, absent.reason, len(absent.pods)) == (10, "PodFailurePolicy", 1)


def test_a_fleet_is_shared_out_over_indexes(dev: Dev) -> None:
    root = Path(dev.claims["strongroom-tenants"])
    made = ensure_tenants(root, FLEET)
    give_away(root)
    listed = made.write_list(root / "tenants.jsonl", root / "targets").read_text(encoding="utf-8")
    inside = listed.replace(str(root), "/tenants")
    ended = succeed(dev, "fleet", changes=SMALL_FLEET, files={"strongroom-fleet": inside})
    assert sorted(pod.index or 0 for pod in ended.pods) == [0, 1]
    assert len(list((root / "targets").glob("*/core.db"))) == FLEET
    assert sum(len(file.read_text().splitlines()) for file in list_results(dev)) >= FLEET


def list_results(dev: Dev) -> list[Path]:
    return [file for file in Path(dev.claims["strongroom-results"]).rglob("*") if file.is_file()]


def test_a_rollback_takes_back_what_was_consolidated(dev: Dev) -> None:
    succeed(dev, "rollback")
    assert not core_of(dev).exists()
