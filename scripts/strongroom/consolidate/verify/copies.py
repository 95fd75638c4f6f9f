"""Prove that the copy of a source is the source, at one moment between two looks at it.

Whoever copies looks first (``begin_look``), then begins a read transaction, copies, and proves before that
transaction ends (``prove_copy``), which opens or closes neither the database file nor the index of its log: POSIX
drops a process's locks on a file when any descriptor of it is closed. The log bears no locks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from strongroom.consolidate.verify.copied_content import find_other_content
from strongroom.consolidate.verify.wal import Log, read_log, read_seen
from strongroom.sqlite.connection import Connection, open_snapshot, open_source
from strongroom.sqlite.database import Database

_CHUNK = 1 << 20
_LOCK_BYTE = 1 << 30
"""The page that holds this byte of the file is never used (https://sqlite.org/fileformat2.html, 1.4)."""
_COUNTERS = ((18, 20), (24, 28), (40, 44), (92, 100))
"""Of the first page: what the backup API writes anew (journal mode, change counter, schema cookie, versions)."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a log let readers see when the copy began: its salts, and how many commits."""

    salts: tuple[int, int] | None
    commits: int


def begin_look(original: Database) -> Look:
    """Look at a source's log before the read transaction of its copy begins. Read-only.

    A commit whose frames are in the log, but which readers do not see yet, may or may not be in the copy.
    """
    if original.key is not None:
        return Look(None, 0)
    with open_source(original):
        pass  # who comes first after a crash mends the index
    log = read_log(original.beside("-wal"))
    if log is None:
        return Look(None, 0)
    index = original.beside("-shm")
    seen = read_seen(index) if os.access(index, os.W_OK) else None  # else each reader makes one of its own
    if seen is None:
        return Look(log.salts, len(log.commits))
    salts, frames = seen
    if salts != log.salts:
        return Look(None, 0)  # it was begun anew meanwhile
    return Look(salts, sum(commit.frames <= frames for commit in log.commits))


def prove_copy(
    original: Database, copy: Database, look: Look, file: BinaryIO, connection: Connection
) -> tuple[str, ...]:
    """Return in what a copy is not its source; nothing when it is. Read-only.

    ``file`` is the database, opened before and closed after the read transaction that ``connection`` holds. Where
    one of the two is encrypted, it holds none yet, and the content that one of its own sees is compared.
    """
    if original.key is not None or copy.key is not None:
        return find_other_content(connection, copy)
    file.seek(0)
    if not _is_write_ahead(file):
        return () if _is_same_file(file, copy.path) else (_say(original, "is not the file, byte for byte"),)
    log = read_log(original.beside("-wal"))
    with copy.path.open("rb") as copied:
        return tuple(_say(original, what) for what in _compare_pages(file, original, log, look, copied))


def prove_document(original: Path, copy: Database) -> tuple[str, ...]:
    """Return in what the copy of a document, a file or a database that holds it, is not the document. Read-only."""
    if copy.key is None:
        with original.open("rb") as one:
            is_same = _is_same_file(one, copy.path)
    else:
        with open_snapshot(copy) as connection:
            held = connection.execute("SELECT name, CAST(content AS BLOB) FROM document").fetchall()
        is_same = held == [(original.name, original.read_bytes())]
    return () if is_same else (f"{original.name}: its copy is not the document, byte for byte",)


def _say(original: Database, what: str) -> str:
    return f"{original.path.name}: its copy {what}"


def _is_write_ahead(file: BinaryIO) -> bool:
    header = file.read(20)
    file.seek(0)
    return header[18:20] == b"\x02\x02"


def _is_same_file(file: BinaryIO, other: Path) -> bool:
    with other.open("rb") as stream:
        while True:
            one, two = file.read(_CHUNK), stream.read(_CHUNK)
            if one != two:
                return False
            if not one:
                return True


def _compare_pages(file: BinaryIO, original: Database, log: Log | None, look: Look, copied: BinaryIO) -> Iterator[str]:
    """Find a commit since the look at which every page of the copy is the log's last, else the file's."""
    page_size = _read_page_size(file)
    pages, rest = divmod(copied.seek(0, 2), page_size)
    if rest or (log is not None and log.page_size != page_size):
        yield "has pages of another size"
        return
    commits = log.commits if log is not None else ()
    is_same_log = log is not None and log.salts == look.salts
    first = look.commits if is_same_log else 0
    sizes = [file.seek(0, 2) // page_size, *(commit.size for commit in commits)]
    moments = {moment for moment in range(first, len(sizes)) if sizes[moment] == pages}
    if not moments:
        yield f"holds {pages} pages, and the source never did"
        return
    versions = log.versions if log is not None else {}
    with original.beside("-wal").open("rb") if commits else file as logged:
        for page in _doubtful_pages(file, copied, pages, page_size, versions):
            held = _read_page(copied, page, page_size)
            at = versions.get(page, [])
            moments -= {moment for moment in moments if held != _find_page((file, logged), page, page_size, at, moment)}
            if not moments:
                yield f"holds a page ({page}) that the source did not hold at that moment"
                return


def _doubtful_pages(
    file: BinaryIO, copied: BinaryIO, pages: int, page_size: int, versions: Mapping[int, object]
) -> Iterator[int]:
    """Yield the pages to be looked at one by one: of which the log has versions, or that are not the file's."""
    at_once = max(1, _CHUNK // page_size)
    for first in range(1, pages + 1, at_once):
        some = range(first, min(first + at_once, pages + 1))
        file.seek((first - 1) * page_size)
        copied.seek((first - 1) * page_size)
        is_same = file.read(len(some) * page_size) == copied.read(len(some) * page_size)
        for page in some:
            is_used = not (page - 1) * page_size <= _LOCK_BYTE < page * page_size
            if is_used and (page in versions or not is_same):
                yield page


def _find_page(
    files: tuple[BinaryIO, BinaryIO], page: int, page_size: int, versions: list[tuple[int, int]], moment: int
) -> bytes:
    """Return what the source held at a moment: the last that the log has of a page by then, else the file's."""
    at = max((place for commit, place in versions if commit <= moment), default=None)
    if at is None:
        return _read_page(files[0], page, page_size)
    files[1].seek(at)
    return _mask(files[1].read(page_size), page)


def _read_page(stream: BinaryIO, page: int, page_size: int) -> bytes:
    stream.seek((page - 1) * page_size)
    return _mask(stream.read(page_size), page)


def _mask(content: bytes, page: int) -> bytes:
    if page > 1:
        return content
    masked = bytearray(content)
    for start, end in _COUNTERS:
        masked[start:end] = bytes(end - start)
    return bytes(masked)


def _read_page_size(file: BinaryIO) -> int:
    file.seek(16)
    size = int.from_bytes(file.read(2), "big")
    return 65536 if size == 1 else size
