"""A store's lease: one task at a time changes the store, and one that died is never in the way of the next.

Each lease has a number, and lies as ``lease/NUMBER.json``; the highest number counts, and whoever succeeds in creating
the next one holds it: the last stays when it is given back, so that no number is given twice. A holder writes its own
object only. On its own machine a process that ended is proof enough; elsewhere it is dead when its object did not
change for as long as it says itself, by the clock of whoever waits: two clocks are never compared.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

from strongroom.backup.stores.holders import Holder, describe_this_process, is_proven_dead
from strongroom.backup.stores.objects import Objects
from strongroom.core.errors import LockedError, StrongroomError
from strongroom.runs.documents import Document, decode_document, encode_document

LEASE = "lease/"
_OWNER = "lease"
_MOST_SECONDS = 600.0
"""Nobody is waited for longer, whatever a document says."""
_LOOKS = 8
"""Within the time after which a holder counts as dead."""
_TRIES = 3
_LAST_SECONDS = 120.0
"""For a beat that is under way: more than a store takes to answer, or not to."""
_WAIT = "wait until it has ended, then the same command; a task that died is not waited for"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseDocument(Document):
    """Who holds a store, and that it still does: ``beat`` counts on."""

    kind: ClassVar[str] = "backup-lease"
    token: str
    """Of this lease alone."""
    task: str
    holder: Holder
    since: datetime
    """By its own clock: for people."""
    limit_seconds: float
    """Unchanged for so long, it is the lease of a task that died."""
    beat: int = 0
    is_released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a holder writes its object, and after how many times without it counts as dead."""

    beat_seconds: float = 20.0
    missed: int = 3

    @property
    def limit_seconds(self) -> float:
        """For how long its object may stay as it is."""
        return self.beat_seconds * self.missed


class Lease:
    """A lease that is held, until it is given back or another task took it over."""

    def __init__(self, objects: Objects, number: int, document: LeaseDocument, pace: Pace) -> None:
        """Begin to say, in a thread, that we are alive."""
        self._objects, self._number, self._document, self._pace = objects, number, document, pace
        self._is_ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._beats.start()

    def require(self) -> None:
        """Return while the lease is ours: to be called before something is published.

        Raises LockedError when another task took it over, as it did not see us for too long; UnreachableError.
        """
        found = _find_last(self._objects)
        if found is None or found.number != self._number:
            raise _lost(self._objects, found)

    def give_back(self) -> None:
        """Let the next task have the store, where it is ours still.

        Where that cannot be said, as the store is away, it is found out: from now on nothing changes any more.
        """
        self._is_ended.set()
        self._beats.join(_LAST_SECONDS)
        with suppress(StrongroomError):
            self.require()
            self._write(replace(self._document, is_released=True))

    def _beat(self) -> None:
        beat = 0
        while not self._is_ended.wait(self._pace.beat_seconds):
            beat += 1
            try:
                self.require()
                self._write(replace(self._document, beat=beat))
            except LockedError:
                return
            except StrongroomError:  # the store is away for a while: ``require`` says so, where it matters
                continue

    def _write(self, document: LeaseDocument) -> None:
        self._objects.write(_name(self._number), encode_document(document, _OWNER).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    number: int
    content: bytes
    document: LeaseDocument | None
    """None for one that is damaged."""

    @property
    def is_free(self) -> bool:
        return self.document is not None and self.document.is_released

    @property
    def text(self) -> str:
        if self.document is None:
            return "a task that cannot be read"
        since = self.document.since.astimezone(UTC)
        return f"{self.document.task} ({self.document.holder.text}, since {since:%Y-%m-%d %H:%M:%S} UTC by its clock)"


@contextmanager
def held(
    objects: Objects, now: datetime, *, task: str, pace: Pace | None = None, here: Holder | None = None
) -> Iterator[Lease]:
    """Hold a store's lease for a while.

    One that another machine left is watched for as long as it says, a minute, before it is taken over. Raises
    LockedError while another task holds it, and what ``objects`` raises.
    """
    pace, here = pace or Pace(), here or describe_this_process()
    token = secrets.token_hex(8)
    document = LeaseDocument(token=token, task=task, holder=here, since=now, limit_seconds=pace.limit_seconds)
    lease = Lease(objects, _take(objects, document), document, pace)
    try:
        yield lease
    finally:
        lease.give_back()


def find_holder(objects: Objects, here: Holder | None = None) -> tuple[str, bool] | None:
    """Say who holds a store, and whether that is this process; None for nobody who is alive. Read-only.

    Of a holder on another machine it is not known whether it is alive: it counts as if.
    """
    found, here = _find_last(objects), here or describe_this_process()
    if found is None or found.is_free:
        return None
    if found.document is not None:
        if found.document.holder == here:
            return found.text, True
        if is_proven_dead(found.document.holder, here):
            return None
    return found.text, False


def _take(objects: Objects, document: LeaseDocument, wait: Callable[[float], None] = time.sleep) -> int:
    """Create the next lease and return its number. Raises LockedError."""
    found = _find_last(objects)
    while found is not None and not found.is_free and not _is_dead(objects, found, document.holder, wait):
        latest = _find_last(objects)
        if latest is None or not latest.is_free:
            raise _busy(objects, latest or found)
        found = latest
    number = found.number + 1 if found is not None else 1
    for name in objects.list(LEASE):
        if _read_number(name) < number - 1:  # never the one that counts
            objects.delete(name)
    is_made = objects.create(_name(number), encode_document(document, _OWNER).encode())
    last = _find_last(objects)  # the answer to ``create`` may have been lost on its way
    if is_made and last is not None and last.number > number:  # others came and went since we looked
        objects.delete(_name(number))
    if last is None or last.document != document:
        raise _busy(objects, last)
    return number


def _is_dead(objects: Objects, found: _Found, here: Holder, wait: Callable[[float], None]) -> bool:
    """Tell whether who holds a lease has died: it is watched where that cannot be seen from here."""
    limit = Pace().limit_seconds
    if found.document is not None:
        known = is_proven_dead(found.document.holder, here)
        if known is not None:
            return known
        limit = min(found.document.limit_seconds, _MOST_SECONDS)
    for _ in range(_LOOKS):
        wait(limit / _LOOKS)
        if objects.read(_name(found.number)) != found.content:
            return False
    return True


def _find_last(objects: Objects) -> _Found | None:
    """Return the lease that counts; None where there never was one."""
    for _ in range(_TRIES):  # the last one may be followed by another, and removed, while we look
        names = objects.list(LEASE)
        if not names:
            return None
        last = max(names, key=_read_number)
        content = objects.read(last)
        if content is not None:
            return _Found(number=_read_number(last), content=content, document=_decode(content, objects))
    raise LockedError(objects.place, "its lease goes from hand to hand", _WAIT)


def _decode(content: bytes, objects: Objects) -> LeaseDocument | None:
    try:
        return decode_document(content, f"{objects.place}/{LEASE}", LeaseDocument, _OWNER)
    except StrongroomError:
        return None


def _name(number: int) -> str:
    return f"{LEASE}{number:08d}.json"


def _read_number(name: str) -> int:
    digits = name.removeprefix(LEASE).removesuffix(".json")
    return int(digits) if digits.isdecimal() else 0


def _busy(objects: Objects, found: _Found | None) -> LockedError:
    who = found.text if found is not None else "another task"
    return LockedError(objects.place, f"{who} holds it", _WAIT)


def _lost(objects: Objects, found: _Found | None) -> LockedError:
    who = found.text if found is not None else "another task"
    return LockedError(objects.place, f"{who} took it over, as it did not hear of us for too long", "run it again")
