"""What ``system.yaml`` says of a key: which provider holds it, where, and how it is written there. Never the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from strongroom.core.transit import is_this_machine

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Word = Annotated[str, StringConstraints(min_length=1)]
Encoding: TypeAlias = Literal["hex", "base64", "raw", "passphrase"]
TextEncoding: TypeAlias = Literal["hex", "base64", "passphrase"]


def check_address(text: str) -> str:
    """Return an address whose server is authenticated by TLS, or is on this machine; raises ValueError for others."""
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0:
        raise ValueError("must be an address such as https://vault.example.com:8200")
    if parts.scheme == "http" and not is_this_machine(parts.hostname):
        raise ValueError("must begin with https:// (http:// is for this machine's own servers)")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be an address alone, without user, query or fragment")
    return text.rstrip("/")


def _check_absolute(text: str) -> str:
    if not PurePosixPath(text).is_absolute() or "\0" in text:
        raise ValueError("must be an absolute path")
    return text


def _check_inside(text: str) -> str:
    if text != text.strip("/") or {"", ".", ".."} & set(text.split("/")):
        raise ValueError("must be names with / between them, as in aragora/encryption")
    return text


def _check_file_name(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in text:
        raise ValueError("must be a file name inside the data directory")
    return text


Address = Annotated[str, StringConstraints(min_length=1), AfterValidator(check_address)]
FilePath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_absolute)]
FileName = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_file_name)]
VaultPath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_inside)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    def _require_one(self, *names: str) -> None:
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"needs one of {' and '.join(names)}")

    def _require_versions(self) -> None:
        """Refuse earlier passphrases: without a fingerprint they cannot be told apart."""
        if getattr(self, "encoding", None) == "passphrase" and getattr(self, "previous", ()):
            raise ValueError("a passphrase has no previous: ones, give an earlier one a name of its own")


class EnvironmentKey(_Entry):
    """A key in a variable of the environment: for development."""

    provider: Literal["environment"]
    variable: VariableName
    previous: tuple[VariableName, ...] = ()
    """Variables that hold keys which were active before."""
    encoding: TextEncoding

    @model_validator(mode="after")
    def _tells_versions_apart(self) -> EnvironmentKey:
        self._require_versions()
        return self


class FileKey(_Entry):
    """A key in a file: a mounted secret of Kubernetes or Docker, or one of one's own with mode 0600."""

    provider: Literal["file"]
    path: FilePath | None = None
    variable: VariableName | None = None
    """Names the file, as ``ARAGORA_SQLITE_KEY_FILE`` does."""
    previous: tuple[FilePath, ...] = ()
    """Files that hold keys which were active before."""
    encoding: Encoding

    @model_validator(mode="after")
    def _has_one_place(self) -> FileKey:
        self._require_one("path", "variable")
        self._require_versions()
        return self


class Place(_Entry):
    """Where something secret is read from."""

    file: FilePath | None = None
    variable: VariableName | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Place:
        self._require_one("file", "variable")
        return self


class TokenLogin(_Entry):
    """A token that somebody else brings and renews."""

    method: Literal["token"]
    token: Place


class AppRoleLogin(_Entry):
    """A role with a secret id."""

    method: Literal["approle"]
    mount: VaultPath = "approle"
    role_id: Word | Place
    secret_id: Place
    wrapped: bool = False
    """What ``secret_id`` names is a wrapping token, which gives the secret id out once."""


class KubernetesLogin(_Entry):
    """The service account of a Pod."""

    method: Literal["kubernetes"]
    mount: VaultPath = "kubernetes"
    role: Word
    token_file: FilePath = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # a path


Login: TypeAlias = Annotated[TokenLogin | AppRoleLogin | KubernetesLogin, Field(discriminator="method")]


class VaultKey(_Entry):
    """A key in the KV engine, version 2, of HashiCorp Vault or OpenBao."""

    provider: Literal["vault"]
    address: Address | None = None
    address_variable: VariableName | None = None
    """Names the address, as ``VAULT_ADDR`` does."""
    mount: VaultPath = "secret"
    path: VaultPath
    field: Annotated[str, StringConstraints(pattern=r"^[^@]+$")] = "key"
    version: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Always this version; without it the active one."""
    namespace: Word | None = None
    ca_file: FilePath | None = None
    """The authorities that may have signed the server's certificate; without it those that come with requests."""
    auth: Login
    encoding: TextEncoding

    @model_validator(mode="after")
    def _has_one_address(self) -> VaultKey:
        self._require_one("address", "address_variable")
        return self


class AwsKey(_Entry):
    """A key in AWS Secrets Manager; credentials are found as the AWS tools find theirs."""

    provider: Literal["aws"]
    secret: Word
    """Its name or ARN."""
    field: Word | None = None
    """A member of a secret that is a JSON object; without it the whole secret is the key."""
    version: Word | None = None
    """Always this version id; without it the active one."""
    stage: Word = "AWSCURRENT"
    """The staging label of the active version."""
    region: Word | None = None
    profile: Word | None = None
    endpoint: Address | None = None
    ca_file: FilePath | None = None
    encoding: Encoding

    @model_validator(mode="after")
    def _has_text_in_fields(self) -> AwsKey:
        if self.field is not None and self.encoding == "raw":
            raise ValueError("a field holds text: say encoding: hex or base64")
        return self


KeyEntry: TypeAlias = Annotated[EnvironmentKey | FileKey | VaultKey | AwsKey, Field(discriminator="provider")]


def name_secret_variables(entry: KeyEntry) -> Iterator[str]:
    """Yield the variables that hold something secret themselves: a key, or what a login needs."""
    if isinstance(entry, EnvironmentKey):
        yield entry.variable
        yield from entry.previous
    elif isinstance(entry, VaultKey):
        yield from (place.variable for place in _list_places(entry.auth) if place.variable is not None)


def _list_places(login: Login) -> Iterator[Place]:
    if isinstance(login, TokenLogin):
        yield login.token
    elif isinstance(login, AppRoleLogin):
        yield login.secret_id
        if isinstance(login.role_id, Place):
            yield login.role_id
