"""What one path of the KV engine holds: a key as whoever wrote it there, or the versions of one as we keep them.

A key that others keep is one field, and each version of the path is one of the key. For a rotation we keep in *one*
version all that is needed: ``key`` is the active one, as applications read it; ``key_id`` says which that is;
``key@1``, ``key@2`` hold each that is not retired. So a pending key is nobody's active one before it is promoted, and
none is lost when the engine drops old versions (it keeps ten).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The content of one version of a path."""

    field: str
    number: int
    """Which version of the path it is; 0 for a path at which nothing was ever written."""
    fields: Mapping[str, Any] = dataclasses.field(repr=False)
    created: datetime | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it holds versions of the key, and not just the key."""
        return self._id_field in self.fields

    @property
    def active(self) -> str:
        """The version of the key that is active."""
        return str(self.fields[self._id_field]) if self.is_ours else str(self.number)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the key that it holds, oldest first."""
        if not self.is_ours:
            return (self.active,)
        prefix = f"{self.field}@"
        return tuple(sorted((name[len(prefix) :] for name in self.fields if name.startswith(prefix)), key=_order))

    def find(self, version: str) -> Any:
        """Return the value of a version of the key; None where it holds none."""
        if not self.is_ours:
            return self.fields.get(self.field) if version == self.active else None
        return self.fields.get(f"{self.field}@{version}")

    def is_pending(self, version: str) -> bool:
        """Tell whether a version came after the active one."""
        return _order(version) > _order(self.active)

    def with_version(self, version: str, value: Any) -> Document:
        """Return it with one more version of the key, and as we keep it."""
        own = {self._id_field: self.active, f"{self.field}@{self.active}": self.fields[self.field]}
        return replace(self, fields={**self.fields, **own, f"{self.field}@{version}": value})

    def with_active(self, version: str) -> Document:
        """Return it with another version active."""
        return replace(self, fields={**self.fields, self.field: self.find(version), self._id_field: version})

    def without_version(self, version: str) -> Document:
        """Return it without a version of the key."""
        left = {name: value for name, value in self.fields.items() if name != f"{self.field}@{version}"}
        return replace(self, fields=left)

    @property
    def _id_field(self) -> str:
        return f"{self.field}_id"


def _order(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (0, version)
