"""Where a fleet's list and its results are: files of this machine, or objects of a bucket (``s3://BUCKET/PREFIX``).

A bucket's server and who we are there is said by variables, and by nothing else that this machine knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from strongroom.core.backup_entry import Bucket
from strongroom.core.config import Settings
from strongroom.core.errors import ConfigurationError, KeyMissingError, UnreachableError, UsageError
from strongroom.core.key_entries import Place, check_address
from strongroom.fleet.results import Shelf
from strongroom.fleet.shelves import BucketShelf, FolderShelf
from strongroom.fleet.tenants import Ground, Tenant, open_list, read_folders, read_lines
from strongroom.tasks._around import read_clock

if TYPE_CHECKING:
    from strongroom.backup.stores.bucket import BucketObjects

_SCHEME = "s3://"
_VARIABLE = "STRONGROOM_S3"


def lay_ground(tenants: str, root: Path | None, target: Path | None, system: str | None, *, has_paths: bool) -> Ground:
    """Say where the paths of a list lie: below ``root``, or for a directory of tenants in it and in ``target``.

    Raises UsageError.
    """
    is_folder = not tenants.startswith(_SCHEME) and Path(tenants).is_dir()
    if not is_folder:
        if target is not None:
            raise UsageError("--target", "is for a directory of tenants", "each line of a list names its own")
        return Ground(root=(root or Path()).absolute(), system=system, has_paths=has_paths)
    if root is not None:
        raise UsageError("--root", "is for a list of tenants", "a directory of tenants is their root")
    if system is None:
        raise UsageError("--system", "is needed for a directory of tenants", "all of them have one")
    if target is None and has_paths:
        raise UsageError("--target", "is needed for a directory of tenants", "each gets a folder of its name there")
    place = None if target is None else target.absolute()
    return Ground(root=Path(tenants).absolute(), targets=place, system=system, has_paths=has_paths)


@contextmanager
def open_tenants(tenants: str, ground: Ground, settings: Settings) -> Iterator[Iterator[Tenant]]:
    """Give the tenants of a list, one at a time. Raises UnreachableError; and UsageError as they are taken."""
    if not tenants.startswith(_SCHEME):
        path = Path(tenants)
        if path.is_dir():
            yield read_folders(path.absolute(), ground)
            return
        with open_list(path) as stream:
            yield read_lines(stream, tenants, ground)
        return
    prefix, _, name = tenants.rpartition("/")
    with TemporaryDirectory(prefix="strongroom-") as folder:
        file = Path(folder) / "tenants"
        if not find_objects(prefix, settings).fetch(name, file):
            raise UnreachableError(tenants, "there is no such list of tenants", "say --tenants FILE, DIR or s3://…")
        with open_list(file) as stream:
            yield read_lines(stream, tenants, ground)


def open_shelf(results: str, settings: Settings, task: str) -> Shelf:
    """Return where results are kept; nothing is asked and made yet. Raises UsageError, ConfigurationError."""
    if not results.startswith(_SCHEME):
        return FolderShelf(Path(results))
    hold = partial(_hold, results.rstrip("/"), settings, task)
    return BucketShelf(find_objects(results.rstrip("/"), settings), hold)


def refuse_results_among(tenants: str, results: str) -> None:
    """Make sure that results do not lie in a directory of tenants, and become one. Raises UsageError."""
    if tenants.startswith(_SCHEME) or results.startswith(_SCHEME) or not Path(tenants).is_dir():
        return
    if Path(results).resolve().is_relative_to(Path(tenants).resolve()):
        raise UsageError("--results", f"lies in {tenants}, and would be a tenant", "name a folder beside it")


def _hold(url: str, settings: Settings, task: str, share: str) -> AbstractContextManager[None]:
    from strongroom.backup.stores.lease import held

    return cast("AbstractContextManager[None]", held(find_objects(f"{url}/{share}", settings), read_clock(), task=task))


def find_objects(url: str, settings: Settings) -> BucketObjects:
    """Return the objects below ``s3://BUCKET/PREFIX``, by STRONGROOM_S3_ENDPOINT and what goes with it.

    Raises UsageError, ConfigurationError, KeyMissingError. What speaks to buckets is imported late.
    """
    from strongroom.backup.stores.bucket import BucketObjects
    from strongroom.backup.stores.passwords import Credentials, read_place

    parts = urlsplit(url)
    region = settings.variable(f"{_VARIABLE}_REGION") or "us-east-1"
    endpoint = settings.variable(f"{_VARIABLE}_ENDPOINT") or f"https://s3.{region}.amazonaws.com"
    try:
        check_address(endpoint)
    except ValueError as error:
        raise ConfigurationError(f"{_VARIABLE}_ENDPOINT", str(error)) from None
    places = {name: _find_place(settings, f"{_VARIABLE}_{name}") for name in ("ACCESS_KEY", "SECRET_KEY")}
    try:
        bucket = Bucket(
            endpoint=endpoint,
            bucket=parts.netloc,
            prefix=parts.path.lstrip("/"),
            region=region,
            access_key=places["ACCESS_KEY"],
            secret_key=places["SECRET_KEY"],
            ca_file=settings.variable(f"{_VARIABLE}_CA_FILE"),
        )
    except ValueError:
        raise UsageError(url, "is no place in a bucket", "s3://BUCKET/PREFIX") from None
    environment = settings.environment
    who = Credentials(
        access_key=read_place(bucket.access_key, environment, f"{_VARIABLE}_ACCESS_KEY"),
        secret_key=read_place(bucket.secret_key, environment, f"{_VARIABLE}_SECRET_KEY"),
    )
    return BucketObjects(bucket, who)


def _find_place(settings: Settings, variable: str) -> Place:
    """Return where a part of our credentials is: the file that ``…_FILE`` names, or the variable itself."""
    file = settings.variable(f"{variable}_FILE")
    if file is not None:
        return Place(file=str(Path(file).absolute()))
    if settings.variable(variable) is None:
        raise KeyMissingError(variable, "is not set, nor is the file that holds it", f"set {variable}_FILE")
    return Place(variable=variable)
