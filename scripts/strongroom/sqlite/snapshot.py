"""Take a consistent copy of one source at one instant; the source keeps its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, SourceChangedError, UnreachableError
from strongroom.core.files import (
    SQLITE_HEADER,
    copy_stream,
    explain_os_error,
    hash_file,
    hash_stream,
    show_path,
)
from strongroom.core.plan import Source
from strongroom.core.results import FileStates
from strongroom.sqlite.collations import refuse_unknown_collations
from strongroom.sqlite.connection import (
    Connection,
    check_integrity,
    copy_database,
    is_whole_in_its_file,
    is_write_ahead,
    open_snapshot,
    open_source,
)
from strongroom.sqlite.content import digest_content
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.document import copy_document
from strongroom.sqlite.messages import translated
from strongroom.sqlite.prover import Prover, refuse_other
from strongroom.sqlite.transfer import copy_content

_HEADER = 100
_NOT_CONTENT = ((24, 28), (92, 100))
"""In the header: the change counter, and the library that wrote last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A consistent copy of one source at one instant."""

    source: str
    path: str
    """Of the source, relative to the sources' directory."""
    copy: Database
    original: str
    """The source, as it was found; for people: nothing is opened by it."""
    sha256: str
    """Of the copy."""
    source_sha256: str
    """Of the source's bytes: what a fresh snapshot's would be, as long as no row changes. Empty under a key, where
    bytes are others each time: ``hash_source`` tells it from what the copy holds."""
    size: int
    schema_sha256: str
    state: FileStates
    """Of the source's files when it was taken."""
    source_key: str | None = None
    """The name of the source's key; the copy's may be another, and is there for plain sources too."""

    @property
    def raw(self) -> Path:
        """Return the file that is the source itself: of a document, what lies beside the database made of it.

        An encrypted copy has none such: the document is in it.
        """
        return self.copy.path.with_suffix("") if self.is_document and self.copy.key is None else self.copy.path

    @property
    def is_document(self) -> bool:
        """Tell whether the source is no database."""
        return not str(self.copy.path).endswith(self.path)

    @property
    def is_rewritten(self) -> bool:
        """Tell whether its copy holds the content of a plain database under a key, and not its pages."""
        return self.copy.key is not None and self.source_key is None and not self.is_document

    def find_original(self, path: Path, engine: Engine) -> Database:
        """Return the handle of the source at a place; ``engine`` works on it when nothing is encrypted."""
        return Database(path, engine if self.copy.key is None else Engine.BUNDLED, self.source_key)


def take_snapshot(source: Source, original: Database, copy: Database, prover: Prover | None = None) -> Snapshot:
    """Copy ``original`` to ``copy``, prove it, look it over and hash it; the caller makes it durable.

    Raises UnreachableError, DamagedSourceError, GuardError, NoSpaceError; DifferencesError for another copy,
    SourceChangedError for an encrypted source or a document that is written to meanwhile.
    """
    if not original.path.is_file():
        raise UnreachableError(
            original.path, "there is no such file", f"or say optional: true for {source.name} in the plan"
        )
    try:
        copy.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy.path.touch(mode=0o600)
        state = state_of(original)
        if source.format == "json":
            file = copy
            copy, source_digest = copy_document(source, original.path, copy)
            digest = hash_file(copy.path)
            if prover is not None:
                refuse_other(original, state, prover.prove_document(original.path, copy if copy.key else file))
        elif copy.key is not None:
            _copy_encrypted(original, copy)
            digest, source_digest = hash_file(copy.path), ""
            if prover is not None:
                _prove_again(original, copy, state, prover)
        else:
            source_digest, digest = _copy_sqlite(original, copy, prover)
    except OSError as error:
        raise explain_os_error(copy.path, error) from error
    with open_snapshot(copy) as connection, translated(original):
        schema = schema_digest(connection)
        refuse_unknown_collations(connection, source.name)
        if copy.key is None or original.key is not None:  # else its pages are new; the source's were looked over
            _refuse_damage(connection, original)
    return Snapshot(
        source=source.name,
        path=source.path,
        copy=copy,
        original=show_path(original.path.absolute()),
        sha256=digest,
        source_sha256=source_digest,
        size=copy.path.stat().st_size,
        schema_sha256=schema,
        state=state,
        source_key=original.key,
    )


def schema_digest(connection: Connection) -> str:
    """Return a hash of what a database declares, whatever order it was declared in."""
    digest = hashlib.sha256()
    for row in connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master ORDER BY 1, 2"):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _copy_sqlite(original: Database, copy: Database, prover: Prover | None) -> tuple[str, str]:
    """Copy a database as one read transaction sees it; return the hash of that state, and of the copy.

    Without a write-ahead log the file's bytes are that state as long as the transaction's lock is held, and
    copying them costs a third of the backup API's page by page.
    """
    _refuse_truncated(original)
    look = None if prover is None else prover.begin(original)
    # Opened first and closed last: POSIX drops SQLite's lock when any descriptor of the file is closed.
    with original.path.open("rb", buffering=0) as stream, open_source(original) as connection:
        if is_whole_in_its_file(connection):
            digest = copied = copy_stream(stream, copy.path)
        else:
            with translated(copy):
                copy_database(connection, copy)
            digest, copied = _hash_state(copy), hash_file(copy.path)
        if prover is not None:
            refuse_other(original, None, prover.prove(original, copy, look, stream, connection))
    return digest, copied


def _prove_again(original: Database, copy: Database, state: FileStates, prover: Prover) -> None:
    """Prove an encrypted copy by a second read transaction; its pages are others than the source's."""
    look = prover.begin(original)
    with original.path.open("rb", buffering=0) as stream, open_source(original) as connection:
        wrong = prover.prove(original, copy, look, stream, connection)
    refuse_other(original, state, wrong)


def _hash_state(copy: Database) -> str:
    """Hash what the backup API wrote, without what says how often and by which library (fileformat2, 1.3)."""
    with copy.path.open("rb", buffering=0) as stream:
        head = bytearray(stream.read(_HEADER))
        for start, end in _NOT_CONTENT:
            head[start:end] = bytes(end - start)
        return hash_stream(stream, bytes(head))


def _copy_encrypted(original: Database, copy: Database) -> None:
    """Copy a database under a key, never through a plain file."""
    if original.key is None:
        _refuse_truncated(original)
        with open_source(original) as connection:
            _refuse_damage(connection, original)
        copy_content(original, copy)
        return
    with open_source(original) as connection:
        connection.execute("BEGIN")
        with translated(copy):
            copy_database(connection, copy)


def _refuse_truncated(original: Database) -> None:
    with original.path.open("rb") as stream:
        header = stream.read(_HEADER)
    if header and not header.startswith(SQLITE_HEADER):
        fact = "is not a database (or is encrypted)"
        raise DamagedSourceError(original.path, fact, "look at the file, or take it out of the plan")
    if header and len(header) < _HEADER:
        fact = "is truncated inside its header"
        raise DamagedSourceError(original.path, fact, "restore it from a backup, then run again")


def _refuse_damage(connection: Connection, original: Database) -> None:
    found = check_integrity(connection, quick=True)
    if found:
        raise DamagedSourceError(
            original.path,
            f"is damaged: {found[0].splitlines()[-1]}",
            "restore it from a backup, or save what is left with inventory.recover, then run again",
        )


def refuse_damaged(snapshots: Mapping[str, Snapshot]) -> None:
    """Look for the damage that a target shows in the sources it was made from, indexes included.

    Raises DamagedSourceError naming the source.
    """
    for snapshot in snapshots.values():
        with open_snapshot(snapshot.copy) as connection, translated(snapshot.copy):
            found = check_integrity(connection)
        if found:
            fact = f"is damaged: {found[0].splitlines()[-1]}"
            raise DamagedSourceError(snapshot.original, fact, "REINDEX or recover it, then run again")


def refuse_changed(snapshot: Snapshot, original: Database, scratch: Path) -> None:
    """Make sure that a source still holds what its snapshot holds.

    Untouched files are taken at their stat; touched ones are read again and compared, so that a mere
    checkpoint is no change. Raises SourceChangedError.
    """
    if not original.path.is_file():
        raise SourceChangedError(original.path, "is gone since its snapshot", "put it back, or preview again")
    if dict(snapshot.state) != dict(state_of(original)) and not is_as_copied(snapshot, original, scratch):
        raise SourceChangedError(
            original.path, "changed since its snapshot", "stop the application that writes to it, then run again"
        )


def was_write_ahead(snapshot: Snapshot, original: Database) -> bool:
    """Tell whether a source is in WAL mode. To be asked before it is held; read-only."""
    return "-wal" in snapshot.state or is_write_ahead(snapshot.copy if snapshot.copy.key is None else original)


def refuse_touched(snapshot: Snapshot, original: Database) -> None:
    """Make sure, by its stat alone, that a file which we hold locked is as it was when it was copied.

    Not for one in WAL mode: holding it folds its log in, and its raw copy was taken first. Raises SourceChangedError.
    """
    if dict(snapshot.state) != dict(state_of(original)):
        raise SourceChangedError(
            original.path, "changed since its snapshot", "stop the application that writes to it, then run again"
        )


def hash_source(snapshot: Snapshot) -> str:
    """Return the hash of what a source held when its snapshot was taken; under a key all of this is read."""
    if snapshot.source_sha256:
        return snapshot.source_sha256
    with open_snapshot(snapshot.copy) as connection:
        return digest_content(connection)


def is_as_copied(snapshot: Snapshot, original: Database, scratch: Path) -> bool:
    """Tell, by reading all of it again, whether a source holds what its snapshot holds.

    A checkpoint, another journal mode and whatever else opening a database does to its header are no change.
    """
    if snapshot.is_document:
        return hash_file(original.path) == snapshot.source_sha256
    if snapshot.copy.key is None and _hash_sqlite(original, scratch) == snapshot.source_sha256:
        return True
    with open_source(original) as connection:
        connection.execute("BEGIN")
        found = digest_content(connection)
    with open_snapshot(snapshot.copy) as connection:
        return digest_content(connection) == found


def _hash_sqlite(original: Database, scratch: Path) -> str:
    """Return the hash that a copy of a database would have now; without a write-ahead log nothing is written."""
    with original.path.open("rb", buffering=0) as stream, open_source(original) as connection:
        if is_whole_in_its_file(connection):
            return hash_stream(stream)
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    again = replace(original, path=scratch / "again.db")
    again.path.unlink(missing_ok=True)
    try:
        return _copy_sqlite(original, again, None)[0]
    finally:
        again.path.unlink(missing_ok=True)
