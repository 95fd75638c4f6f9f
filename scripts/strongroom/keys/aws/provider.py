"""Keys in AWS Secrets Manager: one secret, each version by its id; staging labels say which is what.

AWS keeps the versions that have a label, and of its own labels only three: a key of two rotations ago would go. So
each version that is not retired has a label of ours, with its id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from strongroom.core.key_entries import AwsKey
from strongroom.core.secret import Secret
from strongroom.keys.aws.explaining import FAILURES, Place, explain
from strongroom.keys.encoding import decode_key, encode_key
from strongroom.keys.errors import KeyConflictError, KeyDeniedError, KeyFormatError, KeyNotFoundError
from strongroom.keys.model import Description, Key, KeyVersion, State
from strongroom.keys.retrying import ask_again

PENDING, PREVIOUS = "AWSPENDING", "AWSPREVIOUS"
_OWN = "strongroom-"
_LIST = "keys.show lists the versions that are there"
_SECONDS = 10
Answer = TypeVar("Answer")


class AwsProvider:
    """A key in a secret; also its writer."""

    def __init__(self, name: str, entry: AwsKey) -> None:
        """Nobody is asked before the first request."""
        self._name, self._entry, self._subject = name, entry, f"key {name}"
        self._made: Any = None

    def get(self, version: str | None = None) -> Key:
        """Fetch the active version, the one that ``version:`` pins, or a given one: an id, or a label of AWS's."""
        found = self._fetch(version or self._entry.version)
        identity = str(found["VersionId"])
        subject = f"{self._subject}@{identity}"
        secret = decode_key(subject, self._read_content(subject, found), self._entry.encoding)
        return Key(
            name=self._name,
            secret=secret,
            version=identity,
            encoding=self._entry.encoding,
            created=found.get("CreatedDate"),
        )

    def list_versions(self) -> tuple[KeyVersion, ...]:
        """Return the versions by age; needs ``ListSecretVersionIds``."""
        found = sorted(self._list(), key=lambda entry: str(entry.get("CreatedDate", "")))
        return tuple(
            KeyVersion(
                version=str(entry["VersionId"]),
                state=_name_state(entry.get("VersionStages") or (), self._entry.stage),
                created=entry.get("CreatedDate"),
            )
            for entry in found
        )

    def describe(self) -> Description:
        """Say which secret it is."""
        where = [f"secret {self._entry.secret}"]
        where += [f"field {self._entry.field}"] if self._entry.field is not None else []
        where += [self._entry.region or "region of the AWS configuration"]
        return Description(provider="aws", place=", ".join(where), notes=(f"policy: {self._place().policy}",))

    def check_health(self) -> str:
        """Ask for the secret's own description; not to be allowed that is an answer too."""
        try:
            self._ask("DescribeSecret", lambda client: client.describe_secret(SecretId=self._entry.secret))
        except (KeyDeniedError, KeyNotFoundError):
            return "answers"
        return "answers, and has the secret"

    def create(self, secret: Secret) -> str:
        """Make the secret. Raises KeyConflictError where there is one."""
        content, token = self._write_content(secret, {}), str(uuid.uuid4())
        made = self._ask(
            "CreateSecret",
            lambda client: client.create_secret(Name=self._entry.secret, ClientRequestToken=token, **content),
        )
        return str(made["VersionId"])

    def put_pending(self, secret: Secret) -> str:
        """Keep a new version with the label AWSPENDING; AWSCURRENT stays where it is."""
        stages = self._read_stages()
        current = self._find_current(stages)
        waiting = [version for version, labels in stages.items() if PENDING in labels and version != current]
        if waiting:
            fact = f"version {waiting[0]} is pending already"
            raise KeyConflictError(self._subject, fact, "finish or retire that one first (keys.show)")
        self.label(current)
        identity = str(uuid.uuid4())  # also makes it one version, however often it is sent
        content = self._write_content(secret, self._fetch(current))
        self._ask(
            "PutSecretValue",
            lambda client: client.put_secret_value(
                SecretId=self._entry.secret,
                ClientRequestToken=identity,
                VersionStages=[PENDING, f"{_OWN}{identity}"],
                **content,
            ),
        )
        return identity

    def promote(self, version: str) -> None:
        """Move AWSCURRENT to a version; AWS leaves AWSPREVIOUS on the one before."""
        stages = self._read_stages()
        current = self._find_current(stages)
        if version not in stages:
            raise KeyNotFoundError(f"{self._subject}@{version}", f"there is no version of {self._entry.secret}", _LIST)
        if current != version:
            self.label(current)
            self.label(version)
            self._move(self._entry.stage, to=version, away_from=current)
        if PENDING in self._read_stages().get(version, ()):
            self._move(PENDING, away_from=version)

    def retire(self, version: str) -> None:
        """Take every label from a version: AWS then gives it out to nobody who does not know its id, and removes it."""
        labels = self._read_stages().get(version, ())
        if self._entry.stage in labels:
            raise KeyConflictError(self._subject, f"version {version} is the active one", "promote another one first")
        for label in labels:
            self._move(label, away_from=version)

    def label(self, version: str) -> None:
        """Put a label of ours on a version."""
        self._move(f"{_OWN}{version}", to=version)

    def _fetch(self, version: str | None) -> Mapping[str, Any]:
        which = {"VersionId": version} if version is not None else {"VersionStage": self._entry.stage}
        if version is not None and version.startswith("AWS"):
            which = {"VersionStage": version}
        found: Mapping[str, Any] = self._ask(
            "GetSecretValue", lambda client: client.get_secret_value(SecretId=self._entry.secret, **which)
        )
        return found

    def _read_content(self, subject: str, found: Mapping[str, Any]) -> bytes:
        if "SecretString" not in found:
            return bytes(found["SecretBinary"])
        text = str(found["SecretString"])
        if self._entry.encoding == "raw":
            hint = "say encoding: hex or base64, or keep its 32 bytes (SecretBinary)"
            raise KeyFormatError(subject, "is text, and encoding: raw is for bytes", hint)
        if self._entry.field is not None:
            return self._read_field(subject, text).encode(errors="surrogatepass")
        return text.encode(errors="surrogatepass")

    def _read_field(self, subject: str, text: str) -> str:
        members = _read_members(text)
        value = None if members is None else members.get(str(self._entry.field))
        if members is None:
            raise KeyFormatError(subject, "is no JSON object, and a field is asked for", "leave field: out")
        if value is None:
            fact = f"has no field {self._entry.field} (of {len(members)})"
            raise KeyNotFoundError(subject, fact, "correct field:, or write the key there")
        if not isinstance(value, str):
            raise KeyFormatError(subject, f"field {self._entry.field} is no text", "write the key as text")
        return value

    def _write_content(self, secret: Secret, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return a new value as it is kept: bytes, a text, or a member among the others."""
        content = encode_key(secret, self._entry.encoding)
        if self._entry.encoding == "raw" or "SecretBinary" in before:
            return {"SecretBinary": content}
        if self._entry.field is None:
            return {"SecretString": content.decode()}
        members = _read_members(str(before.get("SecretString", "{}"))) or {}
        return {"SecretString": json.dumps({**members, self._entry.field: content.decode()})}

    def _list(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        words = {"SecretId": self._entry.secret, "IncludeDeprecated": True}
        while True:
            page = self._ask("ListSecretVersionIds", lambda client: client.list_secret_version_ids(**words))
            found += page.get("Versions") or ()
            if not page.get("NextToken"):
                return found
            words["NextToken"] = page["NextToken"]

    def _read_stages(self) -> dict[str, tuple[str, ...]]:
        return {str(entry["VersionId"]): tuple(entry.get("VersionStages") or ()) for entry in self._list()}

    def _find_current(self, stages: Mapping[str, tuple[str, ...]]) -> str:
        current = next((version for version, labels in stages.items() if self._entry.stage in labels), None)
        if current is None:
            raise KeyNotFoundError(self._subject, f"{self._entry.secret} has no version {self._entry.stage}", _LIST)
        return current

    def _move(self, label: str, *, to: str | None = None, away_from: str | None = None) -> None:
        where = {"MoveToVersionId": to, "RemoveFromVersionId": away_from}
        where = {name: value for name, value in where.items() if value is not None}
        self._ask(
            "UpdateSecretVersionStage",
            lambda client: client.update_secret_version_stage(SecretId=self._entry.secret, VersionStage=label, **where),
        )

    def _ask(self, action: str, ask: Callable[[Any], Answer]) -> Answer:
        place = self._place(action)

        def try_once() -> Answer:
            try:
                return ask(self._client())
            except FAILURES as error:
                raise explain(error, place) from None

        return ask_again(try_once)

    def _place(self, action: str = "GetSecretValue") -> Place:
        return Place(subject=self._subject, secret=self._entry.secret, action=action)

    def _client(self) -> Any:
        if self._made is None:
            session = boto3.session.Session(profile_name=self._entry.profile, region_name=self._entry.region)
            self._made = session.client(
                "secretsmanager",
                endpoint_url=self._entry.endpoint,
                verify=self._entry.ca_file,
                config=Config(
                    connect_timeout=_SECONDS,
                    read_timeout=_SECONDS,
                    retries={"total_max_attempts": 1},  # keys.retrying tries again
                    ignore_configured_endpoint_urls=True,  # of the environment
                ),
            )
        return self._made


def _name_state(labels: tuple[str, ...] | list[str], active: str) -> State:
    if active in labels:
        return State.ACTIVE  # also where AWS left AWSPENDING on it
    if PENDING in labels:
        return State.PENDING
    return State.PREVIOUS if labels else State.GONE


def _read_members(text: str) -> dict[str, Any] | None:
    try:
        members = json.loads(text)
    except ValueError:
        return None
    return members if isinstance(members, dict) else None
