"""Keys, each from the one provider that ``system.yaml`` names; their values are never shown, written or copied."""

from strongroom.keys.audit import AuditLog, find_log
from strongroom.keys.model import Description, Key, KeyProvider, KeyVersion, KeyWriter, State
from strongroom.keys.provided import ProvidedKeys
from strongroom.keys.providing import provide

__all__ = [
    "AuditLog",
    "Description",
    "Key",
    "KeyProvider",
    "KeyVersion",
    "KeyWriter",
    "ProvidedKeys",
    "State",
    "find_log",
    "provide",
]
