"""Keys that are in this process are taken out of whatever it logs, as they are and in the usual encodings.

The last of several guards: nothing should try to log one. It knows what it was told to watch, in this process.
"""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from strongroom.core.secret import Secret

_SHORTEST = 8
"""What is shorter stands in ordinary words too."""
_MASK = "•••"
_forms: dict[str, None] = {}


def watch(secret: Secret) -> None:
    """Let a secret be taken out of what ``scrub`` is given, for as long as the process lives."""
    _forms.update(dict.fromkeys(form for form in _spell(secret.reveal()) if len(form) >= _SHORTEST))


def scrub(text: str) -> str:
    """Return a text with every watched secret masked."""
    for form in _forms:
        if form in text:
            text = text.replace(form, _MASK)
    return text


def holds_secret(text: str) -> bool:
    """Tell whether a watched secret stands in a text."""
    return any(form in text for form in _forms)


def scrub_logs() -> None:
    """Let every record of the logging module pass through ``scrub``, whoever makes and writes it."""
    before = logging.getLogRecordFactory()
    if getattr(before, "scrubs", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return _scrub_record(before(*args, **kwargs))

    make.scrubs = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)


def _scrub_record(record: logging.LogRecord) -> logging.LogRecord:
    if not _forms:
        return record
    try:
        said = record.getMessage()
    except (TypeError, ValueError):  # the handler complains of arguments that do not fit
        return record
    record.msg, record.args = scrub(said), None
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = scrub("".join(traceback.format_exception(record.exc_info[1]))).rstrip("\n")
    return record


def _spell(text: str) -> Iterator[str]:
    """Yield a secret as it may come to stand in a text: a key in hex is bytes as well."""
    yield text
    contents = [text.encode(errors="surrogateescape")]
    with suppress(ValueError):
        contents.append(bytes.fromhex(text))
    for content in contents:
        yield content.hex()
        yield content.hex().upper()
        for encoded in (base64.b64encode(content), base64.urlsafe_b64encode(content)):
            yield encoded.decode().rstrip("=")
        yield repr(content)[2:-1]
