"""Every command of .github/KEYS.md is run, in the order of the page: against OpenBao, moto and files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml

from strongroom.core.system import read_system
from tests.integration.keys.servers import BIN, ROOT_TOKEN, Bao

SECONDS = 120


@dataclass(slots=True, kw_only=True)
class Reader:
    """Somebody who does what the page says, in a folder with the tool in it."""

    folder: Path
    environment: dict[str, str]
    changes: Mapping[str, str]
    """What stands for the reader's own servers and places."""
    said: list[str] = field(default_factory=list)

    def follow(self, kind: str, text: str) -> None:
        for here, there in self.changes.items():
            text = text.replace(here, there)
        getattr(self, f"follow_{kind}")(text)

    def follow_sh(self, text: str) -> None:
        exported = "\nexport -p > environment\n" if "export " in text else ""
        before = ". ./environment\n" if (self.folder / "environment").is_file() else ""
        ended = subprocess.run(
            ["/bin/sh", "-eu", "-c", before + text + exported],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout}{ended.stderr}"
        self.said.append(ended.stdout)

    def follow_yaml(self, text: str) -> None:
        found: dict[str, Any] = yaml.safe_load(text)
        if set(found) != {"keys"}:
            return
        file = self.folder / "mine" / "system.yaml"
        head = re.sub(r"^keys:\n(?:  .*\n|\n)*", "", file.read_text(), flags=re.MULTILINE)
        if "provider: aws" in text:
            text = text.replace("region:", f"endpoint: {self.environment['AWS_ENDPOINT_URL']}, region:")
        file.write_text(f"{head}\n{text}")
        assert read_system(file.parent).keys.keys() == found["keys"].keys()

    def follow_python(self, text: str) -> None:
        arguments = "'root-token'".replace("root-token", ROOT_TOKEN) if "token)" in text else ""
        program = f"{text}\nprint(len(get_encryption_key({arguments})))"
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (ended.stdout, ended.stderr) == ("44\n", "")

    def follow_json(self, text: str) -> None:
        """The actions of the policy are those that the provider asks for, no more and no fewer."""
        (statement,) = json.loads(text)["Statement"]
        source = (Path(__file__).parents[3] / "scripts/strongroom/keys/aws/provider.py").read_text()
        asked = set(re.findall(r'_ask\(\s*"(\w+)"', source))
        assert {action.removeprefix("secretsmanager:") for action in statement["Action"]} == asked


@pytest.fixture
def reader(tmp_path: Path, repository: Path, bao: Bao, moto: str) -> Iterator[Reader]:
    with urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST"), timeout=10):
        bao.admin.secrets.kv.v2.delete_metadata_and_all_versions("aragora/encryption")  # both as if nobody was here
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "sql").symlink_to(repository / "sql")
    (tmp_path / "copies").mkdir()
    (tmp_path / "inv").write_text(f'#!/bin/sh\nexec {sys.executable} -m strongroom "$@"\n')
    (tmp_path / "inv").chmod(0o755)
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity.txt").write_text(f"# created: now\n# public key: {identity.to_public()}\n{identity}\n")
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "RECIPIENT": str(identity.to_public()),
        "BAO_ADDR": bao.address,
        "BAO_CACERT": str(bao.authority),
        "BAO_TOKEN": ROOT_TOKEN,
        "AWS_ACCESS_KEY_ID": "canary",
        "AWS_SECRET_ACCESS_KEY": "canary",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": moto,
    }
    changes = {
        "https://vault.example.com:8200": bao.address,
        "/etc/ssl/vault-ca.pem": str(bao.authority),
        "/run/vault/": f"{tmp_path}/",
        "/etc/aragora-encryption": str(tmp_path / "mounted"),
    }
    (tmp_path / "mounted").mkdir()
    yield Reader(folder=tmp_path, environment=environment, changes=changes)
    shutil.rmtree(tmp_path / "copies")
    bao.admin.sys.disable_auth_method("approle")
    bao.admin.sys.enable_auth_method("approle")


def test_whoever_does_what_the_page_says_has_keys_that_can_be_restored(reader: Reader, repository: Path) -> None:
    page = (repository / ".github" / "KEYS.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert {kind for kind, _ in blocks} == {"sh", "yaml", "python", "json"}
    reader.environment["BAO_TOKEN"] = ROOT_TOKEN
    for kind, text in blocks:
        if "copies/*.age" in text:  # one copy at a time
            for copy in sorted((reader.folder / "copies").glob("*.age")):
                reader.follow(kind, text.replace("copies/*.age", f"copies/{copy.name}"))
            continue
        if kind == "sh" and "bao auth enable" in text:  # the server of the tests has it already
            reader.follow("sh", "bao auth disable approle")
        reader.follow(kind, text)
    restored = [said.strip() for said in reader.said[-3:]]
    assert sorted(map(len, restored)) == [44, 44, 64]
    assert (reader.folder / "mounted" / "sqlite-key").read_text().strip() in restored
    assert "2 of 2 keys can be used" in "".join(reader.said)
    noted = (reader.folder / ".local/state/strongroom/aragora-keys.jsonl").read_text()
    assert not [secret for secret in restored if secret in noted or secret in "".join(reader.said[:-3])]
