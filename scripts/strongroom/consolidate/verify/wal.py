"""Read a write-ahead log: which page each commit left where (https://sqlite.org/fileformat2.html, section 4).

Frames count as long as their salts are the header's and their checksums go on from the frame before; what was not
committed, and old frames behind a log that was begun anew, do not. A commit is seen by readers once the index
beside the log says so, which may be later than its frames are in the file (https://sqlite.org/walformat.html, 2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEADER, _FRAME = 32, 24
_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}
"""What the file begins with, and the byte order in which it is summed up."""
_VERSION = 3007000
_MASK = 0xFFFFFFFF
_LEAST_PAGE, _MOST_PAGE = 512, 65536
_INDEX_HEADER = 48
_ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit: what the database holds from then on."""

    size: int
    """Pages of the whole database."""
    frames: int
    """How many frames of the log there are by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What a log holds that is committed."""

    page_size: int
    salts: tuple[int, int]
    commits: tuple[Commit, ...]
    versions: dict[int, list[tuple[int, int]]]
    """Page to (number of the commit from 1, where in the file its content begins), in their order."""


def read_log(path: Path) -> Log | None:
    """Return what is committed in a log; None where there is none, or nothing that a database would read."""
    try:
        with path.open("rb") as stream:
            return _read(stream)
    except FileNotFoundError:
        return None


def read_seen(path: Path) -> tuple[tuple[int, int], int] | None:
    """Return the salts and the number of frames that an index lets readers see; None where there is no sound index.

    Both copies of its header are read, again while a writer is between them. Closing the file drops the locks that
    this process holds on it.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            for _ in range(_ATTEMPTS):
                stream.seek(0)
                one, two = stream.read(_INDEX_HEADER), stream.read(_INDEX_HEADER)
                if one == two:
                    return _read_index(one)
    except FileNotFoundError:
        pass
    return None


def _read_index(header: bytes) -> tuple[tuple[int, int], int] | None:
    if len(header) < _INDEX_HEADER:
        return None
    version, is_ready, frames = struct.unpack("=I8x?3xI28x", header)
    salts = struct.unpack(">2I", header[32:40])
    return (salts, frames) if version == _VERSION and is_ready else None


def _read(stream: BinaryIO) -> Log | None:
    header = stream.read(_HEADER)
    if len(header) < _HEADER:
        return None
    magic, version, page_size, _, salt_1, salt_2, *sums = struct.unpack(">8I", header)
    order = _MAGICS.get(magic)
    is_size = _LEAST_PAGE <= page_size <= _MOST_PAGE and page_size & (page_size - 1) == 0
    if order is None or version != _VERSION or not is_size:
        return None
    state = sum_up(order, header[:24], (0, 0))
    if state != tuple(sums):
        return None
    commits: list[Commit] = []
    versions: dict[int, list[tuple[int, int]]] = {}
    pending: dict[int, int] = {}
    for number, (page, size, at) in enumerate(_frames(stream, order, page_size, (salt_1, salt_2), state), start=1):
        pending[page] = at
        if size:
            commits.append(Commit(size=size, frames=number))
            for held, place in pending.items():
                versions.setdefault(held, []).append((len(commits), place))
            pending = {}
    return Log(page_size=page_size, salts=(salt_1, salt_2), commits=tuple(commits), versions=versions)


def _frames(
    stream: BinaryIO, order: str, page_size: int, salts: tuple[int, int], state: tuple[int, int]
) -> Iterator[tuple[int, int, int]]:
    """Yield page, size after a commit (else 0), and where the content begins, of every frame that counts."""
    at = _HEADER
    while True:
        frame = stream.read(_FRAME + page_size)
        if len(frame) < _FRAME + page_size:
            return
        page, size, *rest = struct.unpack(">6I", frame[:_FRAME])
        state = sum_up(order, frame[_FRAME:], sum_up(order, frame[:8], state))
        if page == 0 or tuple(rest) != (*salts, *state):
            return
        yield page, size, at + _FRAME
        at += _FRAME + page_size


def sum_up(order: str, content: bytes, state: tuple[int, int]) -> tuple[int, int]:
    """Return the checksum of a multiple of eight bytes that goes on from ``state``."""
    one, two = state
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for first, second in zip(words, words, strict=True):
        one = (one + first + two) & _MASK
        two = (two + second + one) & _MASK
    return one, two
