"""Restores that lose their power: a process that forks one for each job, and what must hold afterwards.

A job is a list of words: ``restore``, ``restore MEMBER``, ``undo``, ``undo discard``, ``into``, ``table``; see
``driver`` for where it may stop. What is restored, and what was live before, ``tests.unit.backup.live_data`` says.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from strongroom.backup.restoring import Wish, choose_set, restore_into
from strongroom.core.errors import StrongroomError
from tests.e2e.vault import KEYS, open_vault
from tests.faults import driver as power
from tests.faults.child import Driver
from tests.processes import open_child
from tests.unit.backup.live_data import BACKED_UP, LIVE, NAMES, VAULT, read_all, restore, take_back
from tests.unit.backup.scene import BEGAN, Clock, Scene

_ANSWER_SECONDS = 60.0
LATER = BEGAN.replace(day=2)
"""When restores are made; the set is a day older."""


def serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            power._prepare(job)
            os._exit(_work(job))
        print(f"pid {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"code {os.waitstatus_to_exitcode(status)}", flush=True)


def _work(job: dict[str, Any]) -> int:
    root, what, *words = job["argv"]
    shop = open_shop(Path(root), checkpoint=power._checkpoint(job))
    try:
        _do(shop, what, words)
    except StrongroomError as error:
        print(f"error: {error}", flush=True)
        return int(error.exit_code)
    except BaseException:  # noqa: BLE001  # a fork must not go on as its parent
        traceback.print_exc()
        return 1
    return 0


def _do(shop: Scene, what: str, words: list[str]) -> None:
    if what == "restore":
        restore(shop, members=tuple(words))
    elif what == "undo":
        take_back(shop, discard_changes="discard" in words)
    else:
        table = f"{VAULT}:users" if what == "table" else None
        chosen = choose_set(shop.catalog(), "latest", shop.around)
        restore_into(shop.open(), chosen, Wish(data_dir=shop.data, into=shop.root / "out", table=table), shop.around)


def open_shop(root: Path, **options: Any) -> Scene:
    from strongroom.core.secret import Secret  # noqa: PLC0415

    entry = {"files": ["state.json"]}
    return Scene(root=root, entry=entry, keys={"vault": Secret(KEYS["vault"])}, clock=Clock(LATER), **options)


@contextmanager
def open_restorer(scratch: Path) -> Iterator[Driver]:
    """Start the process; it ends with its stdin."""
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    with open_child([sys.executable, __file__], seconds=_ANSWER_SECONDS, environment=environment) as child:
        yield Driver(child, scratch)


def set_stage(shop: Scene, stage: Path) -> None:
    """Set a data directory again, at the same place."""
    for path in (shop.data, shop.root / "out", shop.root / ".out.strongroom-part"):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(stage, shop.data, symlinks=True)


def check_whole(shop: Scene) -> None:
    """Check what a killed one left, before anybody goes on: each file is the old or the new one, or both are kept."""
    found = read_all(shop.data)
    for name in NAMES:
        if name in found:
            assert found[name] in (LIVE[name], BACKED_UP[name]), (name, found[name])
        else:
            assert find_kept(shop, name), f"{name} is nowhere"
    assert found["untouched.txt"] == "mine"


def find_kept(shop: Scene, name: str) -> dict[str, Any]:
    """Return what the journal of the restore that is open names for a file that is not live: the old, and the new."""
    (journal,) = (shop.data / ".strongroom" / "restores").glob("*/restore.json")
    assert json.loads(journal.read_text())["phase"] in ("swapping", "going back")
    places = {"old": journal.parent / "old" / name, "new": journal.parent / "new" / "data" / name}
    return {place: path for place, path in places.items() if path.is_file()}


def add_row(path: Path) -> None:
    """Write a row as an application does that was started again: where there is no database it makes one."""
    if path.suffix != ".db":
        return
    with closing(open_vault(path, KEYS["vault"] if path.name == VAULT else None)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO users (name) VALUES ('since the kill')")
        connection.commit()


def find_rows_since(data: Path) -> set[str]:
    """Return the databases of which a row is there that was written since the kill: live, or kept by a restore."""
    copy = data.with_name("asked")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy)
    found = set[str]()
    for path in copy.rglob("*.db"):
        name = next(name for name in NAMES if str(path).endswith(name))
        with closing(open_vault(path, KEYS["vault"] if name == VAULT else None)) as connection:
            asked = connection.execute("SELECT count(*) FROM users WHERE name = 'since the kill'").fetchone()
        found |= {name} if asked[0] else set()
    shutil.rmtree(copy)
    return found


def list_leftovers(shop: Scene) -> list[str]:
    """Say what lies about that should not."""
    root = shop.data / ".strongroom" / "restores"
    wrong = [path.name for path in shop.root.iterdir() if path.name not in ("data", "store", "out")]
    wrong += [path.name for path in shop.data.rglob("*.part")]
    for folder in root.iterdir() if root.is_dir() else ():
        wrong += [f"{folder.name}/{path.name}" for path in folder.iterdir() if path.name not in ("restore.json", "old")]
    return wrong


if __name__ == "__main__":
    serve()
