"""What only begins as ciphertext is told apart from it; why values are made plain again is noted."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest

from tests.integration.containers.column_site import USERS, ColumnSite, open_column_site
from tests.integration.containers.schema_site import Site

TEXTS = [
    "gAAAAAB" + "a" * 40,
    base64.urlsafe_b64encode(b"\x80" + bytes(8) + random.Random(17).randbytes(63)).decode(),
    "sr1:",
    "sr1: see room 1",
    "sr1:north@gate:open",
    "sr1:a@b:c",
    "sr1:encryption@3:",
    "sr1:not:base64 at all!",
]


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    found = open_column_site(site, tmp_path)
    found.make_users([(1, "plain")])
    found.register(USERS)
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_scan_invents_nothing_of_texts_that_begin_like_ciphertext(columns: ColumnSite, text: str) -> None:
    assert columns.run("columns.encrypt").code == 0
    columns.site.do("CREATE TABLE accounts.kept (more text)", f"INSERT INTO accounts.kept VALUES ('{text}')")
    ended = columns.run("columns.status", "--scan", "--json")
    assert ended.code == 0, ended.out


@pytest.mark.parametrize("text", ["sr1:", "sr1: see room 1"])
def test_encrypt_does_not_call_a_plain_text_that_begins_with_our_mark_done(columns: ColumnSite, text: str) -> None:
    columns.make_users([(1, text), (2, "plain")])
    ended = columns.run("columns.encrypt", "--json")
    assert (ended.code, ended.json["columns"][0]["left"]) == (4, 1), ended.out


def test_why_values_are_made_plain_again_is_noted(columns: ColumnSite) -> None:
    columns.make_users([(1, columns.seal("one", 1))])
    assert columns.run("columns.decrypt", "--reason", "asked for by nobody").code == 0
    assert "asked for by nobody" in (columns.root / "audit.jsonl").read_text()
