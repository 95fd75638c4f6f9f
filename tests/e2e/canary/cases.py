"""Every task that works with keys, as it is typed, and everything that can go wrong with one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tests.e2e.canary.house import KEYS, WORDS, House
from tests.integration.keys.servers import Playing, find_port

Words: TypeAlias = list[str | Path]
MODES: tuple[tuple[str, ...], ...] = (("--debug",), ("--json", "--debug"), ("--log", "json", "--debug"), ())
"""Each line is typed with one of them, and a summary besides."""


def _data(task: str, *more: str) -> Callable[[House], Words]:
    def line(house: House) -> Words:
        return [*house.scene.argv(task, *more)[1:]]

    return line


def _one(task: str, *more: str, plain: bool = False) -> Callable[[House], Words]:
    def line(house: House) -> Words:
        file = house.fresh(house.plain if plain else house.app)
        return [f"sqlcipher.{task}", "--database", file, "--key", "vault", *more]

    return line


def _rotate(house: House) -> Words:
    return ["keys.rotate", "--key", "vault", "--target", house.scene.target, "--without-escrow", "a test"]


def _draft(house: House) -> Words:
    return ["inventory.draft", "--source", house.scene.source]


LINES: Mapping[str, Callable[[House], Words]] = {
    "consolidate.check": lambda house: ["consolidate.check", "--source", house.scene.source],
    "consolidate.preview": _data("preview"),
    "consolidate.run": _data("run", "--replace", "--discard-changes"),
    "consolidate.verify": _data("verify"),
    "consolidate.decide": lambda house: [*_data("decide")(house), "--draft", house.root / "draft.json"],
    "consolidate.explain": _data("explain"),
    "consolidate.quarantine": _data("quarantine"),
    "consolidate.rollback": _data("rollback", "--dry-run"),
    "consolidate.finalize": _data("finalize", "--retention-days", "0", "--keep-undecided", "--dry-run"),
    "consolidate.status": lambda house: [*_data("status")(house), "--source", house.scene.source],
    "keys.init": lambda _: ["keys.init", "--key", "vault", "--without-escrow", "a test"],
    "keys.check": lambda house: ["keys.check", "--key", "vault", "--database", house.app],
    "keys.show": lambda _: ["keys.show", "--key", "vault"],
    "keys.rotate": lambda house: [*_rotate(house), "--dry-run"],
    "keys.retire": lambda house: ["keys.retire", "--key", "vault", "--version", "none", "--target", house.scene.target],
    "fleet.run": lambda house: ["fleet.run", "--task", "verify", *house.write_fleet()],
    "inventory.show": lambda house: ["inventory.show", "--source", house.scene.source],
    "inventory.draft": lambda house: [*_draft(house), "--output", house.root / "drafted.yaml"],
    "inventory.recover": lambda house: ["inventory.recover", "--file", house.app, "--to", house.root / "saved.db"],
    "doctor.run": lambda house: ["doctor.run", "--source", house.scene.source],
    "postgres.verify": lambda house: ["postgres.verify", "--target", house.scene.target],
    "postgres.quarantine": lambda house: ["postgres.quarantine", "--target", house.scene.target],
    "columns.encrypt": lambda _: ["columns.encrypt"],
    "columns.rotate": lambda _: ["columns.rotate", "--show-keys"],
    "columns.status": lambda _: ["columns.status", "--scan"],
    "columns.decrypt": lambda _: ["columns.decrypt", "--reason", "a test", "--dry-run"],
    "sqlcipher.encrypt": _one("encrypt", plain=True),
    "sqlcipher.rekey": _one("rekey", "--new-key", "first"),
    "sqlcipher.verify": _one("verify"),
    "sqlcipher.decrypt": _one("decrypt", "--reason", "a test"),
    "sqlcipher.shell": _one("shell", "--write"),
    "backup.init": lambda _: ["backup.init", "--without-escrow", "a test"],
    "backup.create": lambda _: ["backup.create"],
    "backup.list": lambda _: ["backup.list"],
    "backup.show": lambda _: ["backup.show"],
    "backup.verify": lambda _: ["backup.verify", "--full"],
    "backup.drill": lambda _: ["backup.drill"],
    "backup.restore": lambda house: ["backup.restore", "--into", house.fresh_folder()],
    "backup.undo": lambda _: ["backup.undo"],
    "backup.prune": lambda _: ["backup.prune"],
    "backup.copy": lambda _: ["backup.copy"],
    "backup.status": lambda _: ["backup.status"],
}
"""By task: a line on a house whose targets are published, which leaves it as it is."""


@contextmanager
def other_entry(house: House, entry: dict[str, Any]) -> Iterator[None]:
    house.describe(vault=entry)
    try:
        yield
    finally:
        house.describe()


@contextmanager
def other_content(house: House, content: bytes | None, mode: int = 0o600, name: str = "vault") -> Iterator[None]:
    file = house.root / "keys" / name
    before = file.read_bytes()
    file.unlink()
    if content is not None:
        house.write_key(name, content).chmod(mode)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        house.write_key(name, before)


@contextmanager
def _cut_off(house: House) -> Iterator[None]:
    files = [house.scene.source / "sub" / "two.db", house.scene.target / "main.db", house.app]
    before = {file: (file.read_bytes(), file.stat().st_mode) for file in files}
    for file in files:
        file.chmod(0o600)
        os.truncate(file, file.stat().st_size - 5000)
    try:
        yield
    finally:
        for file, (content, mode) in before.items():
            file.write_bytes(content)
            file.chmod(mode)


def in_vault(house: House, address: str) -> dict[str, Any]:
    token = house.write_key("token", WORDS["token"])
    auth = {"method": "token", "token": {"file": str(token)}}
    return {"provider": "vault", "address": address, "path": "shop/vault", "auth": auth, "encoding": "hex"}


def in_cloud(house: House, endpoint: str) -> dict[str, Any]:
    kept = house.write_key("aws", f"[canary]\naws_access_key_id = canary\naws_secret_access_key = {WORDS['cloud']}\n")
    (house.root / "home" / ".aws").mkdir(exist_ok=True)
    link = house.root / "home" / ".aws" / "credentials"
    link.unlink(missing_ok=True)
    link.symlink_to(kept)
    where = {"secret": "shop", "region": "eu-central-1", "endpoint": endpoint, "profile": "canary"}
    return {"provider": "aws", "encoding": "hex", **where}


def in_bucket(house: House, endpoint: str) -> dict[str, Any]:
    """A store of backups in a bucket, one half of its credentials in a file, the other in the operator's variable."""
    access = house.write_key("access", WORDS["token"])
    place = {"access_key": {"file": str(access)}, "secret_key": {"variable": "CLOUD"}}
    bucket = {"endpoint": endpoint, "bucket": "canary", "prefix": "shop", **place}
    return {"kind": "restic", "bucket": bucket, "password": "store"}


def found_in_vault(key: str) -> Any:
    """An answer to whoever asks whether his token is good, and to whoever asks for the key."""
    return {"data": {"ttl": 0, "data": {"key": key}, "metadata": {"version": 3}}}


def _vault_says(status: int, said: Any) -> Callable[[House, Playing], Any]:
    """A server that lets us in, and says this to whoever asks for a key."""

    def begin(house: House, server: Playing) -> Any:
        server.say((status, said))
        return other_entry(house, in_vault(house, f"http://127.0.0.1:{server.port}"))

    return begin


def _cloud_says(status: int, said: Any) -> Callable[[House, Playing], Any]:
    def begin(house: House, server: Playing) -> Any:
        server.say((status, said))
        return other_entry(house, in_cloud(house, f"http://127.0.0.1:{server.port}"))

    return begin


LEAK = f"about {KEYS['vault']} and {WORDS['token']}"

FAILURES: Mapping[str, tuple[Callable[[House, Playing], Any], set[int]]] = {
    "wrong": (lambda house, _: other_content(house, bytes.fromhex(KEYS["other"])), {12}),
    "missing": (lambda house, _: other_content(house, None), {12}),
    "exposed": (lambda house, _: other_content(house, bytes.fromhex(KEYS["vault"]), 0o644), {12}),
    "cut": (lambda house, _: other_content(house, WORDS["cut key"].encode()), {12}),
    "truncated": (lambda house, _: _cut_off(house), {6}),
    "down": (lambda house, _: other_entry(house, in_vault(house, f"http://127.0.0.1:{find_port()}")), {5}),
    "denied": (_vault_says(403, {"errors": [LEAK]}), {12}),
    "sealed": (_vault_says(503, {"errors": ["Vault is sealed", LEAK]}), {5}),
    "odd": (_vault_says(200, {"data": {"ttl": 0, "data": [LEAK]}}), {2}),
    "wrong in vault": (_vault_says(200, found_in_vault(KEYS["other"])), {12}),
    "denied by cloud": (_cloud_says(400, {"__type": "AccessDeniedException", "message": LEAK}), {12}),
    "garbled in cloud": (
        _cloud_says(200, {"VersionId": "v" * 32, "SecretString": WORDS["cut key"], "ARN": "arn", "Name": "shop"}),
        {12},
    ),
}
"""What is broken for the length of a block, and the exit codes of those who notice it."""
