"""An application whose servers are named as a case says, and what ``tls.doctor`` says of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

CANARY = "canary-77fe"


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a look ended."""

    code: int
    findings: list[dict[str, str]]
    text: str

    def facts(self, grade: str) -> list[str]:
        return [one["fact"] for one in self.findings if one["grade"] == grade]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An application's folder, and the environment of whoever looks."""

    folder: Path
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def describe(self, **more: Any) -> Path:
        """Write ``system.yaml``."""
        system = self.folder / "system"
        system.mkdir(exist_ok=True)
        about = {"version": 1, "name": "shop", "title": "Shop", "postgres": {"variables": ["SHOP_URL"]}, **more}
        (system / "system.yaml").write_text(yaml.safe_dump(about))
        return system

    def look(self, *words: str, more: dict[str, Any] | None = None, **variables: str) -> Said:
        """Run the task, twice: as JSON, and as people read it."""
        system = self.describe(**(more or {}))
        with self.patch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            line = ["inv", "tls.doctor", "--system", str(system), *words]
            self.capsys.readouterr()
            code = OpsProgram(every_task).main([*line, "--json"])
            answered = self.capsys.readouterr()
            assert answered.out, answered.err
            found = json.loads(answered.out)
            again = OpsProgram(every_task).main(line)
            said = self.capsys.readouterr()
        assert (code, again) == (found["exit"], found["exit"])
        assert CANARY not in f"{found}{said.out}{said.err}"
        return Said(code=code, findings=found["findings"], text=said.out)

    def look_at_postgres(self, dsn: str, **variables: str) -> Said:
        """Look at the server of a connection string, which holds a password besides."""
        return self.look(SHOP_URL=f"user=shop password={CANARY} dbname=shop {dsn}", **variables)

    def look_at_redis(self, address: str, ca_file: Path | None = None, **variables: str) -> Said:
        redis = {"variables": ["SHOP_REDIS"], **({} if ca_file is None else {"ca_file": str(ca_file)})}
        store = {"kind": "folder", "path": str(self.folder / "store")}
        address = address.replace("://", f"://:{CANARY}@", 1)
        return self.look(more={"backup": {"store": store, "redis": redis}}, SHOP_REDIS=address, **variables)

    def look_at_vault(self, address: str, ca_file: Path) -> Said:
        login = {"method": "token", "token": {"variable": "SHOP_TOKEN"}}
        entry = {"provider": "vault", "address": address, "path": "shop/key", "auth": login, "encoding": "hex"}
        keys = {"main": entry | {"ca_file": str(ca_file)}}
        return self.look(more={"keys": keys}, SHOP_TOKEN=CANARY)

    def look_at_bucket(self, endpoint: str, ca_file: Path | None = None) -> Said:
        place = {"access_key": {"variable": "SHOP_ID"}, "secret_key": {"variable": "SHOP_SECRET"}}
        bucket = {"endpoint": endpoint, "bucket": "shop-backups", "prefix": "shop", **place}
        bucket |= {} if ca_file is None else {"ca_file": str(ca_file)}
        store = {"kind": "restic", "bucket": bucket, "password": "store"}
        keys = {"store": {"provider": "environment", "variable": "SHOP_STORE", "encoding": "hex"}}
        return self.look(more={"backup": {"store": store}, "keys": keys}, SHOP_SECRET=CANARY, SHOP_STORE=CANARY)
