"""Known keys, every keys task and what goes wrong with them: what is said and written is searched for the keys."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.vault import write_vault
from tests.integration.keys.servers import ROOT_TOKEN, Bao, find_port
from tests.unit.keys.providers import CANARY, OTHER

SECONDS = 60


def spell(key: str) -> Iterator[bytes]:
    content = bytes.fromhex(key)
    yield content
    for text in (key, key.upper(), base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()):
        yield text.strip("=").encode()
    yield base64.b64encode(key.encode()).strip(b"=")[:-1]


NEEDLES = [needle for key in (CANARY, OTHER) for needle in spell(key)]


def find_keys(*contents: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES for content in contents if needle in content]


class Operator:
    """Runs command lines in a folder of his own, and keeps all that they say and write."""

    def __init__(self, folder: Path, entry: dict[str, Any]) -> None:
        self.folder, self.said = folder, bytearray()
        self.describe(entry)

    def describe(self, entry: dict[str, Any]) -> None:
        about = {"version": 1, "name": "shop", "title": "A shop", "audit_log": str(self.folder / "log")}
        (self.folder / "system.yaml").write_text(yaml.safe_dump({**about, "keys": {"vault": entry}}))

    def run(self, *words: str) -> int:
        command = [sys.executable, "-m", "strongroom", *words, "--system", str(self.folder)]
        command += ["--debug", "--summary", str(self.folder / "summary.md")]
        ended = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, env=self.environment())
        self.said += ended.stdout + ended.stderr
        assert ended.returncode != 1, ended.stderr.decode()
        return ended.returncode

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": os.environ["PYTHONPATH"]}

    def find_keys(self) -> list[bytes]:
        written = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".db"]
        return find_keys(bytes(self.said), *written)


@pytest.fixture
def operator(bao: Bao, token_file: Path, tmp_path: Path) -> Operator:
    bao.write("shop/canary", {"key": OTHER})
    bao.write("shop/canary", {"key": CANARY, "base64": base64.b64encode(bytes.fromhex(CANARY)).decode()})
    token_file.write_text(bao.issue_token("writer"))
    return Operator(tmp_path, bao.entry(token_file, path="shop/canary"))


def test_no_task_and_no_failure_says_or_writes_a_key(bao: Bao, operator: Operator, token_file: Path) -> None:
    entry = yaml.safe_load((operator.folder / "system.yaml").read_text())["keys"]["vault"]
    file = write_vault(operator.folder / "a.db", "CREATE TABLE t (x)", CANARY)
    wrong = write_vault(operator.folder / "b.db", "CREATE TABLE t (x)", "ab" * 32)
    assert operator.run("keys.check", "--database", str(file)) == 0
    assert operator.run("keys.check", "--database", str(wrong), "--log", "json") == 12
    assert operator.run("keys.check", "--key", "vault@1", "--json") == 0
    assert operator.run("keys.show", "--json") == 0
    assert operator.run("keys.init", "--key", "vault", "--without-escrow", "a test") == 6
    for change, code in (
        ({"encoding": "base64"}, 12),
        ({"field": "base64"}, 12),
        ({"field": "none"}, 12),
        ({"path": "shop/none"}, 12),
        ({"path": "bank/none"}, 12),
        ({"mount": "none"}, 12),
        ({"version": 9}, 12),
        ({"ca_file": None}, 2),
        ({"address": f"https://localhost:{find_port()}"}, 5),
    ):
        operator.describe({**entry, **change})
        assert operator.run("keys.check") == code, change
    operator.describe(entry)
    token_file.write_text(f"{ROOT_TOKEN}x")
    assert operator.run("keys.check") == 12
    token_file.unlink()
    assert operator.find_keys() == []
    assert ROOT_TOKEN.encode() not in operator.said
    assert (operator.folder / "log").read_text().count("\n") > 12


def test_a_key_that_is_planted_is_found(operator: Operator) -> None:
    for number, needle in enumerate(NEEDLES):
        planted = operator.folder / f"planted{number}"
        planted.write_bytes(b"before" + needle + b"after")
        assert operator.find_keys()
        planted.unlink()
    assert operator.find_keys() == []
