"""keys.init, keys.check and keys.show as a user runs them: keys are made with a copy in escrow, and never shown."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from strongroom.keys.errors import KeyConflictError, ProviderBusyError
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e.vault import write_vault
from tests.unit.keys.providers import CANARY, OTHER

Run = Callable[..., tuple[int, str, str]]
HEAD = "version: 1\nname: shop\ntitle: A shop\naudit_log: {log}\nkeys:\n"


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a keys task on the system of the test; return its exit code and what it said, which holds no secret."""

    def act(*words: str) -> tuple[int, str, str]:
        code = OpsProgram(every_task).main(["inv", *words, "--system", str(tmp_path / "shop")])
        said = capsys.readouterr()
        log = tmp_path / "log" / "keys.jsonl"
        everything = said.out + said.err + (log.read_text() if log.is_file() else "")
        assert not [secret for secret in (CANARY, OTHER) if secret in everything]
        return code, said.out, said.err

    return act


def describe(folder: Path, *entries: str) -> None:
    (folder / "shop").mkdir()
    text = HEAD.format(log=folder / "log" / "keys.jsonl") + "".join(f"  {entry}\n" for entry in entries)
    (folder / "shop" / "system.yaml").write_text(text)


def in_file(folder: Path) -> str:
    return f"vault: {{provider: file, path: {folder / 'key'}, encoding: base64}}"


def new_identity() -> tuple[Any, str]:
    identity = pyrage.x25519.Identity.generate()
    return identity, str(identity.to_public())


def test_a_key_is_made_and_each_escrow_identity_alone_restores_it(tmp_path: Path, run: Run) -> None:
    describe(tmp_path, in_file(tmp_path))
    (one, first), (other, second) = new_identity(), new_identity()
    words = ["keys.init", "--key", "vault", "--escrow", first, "--escrow", second, "--output", str(tmp_path)]
    code, out, _ = run(*words, "--json")
    assert code == 0
    made = json.loads(out)
    assert (made["key"], made["id"], made["provider"]) == ("vault", f"vault@{made['fingerprint']}", "file")
    assert made["place"] == str(tmp_path / "key")
    copy = Path(made["escrow"])
    assert copy == tmp_path / f"shop-vault-{made['fingerprint']}.age"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.read_bytes().startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    kept = (tmp_path / "key").read_bytes()
    for identity in (one, other):
        assert pyrage.decrypt(copy.read_bytes(), [identity]) == kept.removesuffix(b"\n")
    # The provider is lost: what the copy holds stands where the key stood.
    (tmp_path / "key").unlink()
    assert run("keys.check")[0] == 12
    (tmp_path / "key").write_bytes(pyrage.decrypt(copy.read_bytes(), [one]))
    (tmp_path / "key").chmod(0o600)
    code, out, _ = run("keys.check")
    assert (code, f"fingerprint {made['fingerprint']}" in out) == (0, True)


def test_a_key_is_not_made_over_another_one(tmp_path: Path, run: Run) -> None:
    describe(tmp_path, in_file(tmp_path))
    words = ["keys.init", "--key", "vault", "--without-escrow", "a test", "--output", str(tmp_path)]
    code, out, _ = run(*words)
    assert code == 0
    assert "no copy: a test" in out
    before = (tmp_path / "key").read_bytes()
    code, _, err = run(*words)
    assert code == 6
    assert "is there already" in err
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "error: --escrow: is missing: a lost key is lost data"),
        (["--without-escrow", " "], 2, "error: --escrow: is missing"),
        (["--escrow", "age1nonsense"], 2, "error: --escrow: is no recipient of age"),
        (["--escrow", "age1nonsense", "--without-escrow", "why"], 2, "exclude each other"),
        (["--without-escrow", "why", "--key", "other"], 2, "other is no key of this system (known: vault, shell)"),
        (["--without-escrow", "why", "--key", "shell"], 2, "is kept in SHOP_KEY as hex, where this tool makes none"),
    ],
)
def test_a_key_is_made_only_as_it_should_be(tmp_path: Path, run: Run, words: list[str], code: int, said: str) -> None:
    describe(tmp_path, in_file(tmp_path), "shell: {provider: environment, variable: SHOP_KEY, encoding: hex}")
    words = words if "--key" in words else [*words, "--key", "vault"]
    got, _, err = run("keys.init", *words)
    assert (got, said in err) == (code, True), err
    assert not (tmp_path / "key").exists()
    if "shell" in words:
        assert "openssl rand -hex 32" in err


def test_an_identity_in_place_of_a_recipient_is_not_shown(tmp_path: Path, run: Run) -> None:
    describe(tmp_path, in_file(tmp_path))
    identity, _ = new_identity()
    code, out, err = run("keys.init", "--key", "vault", "--escrow", str(identity))
    assert code == 2
    assert "is an identity, which is a secret" in err
    assert str(identity) not in out + err


def test_a_dry_run_makes_nothing(tmp_path: Path, run: Run) -> None:
    describe(tmp_path, in_file(tmp_path))
    _, recipient = new_identity()
    code, out, _ = run("keys.init", "--key", "vault", "--escrow", recipient, "--output", str(tmp_path), "--dry-run")
    assert code == 0
    assert "would make key vault" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "shop"]


def test_what_fails_before_the_provider_has_the_key_leaves_no_copy(tmp_path: Path, run: Run) -> None:
    describe(tmp_path, f"vault: {{provider: file, path: {tmp_path / 'nowhere' / 'key'}, encoding: hex}}")
    _, recipient = new_identity()
    code, _, err = run("keys.init", "--key", "vault", "--escrow", recipient, "--output", str(tmp_path))
    assert (code, f"there is no folder {tmp_path / 'nowhere'}" in err) == (2, True)
    assert list(tmp_path.glob("*.age")) == []


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_copy_stays_where_its_key_may_have_arrived(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    def lose(*_: object) -> str:
        if is_lost:
            raise ProviderBusyError("key vault", "does not answer in time", "see that it is up")
        raise KeyConflictError("key vault", "is there already", "see who was faster")

    monkeypatch.setattr("strongroom.keys.files.FileProvider.create", lose)
    describe(tmp_path, in_file(tmp_path))
    _, recipient = new_identity()
    code, _, err = run("keys.init", "--key", "vault", "--escrow", recipient, "--output", str(tmp_path))
    assert (code, "stays, as the key may have arrived" in err) == ((5, True) if is_lost else (6, False))
    assert len(list(tmp_path.glob("*.age"))) == is_lost


def test_every_key_is_checked_and_the_first_failure_is_the_exit_code(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", CANARY)
    (tmp_path / "open").write_text(OTHER)
    (tmp_path / "open").chmod(0o644)
    describe(
        tmp_path,
        "shell: {provider: environment, variable: SHOP_KEY, encoding: hex}",
        f"file: {{provider: file, path: {tmp_path / 'open'}, encoding: hex}}",
        "words: {provider: environment, variable: SHOP_WORDS, encoding: passphrase}",
    )
    monkeypatch.setenv("SHOP_WORDS", "your-32-character-encryption-key")
    code, out, _ = run("keys.check")
    assert code == 12
    assert "shell: shell@476a4dbc1adc6308, hex, fingerprint 476a4dbc1adc6308" in out
    assert "open may be read by others (mode 0644)" in out
    assert "hint: chmod 0600" in out
    assert "words@passphrase, passphrase, a passphrase, for existing files only" in out
    assert "2 of 3 keys can be used" in out
    code, out, _ = run("keys.check", "--json")
    found = {one["key"]: one for one in json.loads(out)["keys"]}
    assert (found["words"]["fingerprint"], found["file"]["failure"]["exit_code"]) == (None, 12)
    assert run("keys.check", "--key", "shell")[0] == 0


def test_a_key_is_tried_on_the_database_that_it_should_open(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(tmp_path, f"vault: {{provider: file, path: {tmp_path / 'key'}, encoding: hex}}")
    file = write_vault(tmp_path / "a.db", "CREATE TABLE t (x)", CANARY)
    (tmp_path / "key").write_text(CANARY)
    (tmp_path / "key").chmod(0o600)
    code, out, _ = run("keys.check", "--database", str(file))
    assert (code, "opens the database" in out) == (0, True)
    (tmp_path / "key").write_text(OTHER)
    code, out, _ = run("keys.check", "--database", str(file))
    assert (code, "is not opened by key vault" in out) == (12, True)
    assert [line["action"] for line in read_log(tmp_path)][-2:] == ["get", "refresh"]
    plain = write_vault(tmp_path / "b.db", "CREATE TABLE t (x)", None)
    code, out, _ = run("keys.check", "--database", str(plain))
    assert (code, "is not encrypted" in out) == (12, True)
    code, out, _ = run("keys.check", "--database", str(tmp_path / "none.db"))
    assert (code, "there is no such file" in out) == (5, True)


def read_log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log" / "keys.jsonl").read_text().splitlines()]


def test_a_key_that_was_exchanged_meanwhile_is_fetched_once_more(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(tmp_path, f"vault: {{provider: file, path: {tmp_path / 'key'}, encoding: hex}}")
    file = write_vault(tmp_path / "a.db", "CREATE TABLE t (x)", CANARY)
    (tmp_path / "key").write_text(OTHER)
    (tmp_path / "key").chmod(0o600)
    real = os.read

    def exchange(descriptor: int, size: int) -> bytes:
        content = real(descriptor, size)
        if content == OTHER.encode():
            (tmp_path / "key").write_text(CANARY)
        return content

    monkeypatch.setattr("strongroom.keys.secret_files.os.read", exchange)
    code, out, _ = run("keys.check", "--database", str(file))
    assert (code, "opens the database" in out) == (0, True)


def test_versions_are_shown_with_states_and_ages(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", CANARY)
    monkeypatch.setenv("SHOP_OLD", OTHER)
    describe(tmp_path, "vault: {provider: environment, variable: SHOP_KEY, previous: [SHOP_OLD], encoding: hex}")
    code, out, _ = run("keys.show", "--json")
    assert code == 0
    (found,) = json.loads(out)["keys"]
    assert [(one["state"], one["age_days"]) for one in found["versions"]] == [("previous", None), ("active", None)]
    assert found["versions"][1]["id"] == "vault@476a4dbc1adc6308"
    code, out, _ = run("keys.show")
    assert "vault@476a4dbc1adc6308  active" in out
    monkeypatch.delenv("SHOP_KEY")
    code, out, _ = run("keys.show")
    assert (code, "SHOP_KEY is not set" in out) == (12, True)


def test_a_system_without_keys_says_so(tmp_path: Path, run: Run) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "system.yaml").write_text("version: 1\nname: shop\ntitle: A shop\n")
    code, out, _ = run("keys.show")
    assert (code, "this system names no keys" in out) == (0, True)
    code, out, _ = run("keys.check")
    assert (code, "0 of 0 keys" in out) == (0, True)


def test_each_use_names_its_task(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", CANARY)
    describe(tmp_path, "vault: {provider: environment, variable: SHOP_KEY, encoding: hex}")
    run("keys.check")
    run("keys.show")
    assert [(line["task"], line["action"]) for line in read_log(tmp_path)] == [
        ("keys.check", "get"),
        ("keys.show", "list"),
    ]
