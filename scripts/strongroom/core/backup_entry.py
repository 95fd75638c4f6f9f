"""What ``system.yaml`` says of an application's backups: what is taken, where it is kept, for how long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from strongroom.core.key_entries import Address, FilePath, KeyName, Place, VariableName, VaultPath, Word

MOST_DAYS = 36_500
"""A hundred years: what is meant to last longer is no backup."""
Count = Annotated[int, Field(ge=0, le=MOST_DAYS, strict=True)]


def _check_pattern(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in text:
        raise ValueError("must be a path or a pattern inside the data directory, as in replays/**")
    return text


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_pattern)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Bucket(_Entry):
    """A prefix of an S3 bucket, and who may write there."""

    endpoint: Address
    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: VaultPath
    region: Word = "us-east-1"
    access_key: Place
    secret_key: Place
    ca_file: FilePath | None = None
    """The authorities that may have signed the server's certificate; without it the system's."""


class FolderStore(_Entry):
    """Copies as they are, each checked and hashed, in a folder; encrypted only where the databases are."""

    kind: Literal["folder"]
    path: FilePath


class ResticStore(_Entry):
    """A restic repository, always encrypted, in a folder or in a bucket."""

    kind: Literal["restic"]
    path: FilePath | None = None
    bucket: Bucket | None = None
    password: KeyName
    """The key, of those under ``keys:``, that opens it for work."""

    @model_validator(mode="after")
    def _has_one_place(self) -> ResticStore:
        if (self.path is None) == (self.bucket is None):
            raise ValueError("needs one of path and bucket")
        return self


StoreEntry: TypeAlias = Annotated[FolderStore | ResticStore, Field(discriminator="kind")]


class LeftOut(_Entry):
    """A database or file that is not backed up, and why."""

    path: Pattern
    reason: Word


class PostgresBackup(_Entry):
    """Which databases of the application's PostgreSQL are taken."""

    databases: Annotated[tuple[Word, ...], Field(min_length=1)]


class RedisBackup(_Entry):
    """The application's Redis, all databases of it."""

    variables: Annotated[tuple[VariableName, ...], Field(min_length=1)]
    """Environment variables that hold its address, ``rediss://…``; the first one that is set wins."""
    password: Place | None = None
    """Where the address holds none."""
    restore_variables: tuple[VariableName, ...] = ()
    """Variables that hold the address with a user who may write: for restores in place. Without them ``variables``."""
    ca_file: FilePath | None = None


class Keep(_Entry):
    """Which sets stay: those that any of these keeps."""

    last: Count = 7
    hourly: Count = 24
    daily: Count = 14
    weekly: Count = 8
    monthly: Count = 12
    yearly: Count = 0
    days: Count = 0
    """Every set that is younger than so many days."""
    verified: Annotated[int, Field(ge=1, strict=True)] = 3
    """So many of the newest whole sets that were found sound stay whatever else is said."""


class Objectives(_Entry):
    """How old the newest of each may be before ``backup.status`` ends with 7."""

    backup_hours: Annotated[int, Field(ge=1, le=MOST_DAYS * 24, strict=True)] = 26
    drill_hours: Annotated[int, Field(ge=1, le=MOST_DAYS * 24, strict=True)] = 8 * 24
    escrow_days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True)] = 100


class BackupCheck(_Entry):
    """A question that a restored database answers in a drill, and the answer."""

    member: Word
    """The database, as ``backup.show`` names it."""
    sql: Word
    expect: int | str | None


class BackupEntry(_Entry):
    """What ``backup:`` says."""

    store: StoreEntry
    second: StoreEntry | None = None
    """Where ``backup.copy`` copies to."""
    files: tuple[Pattern, ...] = ()
    """What is taken of the data directory besides databases."""
    leave_out: tuple[LeftOut, ...] = ()
    """Every database of the data directory is taken but these."""
    postgres: PostgresBackup | None = None
    redis: RedisBackup | None = None
    stage: FilePath | None = None
    """Where a set is put together for a repository; without it below the data directory, in our own folder."""
    keep: Keep = Keep()
    objectives: Objectives = Objectives()
    checks: tuple[BackupCheck, ...] = ()
    metrics: FilePath | None = None
    """The file that Prometheus' node exporter reads."""
    ping: Place | None = None
    """The address that is asked after each run, in the manner of healthchecks."""


def name_backup_secrets(entry: BackupEntry) -> Iterator[str]:
    """Yield the variables that hold something secret themselves."""
    stores = [store for store in (entry.store, entry.second) if isinstance(store, ResticStore)]
    places = [place for one in stores if one.bucket for place in (one.bucket.access_key, one.bucket.secret_key)]
    places += [place for place in (entry.ping, entry.redis and entry.redis.password) if place]
    yield from (place.variable for place in places if place.variable is not None)
    if entry.redis is not None:
        yield from entry.redis.variables
        yield from entry.redis.restore_variables
