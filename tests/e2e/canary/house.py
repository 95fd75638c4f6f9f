"""A system with encrypted databases, its operator, and all that is said and written when he works.

His command lines are processes of their own, with an environment, a home and a temporary directory of their own.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
import yaml

from tests.e2e.canary.needles import Needles
from tests.e2e.canary.program import write_program
from tests.e2e.canary.watching import Watch, watching
from tests.e2e.vault import build_vault, write_vault
from tests.faults.scene import Scene
from tests.restic import lighten, make_light, provide_restic

SECONDS = 120
PROGRAM = ("-m", "strongroom")
WITH_CORES = ("/bin/sh", "-c", 'ulimit -c "$(ulimit -H -c)"; exec "$@"', "sh")
"""Before a command line: it leaves core files as large as may be."""
KEYS = {
    "first": "c0ffee1e5ca1ab1e0ddba115deadbeeffeedfacecafef00d0123456789abcde1",
    "second": "fb0f1eff3c4b5a69788796a5b4c3d2e1f0ffe2d3c4b5a69788796a5b4c3d2fbf",
    "vault": "5ca1ab1e0ddba115deadbeefcafef00d5ca1ab1e0ddba115fffefdbeefcafe99",
    "other": "0badcafe11aa22bb33cc44dd55ee66ff778899001122aabbccddeeff01237fff",
    "store": "5707eca5cade0ddba11c0ffee15bad5eeda11dead2beef3fade4cab5fed6bad7",
}
WORDS = {
    "cut key": "7ab1e0ddba115c0ffee0f00dfeedface7ab1e0ddba115c0ffee0f00dfeedf",
    "token": "hvs.token-of-the-canary-4711",
    "cloud": "cloud-secret-of-the-canary/4711+",
    "ping": "/ping-of-the-canary-4711",
}
NEEDLES = Needles(KEYS, WORDS)
HOOK = """\
cat /proc/$$/environ /proc/$$/cmdline >> "$1/seen-by-the-hook"
sleep 0.2
if test -e "$1/fill"; then
    cat /dev/zero > "$1/target/filler"
    exit 0
fi
if test -e "$1/wait"; then
    touch "$1/reached"
    while ! test -e "$1/go"; do sleep 0.02; done
fi
"""
"""A hook that writes down what it sees; it may be told to wait, the run's keys in memory, or to fill the disk."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command line ended, and what was found in what it said and while it ran."""

    code: int
    out: bytes
    err: bytes
    found: tuple[str, ...]
    watch: Watch = field(repr=False)


@dataclass(kw_only=True)
class House:
    """The operator's folder, and what he does in it."""

    root: Path
    scene: Scene
    entries: dict[str, dict[str, Any]]
    """``keys:`` of the system."""
    given: dict[str, str]
    """The operator's own variables that hold secrets."""
    engine: dict[str, str] = field(default_factory=lambda: {"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    """Which Docker engine there is: none."""
    copies: int = 0
    second: dict[str, Any] | None = None
    """The second store of backups, where it is another one than a folder."""
    needles: Needles = NEEDLES
    """What is looked for."""

    @property
    def temporary(self) -> Path:
        return self.root / "temporary"

    @property
    def audit(self) -> Path:
        return self.root / "log" / "keys.jsonl"

    @property
    def app(self) -> Path:
        """A database under key vault, of its own."""
        return self.root / "apps" / "app.db"

    @property
    def plain(self) -> Path:
        return self.root / "apps" / "plain.db"

    @property
    def store(self) -> Path:
        """Where the application's backups are kept: a repository, once it was made."""
        return self.root / "store"

    def fresh(self, file: Path) -> Path:
        """Return a copy of a database that a task may change."""
        self.copies += 1
        return Path(shutil.copy(file, self.root / "apps" / f"copy{self.copies}.db"))

    def fresh_folder(self) -> Path:
        """Return a folder that is not there yet."""
        self.copies += 1
        return self.root / "restored" / str(self.copies)

    def write_fleet(self) -> list[str | Path]:
        """Write a list whose only tenant is this application; return what names it, and a place for results."""
        line = {"name": "app", "source": str(self.scene.source), "target": str(self.scene.target)}
        listed = self.root / "tenants.jsonl"
        listed.write_text(json.dumps(line | {"system": str(self.scene.system)}), encoding="utf-8")
        return ["--tenants", listed, "--root", self.root, "--results", self.fresh_folder()]

    def write_key(self, name: str, content: str | bytes) -> Path:
        path = self.root / "keys" / name
        path.touch(mode=0o600)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def describe(self, **entries: dict[str, Any]) -> None:
        """Write ``system.yaml``, with other entries for some keys."""
        about = {
            "version": 1,
            "name": "vault",
            "title": "For a test",
            "audit_log": str(self.audit),
            "hooks": {"before_publish": [["/bin/sh", str(self.root / "hook.sh"), str(self.root)]]},
            "keys": {**self.entries, **entries},
            "data_dir": {"default": str(self.root / "data")},
            "columns": [
                {"sqlite": "plain.db", "table": "people", "primary_key": ["id"], "column": "name", "key": "vault"}
            ],
            "backup": {
                "store": {"kind": "restic", "path": str(self.store), "password": "store"},
                "second": self.second or {"kind": "folder", "path": str(self.root / "second")},
                "metrics": str(self.root / "metrics.prom"),
                "ping": {"variable": "PING"},
            },
        }
        (self.scene.system / "system.yaml").write_text(yaml.safe_dump(about))

    def environment(self) -> dict[str, str]:
        plain = {"PATH": write_program(self.root / "bin"), "PYTHONPATH": os.environ["PYTHONPATH"]}
        own = {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.temporary),
            "STRONGROOM_SYSTEM": str(self.scene.system),
        }
        return {**plain, **own, **self.engine, **self.given}

    def run(
        self,
        *words: str | Path,
        program: Sequence[str] = PROGRAM,
        said: bytes = b"",
        around: Sequence[str] = (),
        meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
    ) -> Ended:
        """Run a command line to its end, looking on; ``meanwhile`` is done to it while it runs."""
        own = [sys.executable, *program, *map(str, words)]
        process = subprocess.Popen(
            [*around, *own],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        watch = Watch(
            needles=self.needles,
            root=process.pid,
            own="".join(f"{word}\0" for word in own).encode(),
            given=self.given,
            temporary=self.temporary,
        )
        try:
            with watching(watch):
                if meanwhile is not None:
                    meanwhile(process)
                out, err = process.communicate(said, timeout=SECONDS)
        finally:
            process.kill()
            process.wait(timeout=SECONDS)
            for stream in (process.stdin, process.stdout, process.stderr):
                assert stream is not None
                stream.close()
        told = [f"stdout: {one}" for one in self.needles.find(out)]
        told += [f"stderr: {one}" for one in self.needles.find(err)]
        return Ended(code=process.returncode, out=out, err=err, found=(*told, *sorted(watch.found)), watch=watch)

    def list_written(self) -> list[Path]:
        """Return all files, the operator's own keys aside."""
        kept = self.root / "keys"
        return [path for path in sorted(self.root.rglob("*")) if path.is_file() and kept not in path.resolve().parents]

    def find_written(self) -> list[str]:
        """Return what stands in files."""
        return self.needles.find_in(self.list_written())

    def read_uses(self) -> list[dict[str, Any]]:
        lines = self.audit.read_text().splitlines() if self.audit.is_file() else []
        return [json.loads(line) for line in lines]


def build_house(root: Path) -> House:
    """Build it: key first in a file as hex, second in a variable as base64, vault in a file as it is."""
    for name in ("keys", "home", "temporary", "apps", "copies", "data"):
        (root / name).mkdir()
    (root / "hook.sh").write_text(HOOK)
    entries = {
        "first": {"provider": "file", "path": str(root / "keys" / "first"), "encoding": "hex"},
        "second": {"provider": "environment", "variable": "SECOND_KEY", "encoding": "base64"},
        "vault": {"provider": "file", "path": str(root / "keys" / "vault"), "encoding": "raw"},
        "fresh": {"provider": "file", "path": str(root / "keys" / "fresh"), "encoding": "base64"},
        "store": {"provider": "file", "path": str(root / "keys" / "store"), "encoding": "hex"},
    }
    given = {"SECOND_KEY": base64.b64encode(bytes.fromhex(KEYS["second"])).decode()}
    house = House(root=root, scene=build_vault(root, keys=KEYS), entries=entries, given=given)
    house.write_key("first", KEYS["first"] + "\n")
    house.write_key("vault", bytes.fromhex(KEYS["vault"]))
    house.write_key("store", KEYS["store"])
    house.describe()
    content = (
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people VALUES (1, 'ann'), (2, 'bob');"
    )
    write_vault(house.app, content, KEYS["vault"])
    write_vault(house.plain, content, None)
    write_vault(root / "data" / "app.db", content, KEYS["vault"])
    write_vault(root / "data" / "plain.db", content, None)
    return house


def make_stores(house: House) -> str:
    """Make both stores of its backups, and name who waits for a sign, in the operator's variable.

    Return the escrow password, which is in no file and is looked for as well.
    """
    provide_restic()
    make_light(house.store / "restic", KEYS["store"])  # backup.init goes on with what was begun
    house.given["PING"] = f"http://127.0.0.1:9{WORDS['ping']}"
    identity = pyrage.x25519.Identity.generate()
    words: list[str | Path] = ["--escrow", str(identity.to_public()), "--output", house.root / "copies"]
    for made in (house.run("backup.init", *words, "--debug"), house.run("backup.init", "--second", "--json")):
        assert (made.code, made.found) == (0, ()), made.err
    (copy,) = (house.root / "copies").glob("*backups*.age")
    escrow = str(pyrage.decrypt(copy.read_bytes(), [identity]).decode())
    house.needles = Needles(KEYS, {**WORDS, "escrow": escrow})
    assert house.find_written() == []
    lighten(house.store / "restic", KEYS["store"], escrow)
    return escrow
