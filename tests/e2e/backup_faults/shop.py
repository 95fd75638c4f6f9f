"""A small application with four sets in a store, its command lines, and what is sound of it by code of our own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from invoke.collection import Collection

from strongroom.tasks import _backup, backup
from strongroom.tasks._program import OpsProgram
from tests.faults.scene import Ended
from tests.restic import lighten, make_light, run_restic

MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
PASSWORD = "of-the-store-and-of-nothing-else"
KEEP = "{last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, verified: 2}"
SETS = 3
SECONDS = 120
ENGINES = ("folder", "restic")


class Clock:
    """Goes on by a second each time that it is read."""

    def __init__(self) -> None:
        self.at = MONDAY

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass(kw_only=True)
class Shop:
    """One stage of a fault: data, store, and the clock."""

    root: Path
    engine: str
    clock: Clock = field(default_factory=Clock)
    checkpoint: Callable[[str], None] = lambda _: None
    """Called at each step of a command line."""
    system: str = "shop"
    is_apart: bool = False
    """Each command line is a process of its own."""
    origin: Path = Path()
    """The shop that this is a copy of."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def stage(self) -> Path:
        return self.root / "stage"

    @property
    def repository(self) -> Path:
        return self.store / "restic"

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def spare(self) -> Path:
        """Where other stores are, made once for all copies."""
        return (self.origin if self.origin.parts else self.root).with_name(f"other than {self.engine}")

    def write_system(self, store: str | None = None) -> None:
        """Write ``system.yaml``; ``store`` instead of the one in the folder."""
        plain = f"{{kind: folder, path: {self.store}}}"
        packed = f"{{kind: restic, path: {self.store}, password: backup}}"
        (self.root / "system").mkdir(exist_ok=True)
        (self.root / "system" / "system.yaml").write_text(
            f"version: 1\nname: {self.system}\ntitle: A shop\ndata_dir: {{default: {self.data}}}\n"
            f"keys: {{backup: {{provider: file, path: {self.password}, encoding: passphrase}}}}\n"
            f"backup:\n  store: {store or (plain if self.engine == 'folder' else packed)}\n"
            f"  stage: {self.stage}\n  files: ['replays/*']\n  keep: {KEEP}\n"
        )

    def run(self, task: str, *flags: str | Path) -> Ended:
        """Run a command line in this process, or in one of its own, at the time that the clock says."""
        argv = ["inv", f"backup.{task}", "--system", str(self.root / "system"), *map(str, flags)]
        return self._run_apart(argv) if self.is_apart else self._run(argv)

    def _run(self, argv: list[str]) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        find = backup.find_backups

        def find_backups(*words: object, **options: object) -> _backup.Backups:
            found = find(*words, **options)  # type: ignore[arg-type]  # passed on as they come
            return replace(found, around=replace(found.around, checkpoint=self.checkpoint))

        with (
            patch.object(_backup, "read_clock", self.clock),
            patch.object(backup, "find_backups", find_backups),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = OpsProgram(Collection(backup.namespace)).main(argv)
        return Ended(code=code, out=out.getvalue(), err=err.getvalue())

    def _run_apart(self, argv: list[str]) -> Ended:
        """Run a command line in a fork: a lease that it could not give back is that of a process that ended."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            signal.alarm(SECONDS)
            ended = self._run(argv)
            said = {"ended": asdict(ended), "clock": self.clock.at.isoformat()}
            with os.fdopen(writing, "w") as stream:
                json.dump(said, stream)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            told = json.load(stream)
        os.waitpid(pid, 0)
        self.clock.at = datetime.fromisoformat(told["clock"])
        return Ended(**told["ended"])

    def must(self, task: str, *flags: str | Path) -> Ended:
        ended = self.run(task, *flags)
        assert ended.code == 0, (task, ended.err)
        return ended

    def copy_to(self, root: Path) -> Shop:
        """Set the stage anew, in another folder."""
        shutil.copytree(self.root, root, symlinks=True)
        clock = Clock()
        clock.at = self.clock.at
        made = Shop(root=root, engine=self.engine, clock=clock, origin=self.root, is_apart=self.is_apart)
        made.write_system()
        return made

    def list_sets(self) -> list[str]:
        """Return the ids of the sets that the catalog lists, oldest first."""
        return sorted(path.stem for path in (self.store / "catalog").glob("*.json"))

    def list_sound(self) -> set[str]:
        """Return the sets whose content is, byte for byte, what was backed up: by code of our own, and by restic."""
        if self.engine == "folder":
            found = {path.name for path in (self.store / "sets").glob("*") if "." not in path.name}
            return {name for name in found if is_sound(self.store / "sets" / name)}
        with fresh(self.root / "sound") as scratch:
            return {name for name, snapshot in self._list_snapshots().items() if self._comes_out(snapshot, scratch)}

    def photograph(self) -> dict[str, tuple[int, int]]:
        """Return size and time of each file of the sets' content."""
        places = [self.store / "sets"] + [
            self.repository / name for name in ("config", "data", "index", "keys", "snapshots")
        ]
        files = (path for place in places for path in (place, *place.rglob("*")) if path.is_file())
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    def _list_snapshots(self) -> dict[str, str]:
        """Return the snapshot of each set; none where restic does not say."""
        said = self.ask_restic("snapshots", "--json", "--no-lock")
        found = json.loads(said[1] or b"[]") if said[0] == 0 else []
        return {tag.removeprefix("set="): one["id"] for one in found for tag in one["tags"] if tag.startswith("set=")}

    def _comes_out(self, snapshot: str, scratch: Path) -> bool:
        into = scratch / snapshot
        return self.ask_restic("restore", "--no-lock", snapshot, "--target", into)[0] == 0 and is_sound(into)

    def ask_restic(self, *words: str | Path) -> tuple[int, bytes]:
        """Run restic by itself, with the right password; return its exit code, and what it printed."""
        ended = run_restic(self.repository, PASSWORD, *words)
        return ended.returncode, ended.stdout


def is_sound(folder: Path) -> bool:
    """Tell whether the files of a set are those of its manifest."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        digest = manifest.pop("sha256")
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    except (OSError, ValueError, KeyError):
        return False
    if hash_bytes(text.encode()) != digest:
        return False
    listed = {file["path"]: file["sha256"] for member in manifest["members"] for file in member["files"]}
    found = {
        path.relative_to(folder).as_posix(): hash_bytes(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    return found == listed


def hash_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """Have an empty folder for a while."""
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def execute(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)


def build_shop(root: Path, engine: str) -> Shop:
    """Build an application whose store holds nothing yet."""
    shop = lay_out(root, engine)
    begin_store(shop)
    return shop


def begin_store(shop: Shop) -> None:
    """Make the store of a shop; one that is a repository opens at once."""
    if shop.engine == "folder":
        shop.must("init")
        return
    make_light(shop.repository, PASSWORD)  # backup.init goes on with what was begun
    shop.must("init", "--without-escrow", "a test", "--output", shop.root)
    lighten(shop.repository, PASSWORD)


def lay_out(root: Path, engine: str) -> Shop:
    """Build an application that has no store yet."""
    shop = Shop(root=root, engine=engine)
    for name, rows in (("core.db", 40), ("agents/memory.db", 400)):
        (shop.data / name).parent.mkdir(parents=True)
        with closing(sqlite3.connect(shop.data / name)) as connection, connection:
            connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
            connection.executemany("INSERT INTO users (name) VALUES (?)", [(f"user {one}",) for one in range(rows)])
    execute(shop.data / "agents" / "memory.db", f"INSERT INTO users (name) VALUES ('{os.urandom(60000).hex()}')")
    (shop.data / "replays").mkdir()
    (shop.data / "replays" / "one.json").write_text("{}")
    shop.password.touch(mode=0o600)
    shop.password.write_text(PASSWORD)
    shop.write_system()
    return shop


def fill_shop(shop: Shop) -> Shop:
    """Let three sets be there, an hour between them, of which one may go; the newest was drilled, all were read."""
    for number in range(SETS):
        execute(shop.data / "core.db", f"INSERT INTO users (name) VALUES ('{os.urandom(20000).hex()}')")
        shop.must("create")
        shop.clock.at += timedelta(hours=1, minutes=number)
    shop.must("verify", "--full")
    shop.must("drill")
    shop.must("status")
    (shop.root / "clock").write_text(shop.clock.at.isoformat())
    return shop


def find_template(root: Path, engine: str) -> Shop:
    """Return a shop that was built and filled, maybe by another process; the clock goes on where it stood."""
    shop = Shop(root=root, engine=engine)
    shop.clock.at = datetime.fromisoformat((root / "clock").read_text())
    return shop
