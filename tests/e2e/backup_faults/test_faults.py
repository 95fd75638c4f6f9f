"""Each fault beside each command that may notice it: who should does, nothing good is lost, and things go on.

What is measured is the table ``tests/golden/backup-faults.md``: by day a sample of its lines, nightly all of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, is_nightly_profile
from tests.e2e.backup_faults.bucket import InBucket, begin_in_bucket, list_bucket_faults
from tests.e2e.backup_faults.damage import list_damage
from tests.e2e.backup_faults.events import list_events
from tests.e2e.backup_faults.fault import HEAD, Fault, Row, measure
from tests.e2e.backup_faults.shop import build_shop, fill_shop, find_template
from tests.integration.keys.servers import running_moto
from tests.restic import provide_restic

GOLDEN = "backup-faults.md"
INTRODUCTION = """\
# Faults, and who notices them

The exit code of each command that meets a fault; `*` says that it ends with 0 and tells of it. `verify` is run on the
day of the week on which it reads what is damaged. *restic check* is what `restic check` alone ends with. *Afterwards*
are the commands that come next, as every day, until the newest set came back whole: a `create` that meets a fault which
is still there comes first.

"""
FAULTS = [*list_damage(), *list_events()]
PLAIN = [fault for fault in FAULTS if not fault.is_mounted]
FOLDERS = [fault for fault in PLAIN if fault.engine == "folder"]
REPOSITORIES = [fault for fault in PLAIN if fault.engine == "restic"]
MOUNTED = [fault for fault in FAULTS if fault.is_mounted]
BUCKETS = list_bucket_faults()

Look = Callable[[Fault], Row]


@pytest.fixture(scope="module")
def measured() -> dict[str, Row]:
    """Hold the rows that were measured in this process."""
    return {}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def look(room: Path, measured: dict[str, Row], in_bucket: Callable[[], InBucket]) -> Look:
    """Measure a fault once; the shops that it befalls are made when they are first asked for."""

    def look_at(fault: Fault) -> Row:
        if fault.id not in measured:
            measured[fault.id] = in_bucket().measure(fault) if fault in BUCKETS else _measure(fault, room)
        return measured[fault.id]

    return look_at


def _measure(fault: Fault, room: Path) -> Row:
    template = room / fault.engine
    if not template.exists():
        if fault.engine == "restic":
            provide_restic()
        fill_shop(build_shop(template, fault.engine))
    scratch = room / "scratch"
    scratch.mkdir(exist_ok=True)
    return (
        _measure_mounted(fault, template, scratch)
        if fault.is_mounted
        else measure(fault, find_template(template, fault.engine), scratch)
    )


def _measure_mounted(fault: Fault, template: Path, scratch: Path) -> Row:
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*unshare, sys.executable, str(Path(__file__).with_name("mounted.py"))]
    ended = subprocess.run(
        [*command, fault.id, str(template), str(scratch)], capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return Row(fault=fault, **json.loads(ended.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def in_bucket(room: Path) -> Iterator[Callable[[], InBucket]]:
    """Have a shop in a bucket of moto, made when it is first asked for."""
    made: list[InBucket] = []
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:

        def make() -> InBucket:
            if not made:
                provide_restic()
                (room / "moto").mkdir()
                made.append(
                    begin_in_bucket(room / "in-bucket", stack.enter_context(running_moto(room / "moto")), patch.setenv)
                )
            return made[0]

        yield make


@pytest.fixture(scope="module")
def lines(request: pytest.FixtureRequest) -> list[str] | None:
    """Return the lines of the table that is committed; None where it is being written anew."""
    if request.config.getoption("--update-golden"):
        return None
    return (REPOSITORY / "tests" / "golden" / GOLDEN).read_text(encoding="utf-8").splitlines()


def check(row: Row, lines: list[str] | None) -> None:
    assert row.wrong == [], row.line
    assert row.fault.name != "nothing" or set(row.codes.values()) == {"0"}
    assert lines is None or row.line in lines


def name(fault: Fault) -> str:
    return fault.id


@pytest.mark.sample(4)
@pytest.mark.parametrize("fault", FOLDERS, ids=name)
def test_what_befalls_copies_in_a_folder_is_noticed(fault: Fault, look: Look, lines: list[str] | None) -> None:
    check(look(fault), lines)


@pytest.mark.sample(30)
@pytest.mark.parametrize("fault", REPOSITORIES, ids=name)
def test_what_befalls_a_repository_is_noticed(fault: Fault, look: Look, lines: list[str] | None) -> None:
    check(look(fault), lines)


@pytest.mark.sample(3)
@pytest.mark.parametrize("fault", MOUNTED, ids=name)
def test_what_befalls_a_disk_is_noticed(fault: Fault, look: Look, lines: list[str] | None) -> None:
    check(look(fault), lines)


@pytest.mark.sample(4)
@pytest.mark.parametrize("fault", BUCKETS, ids=name)
def test_what_befalls_a_server_is_noticed(fault: Fault, look: Look, lines: list[str] | None) -> None:
    check(look(fault), lines)


def test_where_nothing_is_wrong_every_command_ends_with_0(look: Look, lines: list[str] | None) -> None:
    check(look(next(fault for fault in FOLDERS if fault.name == "nothing")), lines)


def test_the_table_lists_every_fault(
    look: Look, lines: list[str] | None, assert_golden: Callable[[str, str], None]
) -> None:
    every = [*FAULTS, *BUCKETS]
    if lines is None or is_nightly_profile():
        head = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        assert_golden(GOLDEN, INTRODUCTION + "\n".join([*head, *(look(fault).line for fault in every)]) + "\n")
    else:
        rows = [line.split(" | ")[:2] for line in lines if line.startswith("| ")][1:]
        assert rows == [[f"| {fault.name}", fault.engine] for fault in every]
