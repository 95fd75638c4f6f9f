"""``fleet.*`` as it is typed: flags that contradict each other, and lists and results in a bucket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import KeyMissingError, LockedError, StrongroomError, UsageError
from strongroom.fleet.results import Attempt
from strongroom.tasks import fleet as tasks
from strongroom.tasks._fleet import find_objects, lay_ground, open_shelf, open_tenants
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace
from tests.fleets import build_fleet, people_of
from tests.integration.keys.servers import running_moto

SECRET = "canary-#;=`'secret"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as address:
        yield address


def settings_for(folder: Path, address: str) -> Settings:
    (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
    (folder / "secret").chmod(0o600)
    variables = {"ENDPOINT": address, "ACCESS_KEY": "canary-access", "SECRET_KEY_FILE": str(folder / "secret")}
    return read_settings({f"STRONGROOM_S3_{name}": value for name, value in variables.items()})


@pytest.fixture
def bucket(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An empty place in a bucket, which the environment tells of."""
    settings = settings_for(tmp_path, moto)
    for name, value in settings.environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://fleet/{request.node.name.partition('[')[0]}"
    objects = find_objects(url, settings)
    objects._client.create_bucket(Bucket="fleet")
    return url


def run(words: Sequence[str], capsys: Capture) -> tuple[int, dict[str, Any], str]:
    capsys.readouterr()
    code = OpsProgram(namespace).main(["inv", *words, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out.splitlines()[-1]) if said.out else {}, said.err


def test_a_list_and_results_may_be_objects(bucket: str, tmp_path: Path, capsys: Capture) -> None:
    names = ["a", "b", "c"]
    fleet = build_fleet(tmp_path, names)
    objects = find_objects(bucket, read_settings())
    objects.write("tenants.jsonl", fleet.list.read_bytes())
    (fleet.source("c") / "one.db").rename(tmp_path / "kept.db")
    words = ["--tenants", f"{bucket}/tenants.jsonl", "--root", str(tmp_path), "--results", f"{bucket}/results/"]
    code, result, err = run(["fleet.run", *words, "--task", "consolidate"], capsys)
    assert (code, result["done"], result["failed"]) == (5, 2, {"5": 1}), err
    (tmp_path / "kept.db").rename(fleet.source("c") / "one.db")
    code, result, _ = run(["fleet.run", *words, "--task", "consolidate"], capsys)
    assert (code, result["done"], result["before"]) == (0, 3, 2)
    code, status, _ = run(["fleet.status", *words], capsys)
    assert (code, status["done"]) == (0, 3)
    kept = [name for name in objects.list("results/") if name.endswith(".jsonl")]
    assert kept == [f"results/consolidate-00000-of-00001.000{number}.jsonl" for number in (1, 2)]
    assert [fleet.read_people(name) for name in names] == [people_of(number) for number in range(3)]


def test_an_index_is_held_in_a_bucket(bucket: str) -> None:
    settings = read_settings()
    share = Attempt(task="consolidate", of=1, index=0, number=0).share
    shelf, other = (open_shelf(f"{bucket}/results", settings, "fleet.run") for _ in range(2))
    with shelf.hold(share), pytest.raises(LockedError, match=r"fleet\.run"), other.hold(share):
        pass
    with other.hold(share):
        pass


def test_a_list_that_is_not_in_the_bucket_is_said(bucket: str) -> None:
    ground = lay_ground(f"{bucket}/none.jsonl", None, None, "shop", has_paths=True)
    with (
        pytest.raises(StrongroomError, match="there is no such list"),
        open_tenants(f"{bucket}/none.jsonl", ground, read_settings()),
    ):
        pass


def test_what_a_bucket_needs_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="STRONGROOM_S3_ACCESS_KEY: is not set"):
        find_objects("s3://fleet/results", read_settings({}))
    settings = settings_for(tmp_path, "http://example.com")
    with pytest.raises(StrongroomError, match="STRONGROOM_S3_ENDPOINT: must begin with https"):
        find_objects("s3://fleet/results", settings)
    settings = settings_for(tmp_path, "https://example.com")
    for url in ("s3://", "s3://fleet", "s3://fleet/", "s3:///results", "s3://fleet/a/../b", "s3://F/x"):
        with pytest.raises(UsageError, match="is no place in a bucket"):
            find_objects(url, settings)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--task", "destroy"], "--task: must be one of consolidate, verify"),
        (["--task", "consolidate", "--jobs", "0"], "--jobs: must be a number from 1"),
        (["--task", "consolidate", "--target", "x"], "--target: is for a directory of tenants"),
        (["--task", "consolidate", "--index", "2", "--of", "2"], "--index: must be from 0 to 1"),
        (["--task", "consolidate", "--tenants", "{root}/legacy"], "--system: is needed for a directory"),
        (
            ["--task", "consolidate", "--tenants", "{root}/legacy", "--system", "s"],
            "--target: is needed for a directory",
        ),
        (
            ["--task", "consolidate", "--tenants", "{root}/legacy", "--root", "/", "--system", "s"],
            "--root: is for a list of tenants",
        ),
    ],
)
def test_flags_that_mean_nothing_together_are_refused(
    tmp_path: Path, capsys: Capture, words: list[str], says: str
) -> None:
    fleet = build_fleet(tmp_path, ["a"])
    given = [word.format(root=tmp_path) for word in words]
    given += [] if "--tenants" in given else ["--tenants", str(fleet.list), "--root", str(tmp_path)]
    code, _, err = run(["fleet.run", *given, "--results", str(fleet.results)], capsys)
    assert code == 2
    assert says in err
    assert not fleet.target("a").exists()


def test_a_target_of_a_load_is_the_name_of_a_database(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@/elsewhere?host={tmp_path}")
    fleet = build_fleet(tmp_path, ["a", "b"])
    fleet.write_list([fleet.line("a", target="postgresql://host/db"), fleet.line("b", target="tenant_b")])
    code, result, _ = run(fleet.argv(task="load")[1:], capsys)
    said = {one["tenant"]: (one["exit"], one["error"]) for one in result["undone"]}
    assert said["a"][0] == 2
    assert "must be the name of a database" in said["a"][1]
    assert said["b"][0] == 5
    assert code == 5


def test_every_work_is_named_where_it_is_asked_for() -> None:
    assert all(name in tasks.TASK for name in tasks.EVERY_WORK)
    assert {"consolidate", "verify", "backup", "load"} <= tasks.EVERY_WORK.keys()
    assert os.environ.get("STRONGROOM_S3_SECRET_KEY") is None
