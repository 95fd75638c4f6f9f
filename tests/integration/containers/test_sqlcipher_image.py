"""SQLCipher, the command and the Python module: each opens what the other made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from strongroom.containers.images import Built
from tests.e2e.canary.house import KEYS, NEEDLES, House, build_house
from tests.e2e.vault import open_vault, write_vault
from tests.processes import wait_until

KEY = "x'" + "2a" * 32 + "'"
BY_COMMAND = f'PRAGMA key = "{KEY}";\nPRAGMA cipher_version;\n'
BY_MODULE = f"""
import sqlcipher3
connection = sqlcipher3.connect("/data/a.db")
connection.execute('''PRAGMA key = "{KEY}"''')
print(connection.execute("PRAGMA cipher_version").fetchone()[0])
"""


def run(image: str, folder: Path, program: list[str], text: str) -> str:
    words = ["docker", "run", "--rm", "--interactive", "--read-only", "--cap-drop", "ALL", "--network", "none"]
    words += ["--volume", f"{folder}:/data", "--workdir", "/data", "--entrypoint", program[0], image, *program[1:]]
    ended = subprocess.run(words, input=text, capture_output=True, text=True, env=os.environ, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.mark.parametrize("name", ["sqlcipher", "ops"])
def test_each_opens_what_the_other_made(images: dict[str, Built], folder: Path, name: str) -> None:
    image = images[name].image
    said = run(image, folder, ["sqlcipher", "a.db"], BY_COMMAND + "CREATE TABLE t (v); INSERT INTO t VALUES ('one');")
    assert "4.6" in said
    assert not (folder / "a.db").read_bytes().startswith(b"SQLite format 3")
    more = BY_MODULE + "print(connection.execute('SELECT v FROM t').fetchall())\n"
    more += "connection.execute(\"INSERT INTO t VALUES ('two')\"); connection.commit()\n"
    said = run(image, folder, ["python3", "-"], more)
    assert said.splitlines()[0].startswith("4.")
    assert said.splitlines()[1] == "[('one',)]"
    assert "one\ntwo\n" in run(image, folder, ["sqlcipher", "a.db"], BY_COMMAND + "SELECT v FROM t;")


SHELL = """
import os, sys
from pathlib import Path
from strongroom.core.system import read_system
from strongroom.core.config import read_settings
from strongroom.rotate import Asked, Surroundings, Where, open_shell
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import find_keys
image, database, write = sys.argv[1:]
around = Surroundings(now=read_clock, keys=find_keys(Path(os.environ["STRONGROOM_SYSTEM"])))
where = Where(environment=read_settings().environment, image=image, program=None)
open_shell(Asked(database=Path(database), key="vault", write=bool(write)), around, where)
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = build_house(tmp_path)
    house.engine = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    return house


def find_shells() -> list[Path]:
    """Return the processes of all containers that are shells of ours."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"/run/strongroom/key" in words and b"run" not in words:
            found.append(folder)
    return found


def test_a_shell_in_the_image_opens_a_database_and_shows_its_key_nowhere(
    images: dict[str, Built], house: House
) -> None:
    seen: set[str] = set()
    program, image = ("-c", SHELL), images["sqlcipher"].image

    def look(_process: subprocess.Popen[bytes]) -> None:
        wait_until(lambda: bool(find_shells()), 60.0)
        for folder in find_shells():
            seen.update(NEEDLES.find_in([folder / "cmdline", folder / "environ"]) or [str(folder)])

    ended = house.run(image, house.app, "", program=program, said=b"SELECT name FROM people;\n", meanwhile=look)
    assert (ended.code, ended.out, ended.found) == (0, b"ann\nbob\n", ()), ended.err
    assert seen
    assert all(one.startswith("/proc/") and ":" not in one for one in seen), seen
    ended = house.run(image, house.app, "", program=program, said=b"DELETE FROM people;\nSELECT 'not reached';\n")
    assert (ended.code, ended.out, b"readonly" in ended.err) == (1, b"", True)
    ended = house.run(image, house.app, "write", program=program, said=b"DELETE FROM people WHERE id = 1;\n")
    assert (ended.code, ended.found) == (0, ()), ended.err
    ended = house.run(image, house.app, "", program=program, said=b"SELECT name FROM people;\n")
    assert (ended.out, house.find_written()) == (b"bob\n", [])
    assert {path.name for path in house.app.parent.iterdir()} == {"app.db", "plain.db"}


def test_a_database_with_a_log_is_read_with_what_stands_in_it(images: dict[str, Built], house: House) -> None:
    with open_vault(house.app, KEYS["vault"]) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO people VALUES (3, 'cid')")
        connection.commit()
        said = b"SELECT count(*) FROM people;\n"
        ended = house.run(images["sqlcipher"].image, house.app, "", program=("-c", SHELL), said=said)
    connection.close()
    assert (ended.code, ended.out) == (0, b"3\n"), ended.err


def test_the_ops_image_has_a_shell_of_its_own(images: dict[str, Built], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEYS["vault"])
    write_vault(tmp_path / "a.db", "CREATE TABLE t (v); INSERT INTO t VALUES ('one')", KEYS["vault"])
    entry = "{provider: file, path: /work/key, encoding: hex}"
    about = f"version: 1\nname: shop\ntitle: A shop\naudit_log: /work/log\nkeys: {{vault: {entry}}}\n"
    (tmp_path / "system.yaml").write_text(about)
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, 10001, 10001) if os.geteuid() == 0 else None
    user = "10001:10001" if os.geteuid() == 0 else f"{os.geteuid()}:{os.getegid()}"
    words = ["docker", "run", "--rm", "--interactive", "--read-only", "--cap-drop", "ALL", "--network", "none"]
    words += ["--tmpfs", "/tmp", "--user", user, "--volume", f"{tmp_path}:/work", images["ops"].image]
    words += ["sqlcipher.shell", "--system", "/work", "--database", "a.db", "--key", "vault"]
    ended: Any = subprocess.run(words, input=b"SELECT v FROM t;\n", capture_output=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, b"one\n"), ended.stderr
