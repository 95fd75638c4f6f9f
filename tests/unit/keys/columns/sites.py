"""A system with keys in the environment, and the cipher of one column of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strongroom.core.column_entries import ColumnEntry
from strongroom.keys.columns import ColumnCipher, Context
from tests.unit.keys.columns.messages import PASSPHRASE
from tests.unit.keys.providers import CANARY, OTHER, Site

ROW = Context("users", "api_key", (7,))
ENTRY = {"postgres": "accounts", "table": "users", "primary_key": ["id"], "column": "api_key", "key": "encryption"}
READS = ({"format": "fernet", "key": "encryption"}, {"format": "pgcrypto", "key": "pgp"})


class Seconds:
    """A clock of seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_site(folder: Path, *, active: str = CANARY, previous: Sequence[str] = ()) -> Site:
    """Return a system whose key ``encryption`` has these versions, and its passphrase ``pgp``."""
    variables = {f"OLD_{number}": key for number, key in enumerate(previous)}
    entries: dict[str, dict[str, Any]] = {
        "encryption": {
            "provider": "environment",
            "variable": "ENCRYPTION_KEY",
            "previous": sorted(variables),
            "encoding": "hex",
        },
        "pgp": {"provider": "environment", "variable": "PGP", "encoding": "passphrase"},
        "other": {"provider": "environment", "variable": "OTHER", "encoding": "hex"},
    }
    environment = {"ENCRYPTION_KEY": active, "PGP": PASSPHRASE, "OTHER": OTHER, **variables}
    return Site(folder=folder, entries=entries, environment=environment)


def make_cipher(site: Site, clock: Seconds | None = None, **entry: Any) -> ColumnCipher:
    """Return the cipher of ``users.api_key``."""
    return ColumnCipher(site.open(), ColumnEntry.model_validate(ENTRY | entry), clock=clock or Seconds())


def spell_fernet(key: str) -> bytes:
    """Return a key in hex as Fernet wants it."""
    return base64.urlsafe_b64encode(bytes.fromhex(key))
