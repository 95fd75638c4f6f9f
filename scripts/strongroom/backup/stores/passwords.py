"""What opens a store: a password that people keep, credentials of a bucket, and how a program gets either.

A program reads them from memory that it inherits as an open file: they are on no disk, in no argument and in no
environment, and whatever is killed leaves nothing behind.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.backup_entry import Bucket
from strongroom.core.errors import KeyMissingError
from strongroom.core.key_entries import Place
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret
from strongroom.keys.secret_files import read_secret_file

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Of Crockford's base32: none looks like another."""
_GROUPS, _GROUP = 8, 4
_BUCKET = "backup: store: bucket:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are for a bucket."""

    access_key: Secret
    secret_key: Secret


def make_escrow_password() -> Secret:
    """Make a password that a person can type: 160 bits, in groups of four."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return Secret("-".join(groups))


def read_credentials(bucket: Bucket, environment: Mapping[str, str]) -> Credentials:
    """Read what ``system.yaml`` names, and nothing else. Raises KeyMissingError, and what reading a file raises."""
    return Credentials(  # the first is a name, and may be a word that stands elsewhere too
        access_key=Secret(_read_text(bucket.access_key, environment, f"{_BUCKET} access_key")),
        secret_key=read_place(bucket.secret_key, environment, f"{_BUCKET} secret_key"),
    )


def read_place(place: Place, environment: Mapping[str, str], subject: str) -> Secret:
    """Read something secret from where ``system.yaml`` says it is. Raises KeyMissingError, naming ``subject``."""
    secret = Secret(_read_text(place, environment, subject))
    watch(secret)
    return secret


def _read_text(place: Place, environment: Mapping[str, str], subject: str) -> str:
    if place.file is not None:
        text = read_secret_file(subject, Path(place.file)).decode(errors="replace").strip()
    else:
        text = environment.get(str(place.variable), "").strip()
    if not text or not text.isprintable():
        fact = f"{place.file or place.variable} holds none"
        raise KeyMissingError(subject, fact, "write it there, or correct the place in system.yaml")
    return text


class Handing:
    """Hands texts to a program that is about to start."""

    def __init__(self) -> None:
        """Nothing is handed on yet."""
        self.descriptors: list[int] = []

    def offer(self, text: str) -> str:
        """Return the path under which the program reads a text, as often as it wants."""
        descriptor = os.memfd_create("handed")
        self.descriptors.append(descriptor)
        content = memoryview(text.encode(errors="surrogateescape"))
        while content:
            content = content[os.write(descriptor, content) :]
        return f"/dev/fd/{descriptor}"


@contextmanager
def handing() -> Iterator[Handing]:
    """Hand texts to one program: they are gone with it."""
    handed = Handing()
    try:
        yield handed
    finally:
        for descriptor in handed.descriptors:
            os.close(descriptor)
