"""A key as it could come to stand somewhere: as it is, in hex, in base64, in a text that was encoded as a whole."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Needles:
    """What is looked for, by the name under which a hit is told."""

    keys: Mapping[str, str]
    """Keys: 64 hex digits, which are bytes as well."""
    words: Mapping[str, str]
    """Other secrets: texts."""

    @cached_property
    def forms(self) -> dict[bytes, str]:
        """Every spelling, with the name and the kind of it."""
        found: dict[bytes, str] = {}
        for name, text in self.keys.items():
            found |= {form: f"{name} {kind}" for kind, form in spell(bytes.fromhex(text))}
        for name, text in self.words.items():
            found |= {form: f"{name} {kind}" for kind, form in spell(text.encode())}
        return found

    def find(self, content: bytes) -> list[str]:
        """Return what stands in a content, by name and kind."""
        return sorted({said for form, said in self.forms.items() if form in content})

    def find_in(self, files: Iterable[Path]) -> list[str]:
        """Return what stands in files, or in their names."""
        return [f"{file}: {said}" for file in files for said in self.find(_read(file) + bytes(file))]


def spell(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a secret in every way in which it is looked for, each with the name of the way."""
    yield "raw", content
    yield "hex", content.hex().encode()
    yield "HEX", content.hex().upper().encode()
    yield "escaped", repr(content)[2:-1].encode()
    yield "json", json.dumps(content.decode("latin-1"))[1:-1].encode()
    inner = (("", content), (" of hex", content.hex().encode()), (" of HEX", content.hex().upper().encode()))
    for of, text in inner:
        for offset in range(3):
            for kind, encode in (("base64", base64.b64encode), ("url-safe", base64.urlsafe_b64encode)):
                yield f"{kind}{of}", _core(encode(bytes(offset) + text + bytes(2)), offset, len(text))


def _core(encoded: bytes, offset: int, length: int) -> bytes:
    """Cut away the characters of base64 in which bytes beside the secret have a part."""
    return encoded[-(-offset * 8 // 6) : (offset + length) * 8 // 6]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, PermissionError, ProcessLookupError):  # gone meanwhile
        return b""
