"""One path of the KV engine, version 2: read, written under check-and-set, and what its 404 means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hvac.exceptions import InvalidPath, VaultDown, VaultNotInitialized  # type: ignore[import-untyped]

from strongroom.core.errors import StrongroomError
from strongroom.core.key_entries import VaultKey
from strongroom.keys.errors import (
    KeyConflictError,
    KeyDeletedError,
    KeyDestroyedError,
    KeyNotFoundError,
    ProviderMisnamedError,
)
from strongroom.keys.model import State
from strongroom.keys.vault.document import Document
from strongroom.keys.vault.explaining import explain
from strongroom.keys.vault.session import VaultSession

_VERSION = "2"
_SEALED, _NOT_SET_UP = 503, 501


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What the engine says of a version of the path."""

    created: datetime | None
    state: State | None
    """DELETED or GONE; None where it can be read."""


class KeyValuePath:
    """The path that holds a key."""

    def __init__(self, subject: str, entry: VaultKey, session: VaultSession) -> None:
        """Nobody is asked yet."""
        self._subject, self._entry, self._session = subject, entry, session
        self.data = session.place(f"{entry.mount}/data/{entry.path}")

    def read(self, number: int | None = None) -> Document:
        """Read the newest version, or one by its number.

        Raises KeyNotFoundError, KeyDeletedError, KeyDestroyedError; ProviderMisnamedError for a mount that is not
        there or no KV of version 2; and what ``VaultSession.ask`` raises.
        """

        def ask(client: Any) -> Any:
            return client.secrets.kv.v2.read_secret_version(
                self._entry.path,
                version=number,
                mount_point=self._entry.mount,
                raise_on_deleted_version=True,
            )

        try:
            answer = self._session.ask(ask, self.data)
        except InvalidPath as error:
            raise self._explain(error, number) from None
        try:
            about, fields = answer["data"]["metadata"], answer["data"]["data"]
            found = Document(
                field=self._entry.field,
                number=int(about["version"]),
                fields=dict(fields),
                created=_read_time(about.get("created_time")),
            )
        except (KeyError, TypeError, ValueError):  # an engine of version 1 has data of any shape at this path
            raise self._misnamed("no KV of version 2") from None
        return found

    def nothing(self, number: int = 0) -> Document:
        """Return what there is where nothing is."""
        return Document(field=self._entry.field, number=number, fields={})

    def write(self, latest: Document, fields: Mapping[str, Any]) -> int:
        """Write the next version, where the newest is still ``latest``; return its number.

        Raises KeyConflictError where it is not. What was written before an answer was lost is written.
        """
        place = self._session.place(self.data.api_path, "update" if latest.number else "create")

        def ask(client: Any) -> Any:
            return client.secrets.kv.v2.create_or_update_secret(
                self._entry.path, secret=dict(fields), cas=latest.number, mount_point=self._entry.mount
            )

        try:
            return int(self._session.ask(ask, place)["data"]["version"])
        except InvalidPath as error:
            raise self._explain(error, None) from None
        except KeyConflictError:
            now = self.read()
            if now.number == latest.number + 1 and now.fields == fields:
                return now.number
            raise

    def destroy(self, numbers: list[int]) -> None:
        """Destroy versions of the path for good."""
        place = self._session.place(f"{self._entry.mount}/destroy/{self._entry.path}", "update")
        self._session.ask(
            lambda client: client.secrets.kv.v2.destroy_secret_versions(
                self._entry.path, versions=numbers, mount_point=self._entry.mount
            ),
            place,
        )

    def list_numbers(self) -> dict[str, Number]:
        """Return what the engine says of each version that it has not dropped."""
        place = self._session.place(f"{self._entry.mount}/metadata/{self._entry.path}")
        try:
            answer = self._session.ask(
                lambda client: client.secrets.kv.v2.read_secret_metadata(
                    self._entry.path, mount_point=self._entry.mount
                ),
                place,
            )
        except InvalidPath as error:
            raise self._explain(error, None) from None
        now = self._session.now()
        try:
            return {number: _read_number(about, now) for number, about in answer["data"]["versions"].items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._misnamed("no KV of version 2") from None

    def list_readable(self) -> Iterator[Document]:
        """Read every version that can be read."""
        for number, about in self.list_numbers().items():
            if about.state is None:
                yield self.read(int(number))

    def check_health(self) -> str:
        """Say which server answers. Raises where it is sealed, not set up, down or not to be trusted."""
        place = self._session.place("sys/health")
        codes = {"sealed_code": _SEALED, "uninit_code": _NOT_SET_UP}
        answer = self._session.ask_nobody(
            lambda client: client.sys.read_health_status(method="GET", standby_ok=True, **codes), place
        )
        if not isinstance(answer, dict):  # another status than 200: its response
            is_there = answer.status_code == _SEALED
            raise explain(VaultDown("vault is sealed") if is_there else VaultNotInitialized(), place)
        return f"version {answer.get('version', 'not said')}, unsealed"

    def _explain(self, error: InvalidPath, number: int | None) -> StrongroomError:
        """Tell apart what the server answers with 404: by its words, what it says of the version, and the mount."""
        subject = self._subject if number is None else f"{self._subject}@{number}"
        about = _read_about(error)
        if about.get("destroyed"):
            hint = "it is gone from there: restore the key from its escrow file, or name another version"
            return KeyDestroyedError(subject, f"{self.data.where} was destroyed", hint)
        if about.get("deletion_time"):
            version = about.get("version", number)
            hint = f"bring it back: bao kv undelete -mount={self._entry.mount} -versions={version} {self._entry.path}"
            return KeyDeletedError(subject, f"{self.data.where} was deleted", hint)
        if "no handler for route" in str(error.args[0] if error.args else ""):
            return self._misnamed("not there")
        kind = self._ask_kind()
        if kind is not None and kind != _VERSION:
            return self._misnamed("no KV of version 2")
        if number is not None:
            fact = f"{self.data.where} has no such version: never had, or it was dropped (by default ten are kept)"
            return KeyNotFoundError(subject, fact, "keys.show lists the versions that are there")
        return KeyNotFoundError(subject, f"there is nothing at {self.data.where}", "correct path:, or keys.init")

    def _misnamed(self, what: str) -> ProviderMisnamedError:
        place = f"{self.data.address}, mount {self._entry.mount}"
        hint = "correct mount:; bao secrets list -detailed shows them with their versions"
        return ProviderMisnamedError(self._subject, f"{place} is {what}", hint)

    def _ask_kind(self) -> str | None:
        """Return the version of the mount's engine, where we may know it."""
        place = self._session.place(f"sys/internal/ui/mounts/{self._entry.mount}")
        try:
            answer = self._session.ask(lambda client: client.adapter.get(f"/v1/{place.api_path}"), place)
            return str((answer["data"]["options"] or {}).get("version", "1"))
        except (StrongroomError, InvalidPath, KeyError, TypeError):
            return None


def _read_about(error: InvalidPath) -> Mapping[str, Any]:
    try:
        return dict(error.json["data"]["metadata"])
    except (KeyError, TypeError, ValueError):
        return {}


def _read_number(about: Mapping[str, Any], now: datetime) -> Number:
    """Read what is said of a version; one that will be deleted later (``delete_version_after``) is still there."""
    deleted = _read_time(about.get("deletion_time"))
    is_deleted = deleted is not None and deleted <= now
    state = State.GONE if about.get("destroyed") else State.DELETED if is_deleted else None
    return Number(created=_read_time(about.get("created_time")), state=state)


def _read_time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
