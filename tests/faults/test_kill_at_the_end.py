"""Finalize, the rollback after it, and clean: cut the power before any change of a file; nothing is lost."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.case import Case
from tests.faults.child import Driver
from tests.faults.scene import Scene, photograph, read_bytes_kept, read_targets, run
from tests.faults.shop import build_shop, change_sources

NOW = ("--retention-days", "0")
SOURCES = ("first.db", "deep/second.db", "notes.json")


def place(tmp_path: Path, driver: Driver) -> Case:
    scene = build_shop(tmp_path)
    assert run(scene.argv("run")).code == 0
    return Case(scene, driver, [])


def read_legacy(scene: Scene) -> dict[str, int]:
    """Return which legacy files are there, with their sizes: a half one would be smaller."""
    return {name: (scene.source / name).stat().st_size for name in SOURCES if (scene.source / name).exists()}


def test_a_finalize_killed_anywhere_is_finished_by_the_same_command(
    tmp_path: Path, driver: Driver, is_nightly: bool
) -> None:
    case = place(tmp_path, driver)
    whole = read_legacy(case.set_stage())
    number, killed, step = 1, True, 1 if is_nightly else 6
    while killed:
        scene = case.set_stage()
        ended, trace = driver.trace(scene.argv("finalize", *NOW), change=number)
        killed = ended.code == -signal.SIGKILL
        number += step
        assert killed or ended.code == 0, ended.err
        assert read_legacy(scene).items() <= whole.items(), trace[-1]
        assert read_targets(scene) == case.content
        again = run(scene.argv("finalize", *NOW))
        assert again.code == 0, (trace[-1], again.err)
        assert read_bytes_kept(scene.source) == {}
        assert run(scene.argv("verify")).code == 0
    assert number > 5


def test_a_finalize_killed_anywhere_is_taken_back_by_rollback(tmp_path: Path, driver: Driver, is_nightly: bool) -> None:
    case = place(tmp_path, driver)
    whole = read_bytes_kept(case.set_stage().source)
    number, killed, step = 1, True, 1 if is_nightly else 6
    while killed:
        scene = case.set_stage()
        ended, trace = driver.trace(scene.argv("finalize", *NOW), change=number)
        killed = ended.code == -signal.SIGKILL
        number += step
        back = run(scene.argv("rollback"))
        assert back.code == 0, (trace[-1], back.err)
        assert read_bytes_kept(scene.source) == whole, trace[-1]
        assert photograph(scene.target) == {}
    assert number > 5


def test_a_rollback_after_finalize_killed_anywhere_is_finished_by_the_same_command(
    tmp_path: Path, driver: Driver, is_nightly: bool
) -> None:
    case = place(tmp_path, driver)
    whole = read_bytes_kept(case.set_stage().source)
    number, killed, step = 1, True, 1 if is_nightly else 6
    while killed:
        scene = case.set_stage()
        assert run(scene.argv("finalize", *NOW)).code == 0
        ended, trace = driver.trace(scene.argv("rollback"), change=number)
        killed = ended.code == -signal.SIGKILL
        number += step
        assert killed or ended.code == 0, ended.err
        again = run(scene.argv("rollback"))
        assert again.code == 0, (trace[-1], again.err)
        assert read_bytes_kept(scene.source) == whole, trace[-1]
        assert photograph(scene.target) == {}
    assert number > 10


def test_a_clean_killed_anywhere_is_finished_by_the_same_command(
    tmp_path: Path, driver: Driver, is_nightly: bool
) -> None:
    scene = build_shop(tmp_path)
    for _ in range(4):
        assert run(scene.argv("run", "--replace")).code == 0
        change_sources(scene)
    case = Case(scene, driver, ["--replace"])
    argv = ["inv", "consolidate.clean", "--target", str(scene.target), *NOW]
    number, killed, step = 1, True, 1 if is_nightly else 6
    while killed:
        case.set_stage()
        before, runs = photograph(scene.target), scene.runs()
        ended, trace = driver.trace(argv, change=number)
        killed = ended.code == -signal.SIGKILL
        number += step
        assert killed or ended.code == 0, ended.err
        again = run(argv)
        assert again.code == 0, (trace[-1], again.err)
        assert photograph(scene.target) == before
        kept = [state["run"] for state in run(scene.argv("status", "--json")).json["runs"]]
        assert kept == runs[2:], trace[-1]
        assert run(scene.argv("verify")).code == 0
        assert run(scene.argv("rollback")).code == 0
    assert number > 5
