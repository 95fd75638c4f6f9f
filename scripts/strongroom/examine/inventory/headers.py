"""What the first bytes of a database, its write-ahead log and its journal say.

Only for files on which this process holds no connection: POSIX drops a process's locks on a file when
any descriptor of it is closed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.files import SQLITE_HEADER
from strongroom.examine.inventory.model import WalFacts

# https://sqlite.org/fileformat2.html, sections 1.3 (database), 3 (rollback journal) and 4 (log)
_HEADER_LENGTH = 100
_WAL_VERSION = 2
_ENCODINGS = {1: "UTF-8", 2: "UTF-16le", 3: "UTF-16be"}
_WAL_MAGIC = (0x377F0682, 0x377F0683)
_WAL_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fields of a database file's header that matter here."""

    page_size: int
    pages: int
    journal_mode: str
    encoding: str
    user_version: int
    application_id: int
    file_format: int
    written_by: str


NO_HEADER = Header(
    page_size=0,
    pages=0,
    journal_mode="rollback",
    encoding="UTF-8",
    user_version=0,
    application_id=0,
    file_format=0,
    written_by="",
)


def is_database(path: Path) -> bool:
    """Tell whether a file begins as SQLite files do. Read-only."""
    with path.open("rb") as stream:
        return stream.read(len(SQLITE_HEADER)) == SQLITE_HEADER


def read_header(path: Path) -> Header:
    """Read a database file's header; zeros when the file ends inside it. Read-only."""
    with path.open("rb") as stream:
        raw = stream.read(_HEADER_LENGTH)
    if len(raw) < _HEADER_LENGTH:
        return NO_HEADER
    page_size = int.from_bytes(raw[16:18], "big")
    library = int.from_bytes(raw[96:100], "big")
    return Header(
        page_size=65536 if page_size == 1 else page_size,
        pages=int.from_bytes(raw[28:32], "big"),
        journal_mode="wal" if raw[19] == _WAL_VERSION else "rollback",
        encoding=_ENCODINGS.get(int.from_bytes(raw[56:60], "big"), "UTF-8"),
        user_version=int.from_bytes(raw[60:64], "big", signed=True),
        application_id=int.from_bytes(raw[68:72], "big", signed=True),
        file_format=int.from_bytes(raw[44:48], "big"),
        written_by=f"{library // 1_000_000}.{library // 1000 % 1000}.{library % 1000}" if library else "",
    )


def read_wal(path: Path) -> WalFacts | None:
    """Count the frames of a log that belong together; None when there is no such file. Read-only."""
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            raw = stream.read(_WAL_HEADER.size)
            if len(raw) < _WAL_HEADER.size:
                return WalFacts(size=size, frames=0, holds_content=False)
            magic, _, page_size, _, *salts, _, _ = _WAL_HEADER.unpack(raw)
            frames = committed = 0
            while magic in _WAL_MAGIC and len(frame := stream.read(_FRAME_HEADER.size)) == _FRAME_HEADER.size:
                _, pages_after_commit, *frame_salts, _, _ = _FRAME_HEADER.unpack(frame)
                if frame_salts != salts or stream.tell() + page_size > size:
                    break
                frames += 1
                committed = frames if pages_after_commit else committed
                stream.seek(page_size, 1)
    except FileNotFoundError:
        return None
    return WalFacts(size=size, frames=frames, holds_content=committed > 0)


def measure_hot_journal(path: Path) -> int:
    """Return the size of a rollback journal that is in force, else 0. Read-only."""
    try:
        with path.open("rb") as stream:
            return path.stat().st_size if stream.read(len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC else 0
    except FileNotFoundError:
        return 0
