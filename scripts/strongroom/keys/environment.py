"""Keys in variables of the environment: for development, as every process of the user may read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from strongroom.core.key_entries import EnvironmentKey
from strongroom.keys.encoding import decode_key
from strongroom.keys.errors import KeyNotFoundError
from strongroom.keys.held import Holding, find_version, list_holdings, name_by_fingerprint
from strongroom.keys.model import Description, Key, KeyVersion


class EnvironmentProvider:
    """A key in a variable, and those that were active before in others; a version is a key's fingerprint."""

    def __init__(self, name: str, entry: EnvironmentKey, variable: Callable[[str], str | None]) -> None:
        """Ask for variables by ``variable``."""
        self._name, self._entry, self._variable = name, entry, variable

    def get(self, version: str | None = None) -> Key:
        """Read the active key, or the one of a version."""
        if version is None:
            return self._read(self._entry.variable)
        return find_version(self._name, version, self._hold())

    def list_versions(self) -> tuple[KeyVersion, ...]:
        """Return the keys that are set."""
        return list_holdings(self._hold())

    def describe(self) -> Description:
        """Say which variable it is."""
        notes = ("whoever is this user or root may read it in /proc: for development",)
        return Description(provider="environment", place=self._entry.variable, notes=notes)

    def check_health(self) -> str:
        """Say nothing: there is always an environment."""
        return ""

    def _hold(self) -> list[Holding]:
        names = (self._entry.variable, *self._entry.previous)
        return [Holding(place=name, read=partial(self._read, name)) for name in names]

    def _read(self, variable: str) -> Key:
        text = self._variable(variable)
        if text is None:
            raise KeyNotFoundError(f"key {self._name}", f"{variable} is not set", self._advise(variable))
        place = f"key {self._name} in {variable}"
        secret = decode_key(place, text.encode(errors="surrogateescape"), self._entry.encoding)
        return name_by_fingerprint(self._name, secret, self._entry.encoding)

    def _advise(self, variable: str) -> str:
        """Say how to go on; a variable that names a file is another provider, which does not stand in for this one."""
        if self._variable(f"{variable}_FILE") is not None:
            return f"{variable}_FILE is set: say provider: file, variable: {variable}_FILE in system.yaml"
        return f"set {variable}, or name another provider in system.yaml"
