"""What logs say of a key that is at hand: a mask, in whatever encoding and from whichever library."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator

import pytest

from strongroom.core import scrubbing
from strongroom.core.errors import UsageError
from strongroom.core.scrubbing import scrub, scrub_logs, watch
from strongroom.core.secret import Secret
from strongroom.report import say_bug, say_error

KEY = "c0ffee1e5ca1ab1e0ddba115deadbeeffeedfacecafef00d0123456789abcdef"
BYTES = bytes.fromhex(KEY)
FORMS = {
    "hex": KEY,
    "HEX": KEY.upper(),
    "base64": base64.b64encode(BYTES).decode(),
    "url-safe": base64.urlsafe_b64encode(BYTES).decode(),
    "bytes": repr(BYTES),
    "SQL": f"PRAGMA key = \"x'{KEY}'\"",
    "hex of hex": KEY.encode().hex(),
    "base64 of hex": base64.b64encode(KEY.encode()).decode(),
}


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(scrubbing, "_forms", {})
    watch(Secret(KEY))
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    yield
    logging.setLogRecordFactory(before)


def is_shown(text: str) -> bool:
    return any(form.strip("b'=").casefold() in text.casefold() for form in FORMS.values())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_key_is_masked_in_every_encoding(form: str) -> None:
    said = scrub(f"before {form} after")
    assert not is_shown(said)
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert "•••" in said


def test_a_passphrase_is_masked_and_a_short_word_is_not() -> None:
    watch(Secret("your-32-character-encryption-key"))
    watch(Secret("short"))
    assert scrub("key your-32-character-encryption-key, short") == "key •••, short"


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_whatever_a_library_logs_passes_through(said: io.StringIO, form: str) -> None:
    scrub_logs()
    scrub_logs()  # once is enough
    logger = logging.getLogger("urllib3.connectionpool")
    logger.debug("sent %s", form)
    logger.debug("sent %(key)s", {"key": form})
    logger.debug(form)
    logger.debug(BYTES)
    try:
        int(f"no number: {form}")
    except ValueError:
        logger.exception("failed")
    assert not is_shown(said.getvalue())
    assert said.getvalue().count("•••") >= 4
    assert "ValueError" in said.getvalue()


def test_without_it_the_test_would_see_the_key(said: io.StringIO) -> None:
    logging.getLogger("urllib3").debug("sent %s", KEY)
    assert is_shown(said.getvalue())


def test_a_message_whose_arguments_do_not_fit_is_left_to_logging(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    scrub_logs()
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("odd").debug("%d", "no number")
    assert said.getvalue() == ""


def test_tracebacks_of_bugs_and_of_debug_hold_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    say_bug(ValueError(f"near {KEY}"))
    say_error(UsageError("a", "b"), trace=ValueError(f"near x'{KEY}'"))
    said = capsys.readouterr().err
    assert "ValueError: near •••" in said
    assert "error: a: b" in said
    assert not is_shown(said)
