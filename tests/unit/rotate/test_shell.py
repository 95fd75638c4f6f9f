"""A shell on an encrypted database: the key goes to it through a pipe, and nothing else of ours goes with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import StrongroomError, UnreachableError, VersionError
from strongroom.core.secret import Secret
from strongroom.rotate import Asked, Surroundings, Where, open_shell, shell
from tests.e2e.canary.program import write_program
from tests.e2e.vault import KEYS, can_open, read_vault, write_vault
from tests.unit.rotate.test_verifying import interrupt
from tests.unit.rotate.vaults import NOW

CONTENT = "CREATE TABLE t (v); INSERT INTO t VALUES ('one'), ('two');"
PROGRAM = """
import json, sys
from pathlib import Path
from strongroom.core.errors import StrongroomError
from strongroom.core.secret import Secret
from strongroom.rotate import Asked, Surroundings, Where, open_shell
from tests.unit.rotate.vaults import NOW
job = json.loads(sys.argv[1])
keys = {name: Secret(open(file).read()) for name, file in job["keys"].items()}
asked = Asked(database=Path(job["database"]), key=job["key"], write=job["write"])
where = Where(environment=job["environment"], image=None, program=job["program"])
try:
    open_shell(asked, Surroundings(now=lambda: NOW, keys=keys), where)
except StrongroomError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def seen(self) -> Any:
        """What the program saw: its arguments, the names of its variables."""
        return json.loads(self.err.splitlines()[-1])


@dataclass(frozen=True)
class Desk:
    """Somebody who pipes statements into a shell."""

    folder: Path
    database: Path

    def run(self, said: str, *, write: bool = False, environment: Mapping[str, str] | None = None) -> Ended:
        keys = self.folder / "vault"
        keys.write_text(KEYS["vault"])
        job = {
            "database": str(self.database),
            "keys": {"vault": str(keys)},
            "key": "vault",
            "write": write,
            "environment": {"PATH": write_program(self.folder / "bin"), **(environment or {})},
            "program": str(self.folder / "bin" / "sqlcipher"),
        }
        words = [sys.executable, "-c", PROGRAM, json.dumps(job)]
        ended = subprocess.run(words, input=said, capture_output=True, text=True, timeout=60, check=False)
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, write_vault(tmp_path / "data" / "a.db", CONTENT, KEYS["vault"]))


def list_shared() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("strongroom-*")}


def test_what_is_piped_into_it_is_run_under_the_key_and_nothing_stays(desk: Desk) -> None:
    before = list_shared()
    ended = desk.run("SELECT v FROM t;\nSELECT count(*) FROM t;\n")
    assert (ended.code, ended.out) == (0, "one\ntwo\n2\n"), ended.err
    assert list_shared() <= before
    assert sorted(path.name for path in desk.database.parent.iterdir()) == ["a.db"]


def test_it_reads_only_unless_it_is_told_to_write(desk: Desk) -> None:
    ended = desk.run("INSERT INTO t VALUES ('three');\nSELECT 'not reached';\n")
    assert (ended.code, ended.out) == (2, "")
    assert "error: sqlcipher: ended with exit code 1" in ended.err
    assert desk.run("INSERT INTO t VALUES ('three');\n", write=True).code == 0
    assert read_vault(desk.database, KEYS["vault"], "SELECT count(*) FROM t") == [(3,)]


def test_it_gets_no_key_and_little_else_by_arguments_and_variables(desk: Desk) -> None:
    environment = {"TERM": "xterm", "DOCKER_HOST": "d", "SHOP_KEY": KEYS["vault"], "AWS_SECRET_ACCESS_KEY": "words"}
    words, variables = desk.run("", environment=environment).seen
    assert words[:1] + words[2:] == ["-init", "-readonly", "-batch", "-bail"]
    assert variables == sorted(["PATH", "TERM", "DOCKER_HOST", "SQLITE_HISTORY", *({"LC_CTYPE"} & set(variables))])


def ask(database: Path, where: Where, *, key: str = "vault", write: bool = False) -> StrongroomError:
    keys = {name: Secret(text) for name, text in KEYS.items()}
    with pytest.raises(StrongroomError) as caught:
        open_shell(Asked(database=database, key=key, write=write), Surroundings(now=lambda: NOW, keys=keys), where)
    return caught.value


NOWHERE = Where(environment={"PATH": os.defpath}, image=None, program=None)


def test_without_an_engine_and_a_program_it_says_what_to_get(desk: Desk) -> None:
    error = ask(desk.database, NOWHERE)
    assert isinstance(error, UnreachableError)
    assert "image.build --name sqlcipher" in error.hint


@pytest.mark.parametrize("version", ["3.4.1", ""])
def test_a_program_of_an_older_format_is_refused(desk: Desk, version: str) -> None:
    path = write_program(desk.folder / "old", version=version)
    where = Where(environment={"PATH": path}, image=None, program=str(desk.folder / "old" / "sqlcipher"))
    assert isinstance(ask(desk.database, where), VersionError)


def test_what_its_key_does_not_open_is_told_before_any_shell(desk: Desk, tmp_path: Path) -> None:
    plain = write_vault(tmp_path / "plain.db", CONTENT, None)
    for database, key, code, fact in (
        (desk.database, "first", 12, "is not opened by key first"),
        (desk.database, "none", 12, "is not at hand"),
        (plain, "vault", 12, "is not encrypted"),
        (tmp_path / "none.db", "vault", 5, "there is no such file"),
    ):
        error = ask(database, NOWHERE, key=key)
        assert (error.exit_code, fact in error.fact) == (code, True), error


def test_nothing_is_written_into_a_change_that_was_interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(desk.database, "rekeyed", monkeypatch)
    key = next(name for name in ("vault", "second") if can_open(desk.database, KEYS[name]))
    error = ask(desk.database, NOWHERE, key=key, write=True)
    assert (error.exit_code, "was interrupted in the middle of sqlcipher.rekey" in error.fact) == (6, True)
    assert "sqlcipher.rekey --database" in error.hint
    assert isinstance(ask(desk.database, NOWHERE, key=key), UnreachableError)  # to read is allowed


def test_a_container_sees_the_folder_and_the_pipe_and_keeps_nothing(desk: Desk) -> None:
    pipe = desk.folder / "pipe"
    os.mkfifo(pipe)
    asked = Asked(database=desk.database, key="vault", is_terminal=True)
    words = shell._name_container("strongroom/sqlcipher:local", asked, desk.database, pipe, is_read_only=True)
    text = " ".join(words)
    for wanted in ("--tty", "--network none", "--log-driver none", "--read-only", "--cap-drop ALL", "--pull never"):
        assert f" {wanted} " in text
    assert words[-2:] == ["-readonly", "/data/a.db"]
    mounts = [word for before, word in pairwise(words) if before == "--mount"]
    assert mounts == [
        f'type=bind,"source={desk.database.parent}",target=/data,readonly',
        f'type=bind,"source={pipe.parent}",target=/run/strongroom,readonly',
    ]


def test_a_folder_with_a_comma_and_a_quote_is_mounted() -> None:
    assert (
        shell._bind(Path('/a,b "c"'), Path("/data"), is_read_only=False) == 'type=bind,"source=/a,b ""c""",target=/data'
    )
