"""Open a restic repository, or make one with two passwords: one for work, one for the day when that is lost."""

from __future__ import annotations

import json
from pathlib import Path

from strongroom.backup.documents import StoreDocument
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.bucket import BucketObjects
from strongroom.backup.stores.objects import Objects
from strongroom.backup.stores.passwords import make_escrow_password, read_credentials
from strongroom.backup.stores.restic import ResticStore
from strongroom.backup.stores.restic_program import (
    FOLDER,
    KEYS,
    SHORT,
    Repository,
    ask_restic,
    require_done,
    require_restic,
)
from strongroom.core import backup_entry
from strongroom.core.errors import GuardError
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret

_CONFIG = f"{FOLDER}/config"
_CONTENT = (f"{FOLDER}/snapshots/", f"{FOLDER}/index/")


def open_bucket(bucket: backup_entry.Bucket, around: Surroundings) -> BucketObjects:
    """Return the documents of a store in a bucket. Raises KeyMissingError where its credentials are missing."""
    return BucketObjects(bucket, read_credentials(bucket, around.environment))


def open_restic(
    entry: backup_entry.ResticStore,
    *,
    objects: Objects,
    about: StoreDocument,
    password: Secret,
    stage: Path,
    around: Surroundings,
) -> ResticStore:
    """Open a repository. Whether it is there and the password fits shows with the first call.

    Raises ConfigurationError where restic is missing, VersionError where it is too old, KeyMissingError.
    """
    require_restic(around.environment)
    return ResticStore(_describe(entry, objects, password, around), about, stage, around)


def make_restic(
    entry: backup_entry.ResticStore,
    *,
    objects: Objects,
    about: StoreDocument,
    password: Secret,
    stage: Path,
    around: Surroundings,
) -> tuple[ResticStore, Secret]:
    """Make a repository, and return it with its second password, which is nowhere else.

    One that was begun with this password and never used is gone on with, its other passwords taken away: nobody knows
    them. Raises GuardError for a repository that holds something, VersionError for a server without conditional
    writes, KeyMissingError for a repository of another password, and what ``open_restic`` raises.
    """
    store = open_restic(entry, objects=objects, about=about, password=password, stage=stage, around=around)
    repository = _describe(entry, objects, password, around)
    if isinstance(objects, BucketObjects):
        objects.require_conditions()
    if any(objects.list(prefix) for prefix in _CONTENT):
        raise GuardError(repository.place, "holds something already", "name an empty place for a new store")
    if objects.read(_CONFIG) is None:
        for name in objects.list(KEYS):  # of a beginning that was cut short
            objects.delete(name)
        require_done(repository, ask_restic(repository, ["init", "--json"], timeout=SHORT))
    around.reach("restic.made")
    escrow = _renew_escrow(repository, about)
    around.reach("restic.escrow")
    return store, escrow


def _renew_escrow(repository: Repository, about: StoreDocument) -> Secret:
    """Add a second password, and take away all but the working one before."""
    listed = require_done(repository, ask_restic(repository, ["key", "list", "--json"], timeout=SHORT))
    for one in json.loads(listed.stdout):
        if not one["current"]:
            require_done(repository, ask_restic(repository, ["key", "remove", str(one["id"])], timeout=SHORT))
    escrow = make_escrow_password()
    watch(escrow)
    words: list[str | Secret] = [
        "key",
        "add",
        "--user",
        "escrow",
        "--host",
        about.system,
        "--new-password-file",
        escrow,
    ]
    require_done(repository, ask_restic(repository, words, timeout=SHORT))
    return escrow


def _describe(entry: backup_entry.ResticStore, objects: Objects, password: Secret, around: Surroundings) -> Repository:
    if entry.bucket is None:
        folder = Path(str(entry.path)) / FOLDER
        return Repository(
            place=str(folder),
            address=str(folder),
            objects=objects,
            password=password,
            environment=around.environment,
        )
    bucket = entry.bucket
    address = f"{bucket.endpoint}/{bucket.bucket}/{bucket.prefix}/{FOLDER}"
    return Repository(
        place=address,
        address=f"s3:{address}",
        objects=objects,
        password=password,
        environment=around.environment,
        bucket=bucket,
        credentials=read_credentials(bucket, around.environment),
    )
