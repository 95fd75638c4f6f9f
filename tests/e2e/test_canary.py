"""No key is ever seen where it should not be: every task that works with keys, and everything that can go wrong."""

from __future__ import annotations

import ast
import base64
import inspect
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyrage
import pytest
from invoke.tasks import Task

import strongroom.tasks
from strongroom.tasks._task import OpsTask
from strongroom.tasks.namespace import namespace
from tests.e2e.canary.cases import (
    FAILURES,
    LEAK,
    LINES,
    MODES,
    found_in_vault,
    in_bucket,
    in_vault,
    other_content,
    other_entry,
)
from tests.e2e.canary.house import KEYS, WITH_CORES, WORDS, House, build_house, make_stores
from tests.e2e.canary.needles import Needles
from tests.e2e.canary.stopping import stop_at_the_hook, stop_when_a_key_is_at_hand, waiting
from tests.integration.keys.servers import Playing, playing

FIND = {"find_keys", "open_keys", "provide_keys", "find_backups", "find_columns", "carry_out"}
SHARE = 11
"""One of so many pairs of a failure and a task is tried, where it is not night."""
ALWAYS = "sqlcipher.verify"
"""Is tried with every failure: it needs a key, and the file that this opens."""


@pytest.fixture(scope="module")
def server() -> Iterator[Playing]:
    with playing() as found:
        yield found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose targets are published, and whose stores hold a backup."""
    house = build_house(tmp_path_factory.mktemp("canary"))
    make_stores(house)
    for words in (house.scene.argv()[1:], ["backup.create"]):
        ended = house.run(*words)
        assert ended.code == 0, ended.err
    return house


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build_house(tmp_path)


def functions_of(module: Any) -> dict[str, set[str]]:
    """Return the functions of a module of tasks, each with the names that it uses."""
    tree = ast.parse(inspect.getsource(module))
    return {
        node.name: {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }


def finds_keys(task: Task[Any]) -> bool:
    """Tell whether a task, or what it calls in its module, asks for a system's keys."""
    functions = functions_of(inspect.getmodule(task.body))
    known, left = set[str](), [task.body.__name__]
    while left:
        names = functions.get(left.pop(), set())
        left += names - known
        known |= names
    return bool(known & FIND)


def test_every_task_that_works_with_keys_has_a_line() -> None:
    tasks = {name: namespace[name] for name in namespace.task_names}
    with_flag = {name for name, task in tasks.items() if {"key", "new_key"} & {flag.name for flag in flags_of(task)}}
    asking = {name for name, task in tasks.items() if finds_keys(task)}
    assert {"consolidate.run", "keys.check", "sqlcipher.rekey"} <= asking
    assert set(LINES) == with_flag | asking


def flags_of(task: Any) -> Any:
    assert isinstance(task, OpsTask)
    return task.flags


def test_nobody_finds_keys_by_another_way() -> None:
    folder = Path(str(strongroom.tasks.__file__)).parent
    texts = {path.stem: path.read_text().replace("strongroom.keys.escrow", "") for path in folder.glob("*.py")}
    assert {name for name, text in texts.items() if "strongroom.keys" in text} == {"_keys", "keys"}


def choose(failure: str, *, is_nightly: bool) -> list[str]:
    """Return the tasks with which a failure is tried: all of them at night, else a share."""
    number = list(FAILURES).index(failure)
    return [
        task for place, task in enumerate(LINES) if is_nightly or task == ALWAYS or (place + 3 * number) % SHARE == 0
    ]


def test_every_task_is_tried_with_some_failure() -> None:
    assert {task for failure in FAILURES for task in choose(failure, is_nightly=False)} == set(LINES)


@pytest.mark.sample(3)
@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_shows_a_key(published: House, server: Playing, is_nightly: bool, failure: str) -> None:
    begin, codes = FAILURES[failure]
    number = list(FAILURES).index(failure)
    ended = {}
    with begin(published, server):
        for place, task in enumerate(choose(failure, is_nightly=is_nightly)):
            words = [*LINES[task](published), *MODES[(place + number) % len(MODES)]]
            ended[task] = published.run(*words, "--summary", published.root / "summary.md")
            assert ended[task].found == (), task
    assert not {task: one.err for task, one in ended.items() if one.code in {1, -signal.SIGKILL}}
    assert {one.code for one in ended.values()} & codes, failure
    assert published.find_written() == []


def go_through(house: House, lines: Sequence[Sequence[str | Path]]) -> None:
    """Let each line be done; nothing that is said or written holds a key."""
    for place, words in enumerate(lines):
        ended = house.run(*words, *MODES[place % len(MODES)], "--summary", house.root / "summary.md")
        assert (ended.code, ended.found) == (0, ()), (words, ended.err)
    assert house.find_written() == []


def test_no_task_on_databases_shows_a_key(house: House) -> None:
    draft = ["--draft", str(house.root / "draft.json")]
    take = ["--table", "main.settings", "--take", "last", "--apply"]
    finalize = ["--retention-days", "0", "--keep-undecided"]
    typed = [["preview"], ["run"], ["verify"], ["explain"], ["quarantine"], ["decide", *draft], ["decide", *take]]
    typed += [["status"], ["finalize", *finalize], ["rollback"]]
    lines = [house.scene.argv(*words)[1:] for words in typed]
    go_through(house, [LINES["consolidate.check"](house), *lines])
    assert {use["task"] for use in house.read_uses()} >= {f"consolidate.{words[0]}" for words in typed} - {
        "consolidate.status"
    }
    assert (house.root / "seen-by-the-hook").read_bytes().count(b"hook.sh") == 1


def test_no_task_on_keys_and_single_files_shows_a_key(house: House, server: Playing) -> None:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    database = ["--database", house.plain]
    go_through(
        house,
        [
            ["keys.init", "--key", "fresh", "--escrow", recipient, "--output", house.root / "copies"],
            ["keys.check", "--key", "vault", "--database", house.app],
            ["keys.show"],
            ["columns.encrypt"],
            ["columns.status"],
            ["columns.rotate"],
            ["columns.decrypt", "--reason", "a test"],
            ["sqlcipher.encrypt", *database, "--key", "vault"],
            ["sqlcipher.encrypt", *database, "--key", "vault", "--remove-plain"],
            ["sqlcipher.rekey", *database, "--key", "vault", "--new-key", "fresh"],
            ["sqlcipher.verify", *database],
            ["sqlcipher.shell", *database, "--key", "fresh"],
            ["sqlcipher.decrypt", *database, "--key", "fresh", "--reason", "a test"],
        ],
    )
    made = base64.b64decode((house.root / "keys" / "fresh").read_bytes()).hex()
    assert Needles({"made": made}, {}).find_in(house.list_written()) == []
    server.say((200, found_in_vault(KEYS["vault"])))
    with other_entry(house, in_vault(house, f"http://127.0.0.1:{server.port}")):
        go_through(house, [["keys.check", "--key", "vault"], LINES["sqlcipher.verify"](house)])


def test_no_task_on_backups_shows_a_secret(house: House, server: Playing) -> None:
    escrow = make_stores(house)
    of = {task: LINES[f"backup.{task}"](house) for task in ("create", "verify", "drill", "copy", "restore", "prune")}
    taken = [*of["create"], *of["verify"], "backup.show", *of["drill"], "backup.status", "backup.list"]
    back = [*of["copy"], *of["restore"], *of["prune"], "backup.restore", "--in-place", "backup.undo"]
    go_through(house, [taken, back])
    for said, code in ((escrow, 0), (KEYS["other"], 12)):
        ended = house.run("backup.drill", "--escrow", "--debug", said=said.encode())
        assert (ended.code, ended.found) == (code, ()), ended.err
    with other_content(house, KEYS["other"].encode(), name="store"):
        ended = house.run("backup.create", "--debug", "--log", "json")
        assert (ended.code, ended.found) == (12, ()), ended.err
    server.say((403, {"errors": [LEAK]}))
    house.given["CLOUD"] = WORDS["cloud"]
    house.second = in_bucket(house, f"http://127.0.0.1:{server.port}")
    house.describe()
    ended = house.run("backup.copy", "--debug")
    assert (ended.code, ended.found) == (12, ()), ended.err
    assert b"ping: cannot be reached" in ended.err
    assert house.find_written() == []


def test_no_task_that_is_stopped_shows_a_key(published: House, is_nightly: bool) -> None:
    for number, code in ((signal.SIGTERM, 143), *([(signal.SIGINT, 130)] if is_nightly else [])):
        for task in LINES if is_nightly else ("consolidate.preview", "sqlcipher.rekey", "sqlcipher.shell"):
            stop = stop_when_a_key_is_at_hand(published, number)
            ended = published.run(*LINES[task](published), "--debug", "--log", "json", meanwhile=stop)
            assert ended.code in (0, 6, code), (task, ended.err)
            assert (ended.found, published.find_written()) == ((), []), task


def test_a_run_that_is_stopped_in_the_middle_shows_no_key_and_the_next_one_goes_on(house: House) -> None:
    line = [*house.scene.argv()[1:], "--summary", house.root / "summary.md"]
    with waiting(house):
        ended = house.run(*line, "--debug", meanwhile=stop_at_the_hook(house, signal.SIGTERM))
    assert (ended.code, ended.found, house.find_written()) == (143, (), [])
    ended = house.run(*line)
    assert (ended.code, ended.found, house.find_written()) == (0, (), [])


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_run_that_dies_leaves_no_core(house: House, number: signal.Signals) -> None:
    with waiting(house):
        ended = house.run(*house.scene.argv()[1:], around=WITH_CORES, meanwhile=stop_at_the_hook(house, number))
    assert (ended.code, ended.found) == (-number, ())
    assert not [path for path in house.root.iterdir() if path.name.startswith("core")]
    assert house.find_written() == []


WORKERS = """
import sys
from strongroom.consolidate import attempt
attempt._WORTH_PROCESSES = 0
from strongroom.__main__ import main
main()
"""


def test_workers_are_the_same_program_and_what_they_start_has_no_key(house: House) -> None:
    ended = house.run(*house.scene.argv("run", "--fingerprints")[1:], program=("-c", WORKERS))
    assert (ended.code, ended.found, house.find_written()) == (0, (), []), ended.err
    assert len(ended.watch.pids | ended.watch.closed) > 2


ON_A_SMALL_DISK = """
mount -t tmpfs -o size="$1",mode=0755 none "$2/target" || exit 99
root="$2"; shift 2
"$@"; code=$?
cp -a "$root/target" "$root/after"
exit $code
"""


@pytest.mark.parametrize("size", ["256k", "8m"])
def test_a_full_disk_shows_no_key(house: House, size: str) -> None:
    house.scene.target.mkdir()
    (house.root / "fill").touch()
    second = {
        "provider": "file",
        "path": str(house.write_key("second", house.given.pop("SECOND_KEY"))),
        "encoding": "base64",
    }
    house.describe(second=second)  # what makes the disk is none of our programs, and has no variable of ours
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    around = [*unshare, "/bin/sh", "-c", ON_A_SMALL_DISK, "sh", size, str(house.root)]
    ended = house.run(*house.scene.argv("run", "--debug", "--summary", str(house.root / "s.md"))[1:], around=around)
    if ended.code in (1, 99) and b"strongroom" not in ended.err:
        pytest.skip("no mounts here: neither as root nor in a user namespace")
    assert (ended.code, ended.found, house.find_written()) == (14, (), []), ended.err


def test_no_look_at_the_ways_to_servers_shows_a_secret(house: House, server: Playing) -> None:
    """Whatever the strings are, and whoever answers: the one that is named answers with what it should never see."""
    server.say((403, {"errors": [LEAK]}))
    house.given["CLOUD"] = WORDS["cloud"]
    house.second = in_bucket(house, f"https://127.0.0.1:{server.port}")
    entry = in_vault(house, f"https://127.0.0.1:{server.port}")
    place = f"postgresql://u:{WORDS['token']}@127.0.0.1:1/x"
    with other_entry(house, entry):
        for number, way in enumerate(("?sslmode=require", "?sslmode=disable", "?port=none", "")):
            house.given["DATABASE_URL"] = place + way
            ended = house.run("tls.doctor", *MODES[number], "--summary", house.root / "summary.md")
            assert (ended.code in {2, 6}, ended.found) == (True, ()), ended.err
            assert b"127.0.0.1" in ended.out
    assert house.find_written() == []
