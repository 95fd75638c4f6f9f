"""Keys in OpenBao: read by version, rotated so that no reader ever gets a key that opens nothing, retired for good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hvac
import pytest

from strongroom.core.secret import Secret
from strongroom.keys import ProvidedKeys, State
from strongroom.keys.errors import (
    KeyConflictError,
    KeyDeletedError,
    KeyDeniedError,
    KeyDestroyedError,
    KeyNotFoundError,
)
from tests.integration.keys.servers import ROOT_TOKEN, Bao
from tests.unit.keys.providers import CANARY, OTHER, Clock, Site

THIRD = "5ca1ab1e" * 8


def open_keys(bao: Bao, token_file: Path, path: str, *policies: str, **more: Any) -> ProvidedKeys:
    token_file.write_text(bao.issue_token(*(policies or ("writer",))))
    return open_site(bao, token_file, path, **more).open()


def open_site(bao: Bao, token_file: Path, path: str, **more: Any) -> Site:
    entry = bao.entry(token_file, path=path, **more)
    return Site(folder=token_file.parent, entries={"vault": entry}, clock=Clock(datetime.now(UTC)))


def test_the_seeds_own_path_and_field_are_read(bao: Bao, token_file: Path) -> None:
    bao.allow("seed", "secret/data/aragora/encryption read")
    version = bao.write("aragora/encryption", {"key": CANARY})
    keys = open_keys(bao, token_file, "aragora/encryption", "seed")
    key = keys.fetch("vault")
    assert (key.secret.reveal(), key.id) == (CANARY, f"vault@{version}")
    assert key.created is not None


def test_each_version_of_a_path_is_one_of_the_key(bao: Bao, token_file: Path) -> None:
    for value in (CANARY, OTHER, THIRD):
        bao.write("shop/versions", {"key": value, "note": "kept by hand"})
    keys = open_keys(bao, token_file, "shop/versions")
    assert keys["vault"].reveal() == THIRD
    assert [keys[f"vault@{number}"].reveal() for number in (1, 2, 3)] == [CANARY, OTHER, THIRD]
    assert [(one.version, one.state) for one in keys.list_versions("vault")] == [
        ("1", State.PREVIOUS),
        ("2", State.PREVIOUS),
        ("3", State.ACTIVE),
    ]
    pinned = open_keys(bao, token_file, "shop/versions", version=2)
    assert pinned["vault"].reveal() == OTHER
    with pytest.raises(KeyNotFoundError, match="has no such version"):
        keys["vault@9"]
    with pytest.raises(KeyNotFoundError, match="they are numbers"):
        keys["vault@latest"]


def test_a_rotation_keeps_the_active_key_until_it_is_promoted_and_the_old_one_until_it_is_retired(
    bao: Bao, token_file: Path
) -> None:
    keys = open_keys(bao, token_file, "shop/rotated")
    assert keys.create("vault", Secret(CANARY)) == "1"
    assert keys.put_pending("vault", Secret(OTHER)) == "2"
    # What the application reads, by the seed's own lines: the active key, also while another one is pending.
    assert bao.read("shop/rotated")["key"] == CANARY
    assert (keys["vault"].reveal(), keys["vault@1"].reveal(), keys["vault@2"].reveal()) == (CANARY, CANARY, OTHER)
    states = {one.version: one.state for one in keys.list_versions("vault")}
    assert states == {"1": State.ACTIVE, "2": State.PENDING}
    keys.promote("vault", "2")
    keys.promote("vault", "2")
    assert (bao.read("shop/rotated")["key"], keys["vault"].reveal(), keys["vault@1"].reveal()) == (OTHER, OTHER, CANARY)
    assert keys.fetch("vault").id == "vault@2"
    states = {one.version: one.state for one in keys.list_versions("vault")}
    assert states == {"1": State.PREVIOUS, "2": State.ACTIVE}
    keys.retire("vault", "1")
    fresh = open_keys(bao, token_file, "shop/rotated")
    assert (fresh["vault"].reveal(), fresh["vault@2"].reveal()) == (OTHER, OTHER)
    with pytest.raises((KeyNotFoundError, KeyDestroyedError)):
        fresh["vault@1"]
    assert CANARY not in every_version(bao, "shop/rotated")


def every_version(bao: Bao, path: str) -> str:
    """Return all that the path still holds, in any version."""
    about = bao.admin.secrets.kv.v2.read_secret_metadata(path)["data"]["versions"]
    return " ".join(str(bao.read(path, int(number))) for number, entry in about.items() if not entry["destroyed"])


def test_a_key_is_had_by_its_id_after_more_rotations_than_the_engine_keeps_versions(bao: Bao, token_file: Path) -> None:
    keys = open_keys(bao, token_file, "shop/often")
    values = [f"{number:064x}" for number in range(1, 9)]
    ids = [keys.create("vault", Secret(values[0]))]
    for value in values[1:]:
        ids.append(keys.put_pending("vault", Secret(value)))
        keys.promote("vault", ids[-1])
    fresh = open_keys(bao, token_file, "shop/often")
    assert [fresh[f"vault@{version}"].reveal() for version in ids] == values
    about = bao.admin.secrets.kv.v2.read_secret_metadata("shop/often")["data"]
    assert "1" not in about["versions"]  # the engine has dropped it


def test_versions_that_others_wrote_stay_when_one_is_retired(bao: Bao, token_file: Path) -> None:
    for value in (CANARY, OTHER, THIRD):
        bao.write("shop/mixed", {"key": value, "else": "mine"})
    keys = open_keys(bao, token_file, "shop/mixed")
    assert keys.put_pending("vault", Secret("ab" * 32)) == "4"
    keys.promote("vault", "4")
    keys.retire("vault", "2")
    fresh = open_keys(bao, token_file, "shop/mixed")
    assert [fresh[f"vault@{number}"].reveal() for number in (1, 3, 4)] == [CANARY, THIRD, "ab" * 32]
    with pytest.raises(KeyDestroyedError):
        fresh["vault@2"]
    assert bao.read("shop/mixed")["else"] == "mine"


def test_a_version_that_has_a_label_outlives_the_engines_limit(bao: Bao, token_file: Path) -> None:
    bao.write("shop/labelled", {"key": CANARY})
    keys = open_keys(bao, token_file, "shop/labelled")
    keys.label("vault", "1")
    keys.label("vault", "1")
    for _ in range(12):
        bao.write("shop/labelled", bao.read("shop/labelled"))
    assert open_keys(bao, token_file, "shop/labelled")["vault@1"].reveal() == CANARY


def test_what_is_there_is_not_made_again_and_one_is_pending_at_a_time(bao: Bao, token_file: Path) -> None:
    keys = open_keys(bao, token_file, "shop/twice")
    bao.write("shop/twice", {"other": "field"})
    assert keys.create("vault", Secret(CANARY)) == "2"
    assert bao.read("shop/twice") == {"other": "field", "key": CANARY}
    with pytest.raises(KeyConflictError, match="there is one") as caught:
        keys.create("vault", Secret(OTHER))
    assert caught.value.exit_code == 6
    keys.put_pending("vault", Secret(OTHER))
    with pytest.raises(KeyConflictError, match="version 3 is pending already"):
        keys.put_pending("vault", Secret(THIRD))
    with pytest.raises(KeyConflictError, match="is the active one"):
        keys.retire("vault", "2")
    keys.retire("vault", "3")  # given up before it was ever active
    assert [one.version for one in keys.list_versions("vault")] == ["2"]


def test_who_writes_meanwhile_is_not_overwritten(bao: Bao, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = open_keys(bao, token_file, "shop/raced")
    keys.create("vault", Secret(CANARY))
    provider: Any = keys._provider("vault")
    read = provider._path.read

    def read_and_be_overtaken(number: int | None = None) -> Any:
        found = read(number)
        if found.number == 1:
            bao.write("shop/raced", {"key": CANARY, "by": "somebody else"})
        return found

    monkeypatch.setattr(provider._path, "read", read_and_be_overtaken)
    with pytest.raises(KeyConflictError, match="somebody else wrote to") as caught:
        keys.put_pending("vault", Secret(OTHER))
    assert caught.value.exit_code == 6
    assert bao.read("shop/raced") == {"key": CANARY, "by": "somebody else"}


def test_what_was_written_before_its_answer_was_lost_is_written(
    bao: Bao, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = open_keys(bao, token_file, "shop/lost")
    keys.create("vault", Secret(CANARY))
    provider: Any = keys._provider("vault")
    ask, lost = provider._session._ask, []

    def lose_the_first(question: Any, place: Any, client: Any = None) -> Any:
        answer = ask(question, place, client)
        if place.capability == "update" and not lost:
            lost.append(answer)
            return ask(question, place, client)  # as tenacity does after a time-out
        return answer

    monkeypatch.setattr(provider._session, "_ask", lose_the_first)
    assert keys.put_pending("vault", Secret(OTHER)) == "2"
    assert lost
    assert keys["vault@2"].reveal() == OTHER


def test_a_deleted_version_is_told_from_a_destroyed_one_and_other_versions_go_on(bao: Bao, token_file: Path) -> None:
    for value in (CANARY, OTHER, THIRD):
        bao.write("shop/gone", {"key": value})
    bao.admin.secrets.kv.v2.delete_secret_versions("shop/gone", versions=[3])
    bao.admin.secrets.kv.v2.destroy_secret_versions("shop/gone", versions=[2])
    keys = open_keys(bao, token_file, "shop/gone")
    with pytest.raises(KeyDeletedError) as deleted:
        keys["vault"]
    assert "bao kv undelete -mount=secret -versions=3 shop/gone" in deleted.value.hint
    with pytest.raises(KeyDestroyedError) as destroyed:
        keys["vault@2"]
    assert "escrow" in destroyed.value.hint
    assert (deleted.value.exit_code, destroyed.value.exit_code) == (12, 12)
    assert keys["vault@1"].reveal() == CANARY
    states = {one.version: one.state for one in keys.list_versions("vault")}
    assert states == {"1": State.PREVIOUS, "2": State.GONE, "3": State.DELETED}
    with pytest.raises(KeyDeletedError):  # nothing takes the place of what can be brought back
        keys.create("vault", Secret("ab" * 32))


def test_a_namespace_is_asked_where_one_is_named(bao: Bao, token_file: Path) -> None:
    bao.admin.sys.create_namespace("team")
    team = hvac.Client(url=bao.address, token=ROOT_TOKEN, verify=str(bao.authority), namespace="team")
    team.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    team.sys.create_or_update_policy("team", 'path "secret/data/*" { capabilities = ["read"] }')
    team.secrets.kv.v2.create_or_update_secret("key", secret={"key": CANARY})
    token_file.write_text(team.auth.token.create(policies=["team"], no_parent=True)["auth"]["client_token"])
    inside = open_site(bao, token_file, "key", namespace="team").open()
    assert inside["vault"].reveal() == CANARY
    assert "(namespace team)" in inside.describe("vault").place
    with pytest.raises(KeyDeniedError, match="no policy allows"):
        open_site(bao, token_file, "key").open()["vault"]


def test_its_place_and_health_are_said_with_the_policy_that_it_needs(bao: Bao, token_file: Path) -> None:
    keys = open_keys(bao, token_file, "shop/described")
    about = keys.describe("vault")
    assert about.place == f"{bao.address}/v1/secret/data/shop/described, field key"
    assert 'policy: path "secret/data/shop/described" { capabilities = ["read"] }' in about.notes
    assert keys.check_health("vault") == "version 2.7.2, unsealed"
