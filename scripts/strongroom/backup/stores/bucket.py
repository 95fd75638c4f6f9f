"""Small objects of a store as those of an S3 bucket, below a prefix.

Who we are is said by ``system.yaml`` alone: nothing that this machine knows of AWS is looked at.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import botocore.session  # type: ignore[import-untyped]
from botocore import exceptions
from botocore.config import Config  # type: ignore[import-untyped]

from strongroom.backup.stores.passwords import Credentials
from strongroom.core.backup_entry import Bucket
from strongroom.core.errors import (
    ConfigurationError,
    KeyMissingError,
    NoSpaceError,
    NotInitialisedError,
    StrongroomError,
    UnreachableError,
    VersionError,
)

Answer = TypeVar("Answer")
_SECONDS, _TRIES = 15.0, 3
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""The system's, where Debian has them; elsewhere those that come with botocore."""
_NOTHING_OF_THE_MACHINE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "ca_bundle": (None, None, None, None),
}
_NOT_THERE, _IS_THERE, _TWO_AT_ONCE, _UNKNOWN = "NoSuchKey", "PreconditionFailed", "ConditionalRequestConflict", 501
_SERVER = 500
_PIECE = 1 << 18
_UP = "see that the server is up and can be reached from here; then the same command"
_AGAIN = "wait a moment; then the same command"
_WHO = "correct what access_key: and secret_key: of the bucket name in system.yaml"
_CASES: tuple[tuple[tuple[str, ...], type[StrongroomError], str, str], ...] = (
    (
        ("NoSuchBucket",),
        NotInitialisedError,
        "there is no such bucket",
        "make it, then backup.init; or correct bucket:",
    ),
    (
        ("RequestTimeTooSkewed",),
        UnreachableError,
        "refuses us, as this machine's clock is not the server's",
        "set the clock (timedatectl); then the same command",
    ),
    (
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"),
        KeyMissingError,
        "does not accept the credentials",
        _WHO,
    ),
    (
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        ConfigurationError,
        "is in another region",
        "correct region: (and endpoint:) of the bucket in system.yaml",
    ),
    (
        ("XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "EntityTooLarge", "507"),
        NoSpaceError,
        "has no space left",
        "make room there, or raise its quota; then the same command",
    ),
    (("SlowDown", "Throttling", "429", "503"), UnreachableError, "is too busy to answer", _AGAIN),
)


class BucketObjects:
    """Objects below the prefix of a bucket."""

    def __init__(self, bucket: Bucket, credentials: Credentials, *, seconds: float = _SECONDS) -> None:
        """Nobody is asked yet. The server has ``seconds`` for an answer, and is asked three times."""
        self._bucket, self._seconds = bucket, seconds
        core = botocore.session.Session(session_vars=_NOTHING_OF_THE_MACHINE)
        self._client: Any = core.create_client(
            "s3",
            region_name=bucket.region,
            endpoint_url=bucket.endpoint,
            verify=bucket.ca_file or (str(_AUTHORITIES) if _AUTHORITIES.is_file() else True),
            aws_access_key_id=credentials.access_key.reveal(),
            aws_secret_access_key=credentials.secret_key.reveal(),
            config=Config(
                connect_timeout=seconds,
                read_timeout=seconds,
                retries={"total_max_attempts": _TRIES, "mode": "standard"},
                s3={"addressing_style": "path"},
                ignore_configured_endpoint_urls=True,  # of the environment
                request_checksum_calculation="when_required",  # what other servers than AWS's know
                response_checksum_validation="when_required",
            ),
        )

    @property
    def place(self) -> str:
        """The bucket and the prefix."""
        return f"{self._bucket.endpoint}/{self._bucket.bucket}/{self._bucket.prefix}"

    def list(self, prefix: str) -> list[str]:
        """Return the names below a prefix, sorted."""
        own = f"{self._bucket.prefix}/"
        words: dict[str, Any] = {"Prefix": own + prefix}
        names: list[str] = []
        while True:
            page = self._ask("list", prefix, lambda: self._client.list_objects_v2(Bucket=self._bucket.bucket, **words))
            names += [str(one["Key"]).removeprefix(own) for one in page.get("Contents") or ()]
            if not page.get("IsTruncated"):
                return sorted(names)
            words["ContinuationToken"] = page["NextContinuationToken"]

    def read(self, name: str) -> bytes | None:
        """Return an object; None where there is none."""
        try:
            return self._ask("read", name, lambda: bytes(self._client.get_object(**self._name(name))["Body"].read()))
        except _NoneError:
            return None

    def fetch(self, name: str, file: Path) -> bool:
        """Write an object that may be large into a file, piece by piece; tell whether there is one."""
        try:
            self._ask("read", name, lambda: self._copy(name, file))
        except _NoneError:
            return False
        return True

    def _copy(self, name: str, file: Path) -> None:
        body = self._client.get_object(**self._name(name))["Body"]
        with file.open("wb") as stream:
            for piece in body.iter_chunks(_PIECE):
                stream.write(piece)

    def write(self, name: str, content: bytes) -> None:
        """Write an object, also over another one."""
        self._ask("write", name, lambda: self._client.put_object(**self._name(name), Body=content))

    def create(self, name: str, content: bytes) -> bool:
        """Write an object where there is none (``If-None-Match``), and tell whether that was so.

        Where an answer was lost on its way, what is there may be ours all the same. Raises VersionError for a server
        that does not know this.
        """
        words = {**self._name(name), "Body": content, "IfNoneMatch": "*"}
        try:
            self._ask("write", name, lambda: self._client.put_object(**words))
        except _AnotherError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._ask("delete", name, lambda: self._client.delete_object(**self._name(name)))

    def require_conditions(self) -> None:
        """Make sure that of two who create an object one succeeds: some servers pass over what they do not know.

        Raises VersionError.
        """
        probe = f"probe-{secrets.token_hex(8)}"
        try:
            is_known = self.create(probe, b"one") and not self.create(probe, b"another")
        finally:
            self.delete(probe)
        if not is_known:
            raise self._unconditional()

    def _name(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket.bucket, "Key": f"{self._bucket.prefix}/{name}"}

    def _ask(self, action: str, name: str, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except exceptions.ClientError as error:
            raise self._explain_answer(error, action, name) from None
        except (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError):
            fact = f"did not answer within {self._seconds:g} s, {_TRIES} times"
            raise UnreachableError(self.place, fact, _UP) from None
        except exceptions.SSLError:
            hint = "name the authority that signed it as ca_file: of the bucket, or correct endpoint:"
            raise UnreachableError(self.place, "shows a certificate that we do not trust", hint) from None
        except RecursionError:  # botocore looks for the bucket's region wherever it is sent
            hint = "correct endpoint: (a server's, not its web page's) and region: of the bucket"
            raise ConfigurationError(self.place, "sends us elsewhere, again and again", hint) from None
        except (exceptions.BotoCoreError, OSError, ValueError) as error:
            raise UnreachableError(self.place, f"does not answer ({type(error).__name__})", _UP) from None

    def _explain_answer(self, error: exceptions.ClientError, action: str, name: str) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == _NOT_THERE:
            return _NoneError()
        if code in (_IS_THERE, _TWO_AT_ONCE):
            return _AnotherError()
        if status == _UNKNOWN:
            return self._unconditional()
        for codes, kind, fact, hint in _CASES:
            if {code, str(status)} & set(codes):
                return kind(self.place, fact, hint)
        return self._explain_status(status, code, action, name or "objects")

    def _explain_status(self, status: int, code: str, action: str, name: str) -> StrongroomError:
        if status in (401, 403):
            hint = f"allow these credentials to {action} objects below {self._bucket.prefix}/, by the bucket's policy"
            return KeyMissingError(self.place, f"the server does not let us {action} {name}", hint)
        if status >= _SERVER:
            return UnreachableError(self.place, f"failed to {action} {name} (status {status})", _AGAIN)
        hint = "correct endpoint: and bucket: in system.yaml"
        return ConfigurationError(self.place, f"refused to {action} {name} ({code or status})", hint)

    def _unconditional(self) -> VersionError:
        fact = "does not know conditional writes (If-None-Match): two tasks could change the store at once"
        return VersionError(self.place, fact, "use a server that does, such as AWS, MinIO, Ceph or SeaweedFS of today")


class _NoneError(Exception):
    """There is no such object."""


class _AnotherError(Exception):
    """There is one already."""
