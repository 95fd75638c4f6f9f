"""Backups and keys: old sets open under the versions of their day, which stay; and the day when nobody has a key."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest

from strongroom.keys import providing
from tests.e2e.backup_scene import MEMBERS, ONE_SET, Shop, provide_templates
from tests.e2e.kept_keys import UNWRITTEN, KeptKeys
from tests.e2e.vault import KEYS, can_open
from tests.unit.backup.scene import flip

NEW = "first"
"""The key that follows on the one that vault was."""


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Shop]:
    return provide_templates(tmp_path_factory)


@pytest.fixture
def plain(templates: Mapping[str, Shop], tmp_path: Path) -> Shop:
    return templates["folder"].copy_to(tmp_path)


@pytest.fixture
def packed(templates: Mapping[str, Shop], tmp_path: Path) -> Shop:
    return templates["restic"].copy_to(tmp_path)


def key_of(shop: Shop, set_id: str) -> Any:
    """Return the version under which the encrypted member of a set lies."""
    members = shop.ask("backup.show", "--set", set_id)["members"]
    return {one["name"]: one["key"] for one in members if one["key"]}["vault.db"]


def drill_all(shop: Shop, *sets: str) -> None:
    """Each set is sound, and rehearses."""
    assert set(shop.ask("backup.verify")["sets"]) == set(sets)
    for name in sets:
        drilled = shop.ask("backup.drill", "--at", name)
        assert (drilled["set"], drilled["facts"], drilled["unopened"]) == (name, [], [])


def test_sets_of_before_a_key_was_changed_by_hand_still_rehearse(plain: Shop) -> None:
    before = plain.create()
    after_file = plain.write_key("vault-2", KEYS[NEW])
    vault = {"provider": "file", "path": str(after_file), "encoding": "hex"}
    plain.keys = {"vault": {**vault, "previous": [str(plain.key_file("vault"))]}}
    plain.describe()
    plain.must("keys.rotate", "--key", "vault", "--database", plain.data / "vault.db", UNWRITTEN)
    assert can_open(plain.data / "vault.db", KEYS[NEW])
    after = plain.create()
    names = {key_of(plain, before), key_of(plain, after)}
    assert (len(names), {name.partition("@")[0] for name in names}) == (2, {"vault"})
    drill_all(plain, before, after)
    plain.keys = {"vault": vault}
    plain.describe()
    ended = plain.run("backup.drill", "--at", before)
    assert ended.code == 12
    assert ended.error.startswith(f"error: key {key_of(plain, before)}: is in none of ")
    assert plain.run("backup.verify").code == 0  # needs no key
    assert [one["state"] for one in plain.ask("backup.list")["sets"]] == ["verified", "verified"]
    assert plain.ask("backup.drill")["set"] == after


@pytest.mark.parametrize("way", ["gone", "another"])
def test_a_key_that_is_missing_or_wrong_says_nothing_against_a_set(plain: Shop, way: str) -> None:
    name = plain.create()
    file = plain.key_file("vault")
    if way == "gone":
        file.unlink()
    else:
        file.write_text(KEYS[NEW])
    assert plain.run("backup.drill").error
    assert plain.run("backup.drill").code == 12
    assert [one["state"] for one in plain.ask("backup.list")["sets"]] == ["verified"]
    created = plain.ask("backup.create", code=4)
    assert [(one["name"], one["exit_code"]) for one in created["missing"]] == [("vault.db", 12)]
    plain.write_key("vault", KEYS["vault"])
    assert plain.ask("backup.drill")["set"] == name


def keep_vault(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> KeptKeys:
    """Let key vault be kept by a provider that can be written to."""
    kept = KeptKeys(shop.root / "vault.json", "vault", KEYS["vault"])
    usual = providing.open_provider
    monkeypatch.setattr(providing, "open_provider", lambda name, *rest: kept if name == "vault" else usual(name, *rest))
    return kept


def test_a_version_is_kept_as_long_as_a_set_needs_it(plain: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_vault(plain, monkeypatch)
    retire = ["keys.retire", "--key", "vault", "--version", "1", "--target", str(plain.root / "target")]
    plain.must("backup.init", "--second")
    before = plain.create()
    plain.must("keys.rotate", "--key", "vault", "--database", plain.data / "vault.db", UNWRITTEN)
    after = plain.create()
    assert (key_of(plain, before), key_of(plain, after)) == ("vault@1", "vault@2")
    drill_all(plain, before, after)
    plain.must("backup.copy")

    def refuse(code: int, said: str) -> None:
        for words in ([*retire, "--dry-run"], retire):
            ended = plain.run(words[0], *words[1:])
            assert (ended.code, said in ended.error) == (code, True), ended.err
        assert kept.read()["states"]["1"] == "previous"

    refuse(6, f"key vault@1: still opens set {before} of {plain.store} and 1 more")
    plain.describe(keep=ONE_SET)
    plain.must("backup.prune")
    refuse(6, f"still opens set {before} of {plain.second}")
    away = plain.second.rename(plain.root / "away")
    refuse(10, "second: is no store of backups")
    away.rename(plain.second)
    plain.must("backup.prune", "--store", "folder", "--to", plain.second)
    entry = plain.second / "catalog" / f"{after}.json"
    flip(entry)
    refuse(6, f"still opens maybe the set of {plain.second}/catalog/{after}.json, which ")
    flip(entry)
    assert plain.run(*retire).code == 0
    assert list(kept.read()["keys"]) == ["2"]
    drill_all(plain, after)


def test_the_password_of_a_repository_is_not_rotated(packed: Shop) -> None:
    name = packed.create()
    ended = packed.run("keys.rotate", "--key", "backup", "--database", packed.data / "core.db", UNWRITTEN)
    assert ended.code == 2
    assert ended.error == "error: key backup: opens a store of backups, which a new version would not"
    assert "leaked-password.md" in ended.err
    assert packed.ask("backup.drill")["set"] == name


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def count_uses(shop: Shop) -> int:
    return len(shop.audit.read_text().splitlines())


def test_the_escrow_password_alone_opens_a_repository_when_every_key_is_gone(packed: Shop) -> None:
    packed.describe(
        checks=[
            {"member": "core.db", "sql": "SELECT count(*) FROM people", "expect": 2},
            {"member": "vault.db", "sql": "SELECT count(*) FROM people", "expect": 2},
        ]
    )
    name = packed.create()
    assert packed.ask("backup.drill")["checks"] == 2
    assert packed.ask("backup.status")["ages"][2]["hours"] is None
    for key in ("vault", "backup"):
        packed.key_file(key).unlink()
    uses = count_uses(packed)
    drilled = packed.ask("backup.drill", "--escrow", typed=f"{packed.escrow}\n")
    assert (drilled["set"], drilled["facts"], drilled["escrow"]) == (name, [], True)
    assert (drilled["members"], drilled["unopened"], drilled["checks"]) == (MEMBERS, ["vault.db"], 1)
    assert count_uses(packed) == uses  # no provider was asked
    assert packed.run("backup.drill").code == 12
    age = packed.ask("backup.status")["ages"][2]
    assert (age["name"], age["set"], age["hours"] < 1) == ("escrow", name, True)
    said = packed.must("backup.drill", "--escrow", typed=packed.escrow).out
    assert "not opened, as no key is asked for: vault.db" in said


def test_an_escrow_password_that_is_wrong_opens_nothing(packed: Shop) -> None:
    packed.create()
    ended = packed.run("backup.drill", "--escrow", typed="a-guess")
    assert (ended.code, ended.error.endswith("does not open with this password")) == (12, True)
    assert "what backup.init wrote down" in ended.err
    assert packed.run("backup.drill", "--escrow").code == 2
    assert packed.ask("backup.status", code=7)["ages"][2]["hours"] is None


def test_a_person_at_a_terminal_types_the_escrow_password_unseen(packed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    name = packed.create()
    asked = []

    def type_unseen(prompt: str, stream: TextIO) -> str:
        asked.append((prompt, stream is sys.stderr))
        return packed.escrow

    monkeypatch.setattr("tests.e2e.backup_scene.io.StringIO", Terminal)
    monkeypatch.setattr("strongroom.tasks._backup.getpass", type_unseen)
    assert f"set {name}, with the escrow password" in packed.must("backup.drill", "--escrow", typed="not this").out
    assert asked == [("escrow password: ", True)]


def test_an_escrow_drill_finds_damage_of_what_it_cannot_open(packed: Shop) -> None:
    packed.create()
    packs = [path for path in (packed.store / "restic" / "data").rglob("*") if path.is_file()]
    for pack in packs:
        pack.chmod(0o600)
        flip(pack, 40)
    for key in ("vault", "backup"):
        packed.key_file(key).unlink()
    assert packed.ask("backup.drill", "--escrow", code=3, typed=packed.escrow)["facts"] != []


def test_the_members_of_a_set_name_their_keys_and_nothing_of_them(plain: Shop) -> None:
    name = plain.create()
    kept = json.loads((plain.store / "catalog" / f"{name}.json").read_text())
    assert {one["name"] for one in kept["members"] if one["key"] is not None} == {"vault.db"}
    for path in (path for path in plain.store.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [key for key in KEYS.values() if key.encode() in content or bytes.fromhex(key) in content], path
