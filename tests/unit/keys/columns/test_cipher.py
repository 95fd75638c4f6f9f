"""A value comes out as it went in, in its row alone, under any version of its key; or an error of ours."""

from __future__ import annotations

import math
import traceback
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.errors import (
    AlreadyEncryptedError,
    NotEncryptedError,
    StrongroomError,
    UsageError,
    WrongContextError,
)
from strongroom.core.scrubbing import holds_secret
from strongroom.keys.columns import ColumnCipher, Context, Kind, Value
from strongroom.keys.errors import KeyFormatError, KeyNotFoundError
from tests.unit.keys.columns.sites import ROW, Seconds, make_cipher, make_site
from tests.unit.keys.providers import CANARY, OTHER

KEYS = st.one_of(st.integers(), st.text(max_size=20), st.binary(max_size=20), st.uuids())
HALVES = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
VALUES = st.one_of(
    st.text(),
    st.binary(),
    st.integers(),
    st.floats(),
    st.text(HALVES),
)


@pytest.fixture
def cipher(tmp_path: Path) -> ColumnCipher:
    return make_cipher(make_site(tmp_path))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ColumnCipher:
    return make_cipher(make_site(tmp_path_factory.mktemp("site")))


def is_same(one: Value, other: Value) -> bool:
    """Compare type and value: 1, 1.0 and "1" differ, so do 0.0 and -0.0."""
    return type(one) is type(other) and repr(one) == repr(other)


@given(key=st.lists(KEYS, min_size=1, max_size=4), value=VALUES, as_bytes=st.booleans())
def test_every_value_comes_out_as_it_went_in(
    shared: ColumnCipher, key: list[Any], value: Value, as_bytes: bool
) -> None:
    try:
        place = Context("users", "api_key", tuple(key))
        stored = shared.seal(place, value, as_bytes=as_bytes)
    except (AlreadyEncryptedError, UsageError):  # a text that is half a character, or begins as ours
        assert any(isinstance(one, str) and not _is_utf8(one) for one in key) or not _can_be_sealed(value)
        return
    assert type(stored) is (bytes if as_bytes else str)
    assert is_same(shared.open(place, stored), value)
    assert shared.find_format(stored).key_id == shared.active_id


def _is_utf8(text: str) -> bool:
    return text.encode(errors="replace").decode() == text


def _can_be_sealed(value: Value) -> bool:
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="surrogateescape") == value
    return not isinstance(value, int) or abs(value) < 2**10_000


@pytest.mark.parametrize(
    "value", ["", b"", "\0", b"\0\xff", "sr2:", 0, -1, 2**63, 0.0, -0.0, math.inf, "grün 🔑", "7", 7, 7.0, "a" * 5_000]
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_values_of_every_kind_keep_it(cipher: ColumnCipher, value: Value, as_bytes: bool) -> None:
    assert is_same(cipher.open(ROW, cipher.seal(ROW, value, as_bytes=as_bytes)), value)


def test_no_number_is_lost_where_it_is_none(cipher: ColumnCipher) -> None:
    opened = cipher.open(ROW, cipher.seal(ROW, math.nan))
    assert isinstance(opened, float)
    assert math.isnan(opened)


def test_fifty_megabytes_pass(cipher: ColumnCipher) -> None:
    value = bytes(range(256)) * 200_000
    tracemalloc.start()
    try:
        assert cipher.open(ROW, cipher.seal(ROW, value)) == value
        assert tracemalloc.get_traced_memory()[1] < 8 * len(value)
    finally:
        tracemalloc.stop()


def test_equal_values_are_different_ciphertexts(cipher: ColumnCipher) -> None:
    assert len({cipher.seal(ROW, "planted") for _ in range(1_000)}) == 1_000


def test_what_stands_in_a_row_shows_the_key_and_nothing_of_the_value(cipher: ColumnCipher) -> None:
    stored = cipher.seal(ROW, "planted")
    assert isinstance(stored, str)
    mark, key_id, body = stored.split(":")
    assert (mark, key_id) == ("sr1", cipher.active_id)
    assert len(body) == math.ceil((12 + 1 + 7 + 16) * 4 / 3)
    assert "planted" not in stored


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_change_of_any_byte_is_seen(cipher: ColumnCipher, as_bytes: bool) -> None:
    stored = cipher.seal(ROW, "planted", as_bytes=as_bytes)
    content = stored.encode() if isinstance(stored, str) else stored
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            wrong = bytes(changed) if as_bytes else changed.decode("latin-1")
            with pytest.raises((WrongContextError, NotEncryptedError, KeyNotFoundError)):
                cipher.open(ROW, wrong)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_is_cut_off_or_longer_does_not_open(cipher: ColumnCipher, as_bytes: bool) -> None:
    stored = cipher.seal(ROW, "planted", as_bytes=as_bytes)
    more: list[Any] = [b"\0", b"=", b"\n"] if as_bytes else ["A", "=", "==", "\n", " ", "ü"]
    for wrong in [stored[:end] for end in range(len(stored))] + [stored + one for one in more]:
        with pytest.raises((WrongContextError, NotEncryptedError)):
            cipher.open(ROW, wrong)


OTHER_PLACES = [
    Context("users", "api_key", (8,)),
    Context("users", "api_key", ("7",)),
    Context("users", "api_key", (b"7",)),
    Context("users", "api_key", (7, 7)),
    Context("users", "secret", (7,)),
    Context("tokens", "api_key", (7,)),
    Context("Users", "api_key", (7,)),
    Context('users","api_key', "", (7,)),
]


@pytest.mark.parametrize("other", OTHER_PLACES)
def test_a_value_of_another_row_column_or_table_does_not_open(cipher: ColumnCipher, other: Context) -> None:
    stored = cipher.seal(ROW, "planted")
    with pytest.raises(WrongContextError) as caught:
        cipher.open(other, stored)
    assert caught.value.exit_code == 12
    assert cipher.open(ROW, stored) == "planted"


def test_a_uuid_is_its_text_and_no_other_spelling(cipher: ColumnCipher) -> None:
    key = uuid.UUID("0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0")
    stored = cipher.seal(Context("users", "api_key", (key,)), "planted")
    assert cipher.open(Context("users", "api_key", (str(key),)), stored) == "planted"
    with pytest.raises(WrongContextError):
        cipher.open(Context("users", "api_key", (str(key).upper(),)), stored)


def test_a_value_of_one_column_does_not_open_as_the_text_of_a_binary_one(cipher: ColumnCipher) -> None:
    text = cipher.seal(ROW, "planted")
    assert isinstance(text, str)
    with pytest.raises(WrongContextError):
        cipher.open(ROW, text.encode())


def test_every_version_opens_and_the_active_one_is_written(tmp_path: Path) -> None:
    before = make_cipher(make_site(tmp_path, active=OTHER))
    stored = before.seal(ROW, "planted")
    after = make_cipher(make_site(tmp_path, active=CANARY, previous=[OTHER]))
    assert after.open(ROW, stored) == "planted"
    assert before.active_id != after.active_id
    assert after.find_format(after.seal(ROW, "planted")).key_id == after.active_id
    assert after.find_format(after.seal(ROW, "planted", under=before.active_id)).key_id == before.active_id


def test_a_version_that_is_not_here_is_named_and_not_asked_for_by_every_row(tmp_path: Path) -> None:
    stored = make_cipher(make_site(tmp_path, active=OTHER)).seal(ROW, "planted")
    site, clock = make_site(tmp_path / "here", active=CANARY), Seconds()
    cipher = make_cipher(site, clock)
    for _ in range(100):
        with pytest.raises(KeyNotFoundError) as caught:
            cipher.open(ROW, stored)
    assert str(cipher.find_format(stored).key_id) in str(caught.value)
    assert len(site.read_log()) == 1
    clock.now = 11
    with pytest.raises(KeyNotFoundError):
        cipher.open(ROW, stored)
    assert len(site.read_log()) == 2


def test_a_version_that_came_later_is_found_without_a_restart(tmp_path: Path) -> None:
    stored = make_cipher(make_site(tmp_path, active=OTHER)).seal(ROW, "planted")
    site, clock = make_site(tmp_path), Seconds()
    active, later = tmp_path / "active", tmp_path / "later"
    entry = {"provider": "file", "path": str(active), "previous": [str(later)], "encoding": "hex"}
    site.entries = {"encryption": entry}
    active.write_text(CANARY)
    active.chmod(0o600)
    cipher = make_cipher(site, clock)
    with pytest.raises(KeyNotFoundError):
        cipher.open(ROW, stored)
    later.write_text(OTHER)
    later.chmod(0o600)
    clock.now = 10
    assert cipher.open(ROW, stored) == "planted"


def test_a_key_that_opened_nothing_is_fetched_anew_once_whatever_the_number_of_rows(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    cipher = make_cipher(site)
    stored = cipher.seal(ROW, "planted")
    for number in range(100):
        with pytest.raises(WrongContextError):
            cipher.open(Context("users", "api_key", (1_000 + number,)), stored)
    assert [line["action"] for line in site.read_log()] == ["get", "get", "refresh"]


def test_another_key_is_named_and_never_tried(cipher: ColumnCipher, tmp_path: Path) -> None:
    stored = make_cipher(make_site(tmp_path), key="other").seal(ROW, "planted")
    with pytest.raises(KeyNotFoundError, match="is not the key of this column"):
        cipher.open(ROW, stored)


def test_a_name_of_before_opens_where_it_is_said(tmp_path: Path) -> None:
    stored = make_cipher(make_site(tmp_path)).seal(Context("accounts", "secret", (7,)), "planted")
    renamed = make_cipher(make_site(tmp_path), was=["accounts.token", "accounts.secret"])
    assert renamed.open(ROW, stored) == "planted"
    with pytest.raises(WrongContextError):
        renamed.open(Context("users", "api_key", (8,)), stored)
    with pytest.raises(WrongContextError):
        make_cipher(make_site(tmp_path)).open(Context("accounts", "secret", (7,)), renamed.seal(ROW, "planted"))


@pytest.mark.parametrize("value", ["planted", b"planted", "", b"", 7, 1.5, None])
def test_what_is_plain_is_never_passed_through(cipher: ColumnCipher, value: object) -> None:
    with pytest.raises(NotEncryptedError) as caught:
        cipher.open(ROW, value)
    assert caught.value.exit_code == 6
    assert "planted" not in str(caught.value)


def test_what_is_encrypted_is_not_encrypted_again(cipher: ColumnCipher) -> None:
    for as_bytes in (False, True):
        stored = cipher.seal(ROW, "planted", as_bytes=as_bytes)
        for again in (stored, stored[:-1], stored[:4]):
            with pytest.raises(AlreadyEncryptedError) as caught:
                cipher.seal(ROW, again)
            assert caught.value.exit_code == 6


@pytest.mark.parametrize("value", [None, True, [1], "\ud800", "\udcc3\udca9", pytest.param(10**5_000, id="long"), 1j])
def test_what_is_no_value_is_refused(cipher: ColumnCipher, value: Any) -> None:
    with pytest.raises(UsageError):
        cipher.seal(ROW, value)


@pytest.mark.parametrize("key", [(), (None,), (1.5,), (True,), ("\ud800",), (7, None), ([7],)])
def test_what_is_no_primary_key_is_refused(key: Any) -> None:
    with pytest.raises(UsageError):
        Context("users", "api_key", key)


@pytest.mark.parametrize(
    "stored",
    [
        "sr1:",
        "sr1::",
        "sr1:encryption@3",
        "sr1:encryption@3:",
        "sr1:encryption@3:AAAA",
        "sr1:encryption:" + "A" * 60,
        "sr1:@3:" + "A" * 60,
        "sr1:encryption@:" + "A" * 60,
        "sr1:encryption@3@4:" + "A" * 60,
        "sr1:encryption@\n:" + "A" * 60,
        "sr1:encryption@" + "3" * 300 + ":" + "A" * 60,
        "sr1:encryption@3:" + "A" * 61,
        "sr1:encryption@3:" + "A" * 58 + "==",
        "sr1:encryption@3:" + "A" * 57 + "B",
        "sr1:encryption@3:" + "A" * 58 + "+/",
        "sr1:encryption@3:" + "A" * 58 + "\n\n",
        "sr1:encryption@3:" + "ü" * 60,
        "sr1:encryption@3:" + "\udcff" * 60,
        b"sr1:encryption@3:" + b"A" * 28,
        b"sr1:\xff\xff@3:" + b"A" * 60,
    ],
)
def test_an_envelope_that_is_not_whole_is_damaged_and_no_plain_value(cipher: ColumnCipher, stored: str | bytes) -> None:
    with pytest.raises(WrongContextError):
        cipher.open(ROW, stored)
    assert cipher.find_format(stored).kind is Kind.DAMAGED


@given(stored=st.one_of(st.text(), st.binary()), mark=st.sampled_from(["", "sr1:", "sr1:encryption@476a4dbc1adc6308:"]))
def test_nothing_that_stands_in_a_row_ends_in_another_error(
    shared: ColumnCipher, stored: str | bytes, mark: str
) -> None:
    wrong = mark + stored if isinstance(stored, str) else mark.encode() + stored
    with pytest.raises(StrongroomError):
        shared.open(ROW, wrong)
    shared.find_format(wrong)


def test_a_passphrase_encrypts_nothing(tmp_path: Path) -> None:
    cipher = make_cipher(make_site(tmp_path), key="pgp")
    with pytest.raises(KeyFormatError, match="is a passphrase"):
        cipher.seal(ROW, "planted")


def test_neither_key_nor_value_is_in_an_error_or_a_traceback(cipher: ColumnCipher) -> None:
    secret = "planted" * 2
    stored = cipher.seal(ROW, secret)
    with pytest.raises(WrongContextError) as caught:
        cipher.open(Context("users", "api_key", (secret,)), stored)
    told = "".join(traceback.format_exception(caught.value))
    assert secret not in told
    assert not holds_secret(told)


def test_the_derived_key_is_masked_as_the_key_is(cipher: ColumnCipher) -> None:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    cipher.seal(ROW, "planted")
    derived = HKDF(SHA256(), 32, salt=None, info=b"strongroom/columns/1").derive(bytes.fromhex(CANARY))
    assert holds_secret(f"a log line with {derived.hex()}")
