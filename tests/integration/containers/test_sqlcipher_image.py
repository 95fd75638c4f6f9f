"""SQLCipher, the command and the Python module: each opens what the other made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from strongroom.containers.images import Built

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
