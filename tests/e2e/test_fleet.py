"""A fleet as a whole: tenants that are broken are named and stop no other, and a rerun takes only what is not done."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace
from tests.fleets import FAULTS, build_fleet, locked, people_of, write_tenant
from tests.processes import find_children

Capture = pytest.CaptureFixture[str]


def run(words: Sequence[str], capsys: Capture) -> tuple[int, dict[str, Any], str]:
    """Run a command line; return its exit code, its result and what it said on stderr."""
    capsys.readouterr()
    code = OpsProgram(namespace).main([*words, "--json"])
    said = capsys.readouterr()
    line = said.out.rstrip("\n").rpartition("\n")[2]
    return code, json.loads(line) if line else {}, said.err


def test_broken_tenants_are_named_and_stop_no_other(tmp_path: Path, capsys: Capture, is_nightly: bool) -> None:
    count, running = 1000 if is_nightly else 25, find_children(os.getpid())
    names = [f"tenant-{number:04d}" for number in range(count)]
    fleet = build_fleet(tmp_path / "fleet", names)
    chosen = random.Random(os.environ.get("STRONGROOM_SAMPLE_SEED", "")).sample(names, len(FAULTS))
    broken = dict(zip(chosen, FAULTS.values(), strict=True))
    changes = {name: fault.plant(fleet, name) for name, fault in broken.items()}
    fleet.write_list(fleet.line(name, **changes.get(name, {})) for name in names)
    whole = sorted(set(names) - broken.keys())

    code, result, err = run(fleet.argv("--jobs", "2"), capsys)
    assert (code, result["done"], result["before"]) == (1, len(whole), 0), err
    undone = {one["tenant"]: one for one in result["undone"]}
    assert {name: one["exit"] for name, one in undone.items()} == {name: one.exit for name, one in broken.items()}
    for name, fault in broken.items():
        assert fault.says in undone[name]["error"]
        assert f"{name}: exit {fault.exit}" in err
    assert (result["waiting"], result["failed"]) == (1, {"1": 1, "2": 2, "5": 1, "6": 4, "12": 1})
    proven = [line for line in fleet.read_results() if line["verdict"] == "PROVEN"]
    assert sorted(line["tenant"] for line in proven) == whole
    for name in whole:
        assert fleet.read_people(name) == people_of(names.index(name))

    code, status, _ = run(fleet.status("--limit", "0"), capsys)
    assert (code, status["done"], status["not_begun"], len(status["undone"])) == (7, len(whole), 0, len(FAULTS))

    before = len(fleet.read_results())
    code, again, _ = run(fleet.argv("--jobs", "2"), capsys)
    assert (code, again["before"], again["done"]) == (1, len(whole), len(whole))
    assert sorted(line["tenant"] for line in fleet.read_results()[before:]) == sorted(broken)

    for name, fault in broken.items():
        fault.mend(fleet, name)
    fleet.write_list(map(fleet.line, names))
    code, mended, err = run(fleet.argv("--jobs", "2"), capsys)
    assert (code, mended["before"], mended["done"]) == (0, len(whole), count), err
    assert run(fleet.status(), capsys)[0] == 0
    for name in names:
        assert fleet.read_people(name) == people_of(names.index(name))
    assert set(find_children(os.getpid())) <= set(running)


def test_the_indexes_of_a_job_have_every_tenant_once(tmp_path: Path, capsys: Capture) -> None:
    names = [f"t{number}" for number in range(12)]
    fleet = build_fleet(tmp_path, names)
    done = [run(fleet.argv("--index", str(index), "--of", "3", "--jobs", "1"), capsys)[1] for index in range(3)]
    assert sum(one["tenants"] for one in done) == len(names)
    assert sorted(line["tenant"] for line in fleet.read_results()) == sorted(names)
    assert len(list(fleet.results.glob("*.jsonl"))) == sum(one["tenants"] > 0 for one in done)
    code, status, _ = run(fleet.status(), capsys)
    assert (code, status["done"]) == (0, len(names))


def test_a_tenant_that_another_run_holds_is_worth_a_retry(tmp_path: Path, capsys: Capture) -> None:
    fleet = build_fleet(tmp_path, ["a", "b"])
    with locked(fleet, "a"):
        code, result, _ = run(fleet.argv(), capsys)
    assert (code, result["failed"], result["done"]) == (11, {"11": 1}, 1)
    assert run(fleet.argv(), capsys)[0] == 0


def test_a_line_that_changed_is_another_piece_of_work(tmp_path: Path, capsys: Capture) -> None:
    fleet = build_fleet(tmp_path, ["a", "b"])
    assert run(fleet.argv(), capsys)[0] == 0
    write_tenant(fleet.source("c"), 7)
    fleet.write_list([fleet.line("a", target="new/elsewhere"), fleet.line("b"), fleet.line("c")])
    code, status, _ = run(fleet.status(), capsys)
    assert (code, status["done"], status["not_begun"]) == (7, 1, 2)
    code, dry, _ = run(fleet.argv("--dry-run"), capsys)
    assert (code, dry["pending"], dry["before"]) == (0, 2, 1)
    assert run(fleet.argv(), capsys)[1]["before"] == 1
    fleet.write_list([fleet.line("c")])
    code, status, _ = run(fleet.status(), capsys)
    assert (code, status["tenants"], status["strangers"]) == (0, 1, 2)


def test_each_folder_of_a_directory_is_a_tenant(tmp_path: Path, capsys: Capture) -> None:
    fleet = build_fleet(tmp_path, ["a", "b"])
    (fleet.source("a").parent / "notes.txt").write_text("no tenant", encoding="utf-8")
    (fleet.source("a").parent / ".hidden").mkdir()
    words = ["inv", "fleet.run", "--tenants", str(tmp_path / "legacy"), "--system", str(fleet.system)]
    words += ["--target", str(tmp_path / "new"), "--task", "consolidate", "--results", str(fleet.results)]
    code, result, _ = run(words, capsys)
    assert (code, result["done"]) == (0, 2)
    assert fleet.read_people("b") == people_of(1)
    within = [*words[:-1], str(tmp_path / "legacy" / "results")]
    code, _, err = run(within, capsys)
    assert (code, "would be a tenant" in err) == (2, True)


@pytest.mark.parametrize("task", ["verify", "backup"])
def test_what_was_consolidated_is_verified_and_backed_up(tmp_path: Path, capsys: Capture, task: str) -> None:
    names = ["a", "b"]
    fleet = build_fleet(tmp_path, names)
    assert run(fleet.argv(), capsys)[0] == 0
    if task == "backup":
        fleet.write_list(fleet.line(name, source=f"new/{name}", target=f"copies/{name}") for name in names)
        code, result, _ = run(fleet.argv(task="backup"), capsys)
        assert (code, result["failed"]) == (10, {"10": 2})
        assert run(fleet.argv(task="backup-init"), capsys)[0] == 0
    code, result, err = run(fleet.argv(task=task), capsys)
    assert (code, result["done"]) == (0, 2), err
    if task == "verify":
        with (fleet.target("b") / "main.db").open("rb+") as stream:
            stream.truncate(4096)
        (fleet.results / f"{task}-00000-of-00001.0001.jsonl").unlink()
        code, result, _ = run(fleet.argv(task=task), capsys)
        assert (result["done"], code != 0) == (1, True)
    else:
        assert {line["facts"]["members"] for line in fleet.read_results() if line["facts"].get("set")} == {1}


def test_nothing_is_begun_where_a_list_is_wrong(tmp_path: Path, capsys: Capture) -> None:
    fleet = build_fleet(tmp_path, ["a", "b"])
    with fleet.list.open("a") as stream:
        stream.write("{broken\n")
    code, _, err = run(fleet.argv(), capsys)
    assert (code, f"{fleet.list}:3: is no JSON object" in err) == (2, True)
    assert not fleet.results.exists()
    assert not fleet.target("a").exists()
    fleet.write_list([fleet.line("a"), fleet.line("b", target="new/a")])
    code, _, err = run(fleet.argv("--index", "1", "--of", "2"), capsys)
    assert (code, "has the target that line 1 has" in err) == (2, True)


def test_an_index_that_has_no_tenant_has_nothing_to_do(tmp_path: Path, capsys: Capture) -> None:
    fleet = build_fleet(tmp_path, ["a"])
    codes = [run(fleet.argv("--index", str(index), "--of", "4"), capsys) for index in range(4)]
    assert [code for code, _, _ in codes] == [0] * 4
    assert sorted(result["tenants"] for _, result, _ in codes) == [0, 0, 0, 1]
    code, _, err = run(fleet.argv("--index", "4", "--of", "4"), capsys)
    assert (code, "--index: must be from 0 to 3" in err) == (2, True)
    (had,) = (index for index, (_, result, _) in enumerate(codes) if result["tenants"])
    code, _, err = run(fleet.argv("--index", str(had), "--of", "5"), capsys)
    assert (code, "holds results of 4 indexes" in err) == (6, True)
