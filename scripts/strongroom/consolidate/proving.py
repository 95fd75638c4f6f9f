"""Hand the proof what it may know, several jobs at a time: paths and texts, nothing of what built the targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from strongroom.consolidate.verify import (
    ARCHIVE,
    PLACES,
    Evidence,
    House,
    Part,
    fingerprint_target,
    list_parts,
    read_house,
    verify_chains,
    verify_content,
    verify_drops,
    verify_places,
    verify_soundness,
    verify_soundness_of_new,
)
from strongroom.core.files import hash_file, is_same_content
from strongroom.core.results import Verification
from strongroom.core.workers import Workers
from strongroom.runs.folder import RunFolder
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.snapshot import Snapshot

SNAPSHOTS = "snapshots"
_LARGE = 100_000
"""Rows from which a table is verified in a job of its own."""
_WORTH_COMPARING = 4 << 20
"""Bytes from which a snapshot is compared with its source."""


def gather_evidence(
    folder: RunFolder,
    snapshots: Mapping[str, Snapshot],
    targets: Mapping[str, Database],
    ledgers: Mapping[str, Database],
    archive: Database,
) -> Evidence:
    """Name what the proof reads: the plan as the run keeps it, the copies of the sources, what was built of them."""
    copies = {
        snapshot.path: Database(snapshot.raw, snapshot.copy.engine)
        if snapshot.is_document and snapshot.copy.key is None
        else snapshot.copy
        for snapshot in snapshots.values()
    }
    return Evidence(
        plan=folder.plan, snapshots=copies, targets=targets, ledgers=ledgers, archive=archive, engine=folder.engine
    )


class Proving:
    """A proof that goes on while targets are still being built."""

    def __init__(self, evidence: Evidence, scratch: Path, workers: Workers, *, is_new: bool) -> None:
        """Begin to read what must be there; ``is_new``: the targets were just built, and nobody else had them."""
        self._verify_soundness = verify_soundness_of_new if is_new else verify_soundness
        self._workers = workers
        self._names = [*evidence.targets]
        self._reading = workers.submit(read_house, evidence, scratch)
        self._parts: list[Part] | None = None
        self._checks: list[Future[Verification]] = []
        self._built: set[str] = set()
        self._begun: set[Part] = set()

    @property
    def house(self) -> House:
        """Return what must be there, once it is read."""
        return self._workers.gather([self._reading])[0]

    def start(self, target: str) -> None:
        """Start the checks of a target that is built, and of what waited for it."""
        self._built.add(target)
        self._checks.append(self._workers.submit(self._verify_soundness, self.house, target))
        self._checks.append(self._workers.submit(verify_chains, self.house, target))
        ready = [part for part in self._list_parts() if part not in self._begun and part.needs <= self._built]
        self._begun |= set(ready)
        large = [part for part in ready if part.rows >= _LARGE and self._workers.is_parallel]
        for part in sorted(large, key=lambda part: -part.rows):
            self._submit(part.target, [part])
        for name in dict.fromkeys(part.target for part in ready):
            self._submit(name, [part for part in ready if part.target == name and part not in large])

    def _list_parts(self) -> list[Part]:
        if self._parts is None:
            self._parts = list_parts(self.house)
        return self._parts

    def _submit(self, target: str, parts: list[Part]) -> None:
        tables = [part.table for part in parts]
        self._checks.append(self._workers.submit(verify_content, self.house, target, tables))

    def finish(self, snapshots: Mapping[str, Snapshot], place: Path, *, is_source: bool) -> list[Verification]:
        """Return what was found of every target, of drops, copies and places; all targets are built.

        ``place`` is the sources' directory, or that of their copies.
        """
        checks = [*self._checks, self._workers.submit(verify_drops, self.house)]
        checks.append(self._workers.submit(verify_places, self.house, place, is_source))
        checks += [
            self._workers.submit(verify_snapshot, snapshot, place / snapshot.path if is_source else None)
            for snapshot in snapshots.values()
        ]
        found = self._workers.gather(checks)
        names = [*self._names, ARCHIVE, PLACES, SNAPSHOTS]
        return [_join(name, [part for part in found if part.target == name]) for name in names]

    def add_fingerprints(self, verifications: list[Verification]) -> list[Verification]:
        """Return the verifications with the fingerprint of every target table."""
        jobs = [self._workers.submit(fingerprint_target, self.house, name) for name in self._names]
        found = {into: digest for part in self._workers.gather(jobs) for into, digest in part.items()}
        return [
            replace(
                part,
                targets={into: replace(tally, fingerprint=found.get(into)) for into, tally in part.targets.items()},
            )
            for part in verifications
        ]


@contextmanager
def open_proving(evidence: Evidence, workers: Workers, *, is_new: bool = False) -> Iterator[Proving]:
    """Begin a proof; what it makes for itself is gone afterwards."""
    with TemporaryDirectory(prefix="strongroom-") as scratch:
        yield Proving(evidence, Path(scratch), workers, is_new=is_new)


def verify_snapshot(snapshot: Snapshot, source: Path | None = None) -> Verification:
    """Make sure that a snapshot did not change since it was taken: by its hash, or against its source. Read-only."""
    is_same = _is_source(snapshot, source) or hash_file(snapshot.copy.path) == snapshot.sha256
    if is_same and snapshot.is_document and snapshot.copy.key is None:
        is_same = hash_file(snapshot.raw) == snapshot.source_sha256
    changed = () if is_same else (f"snapshot of {snapshot.path}: its bytes changed since it was taken",)
    return Verification(target=SNAPSHOTS, tables={}, targets={}, differences=changed)


def _is_source(snapshot: Snapshot, source: Path | None) -> bool:
    """Tell whether a large snapshot is, byte for byte, the file that it was when it was copied, and that is untouched.

    Looking at both takes a fraction of hashing one, and under a key no page is read that is not as it was written.
    Small ones are hashed, so that a wrong hash shows.
    """
    if source is None or snapshot.size < _WORTH_COMPARING:
        return False
    if snapshot.copy.key is not None:
        return True
    if snapshot.sha256 != snapshot.source_sha256:
        return False
    is_untouched = dict(snapshot.state) == dict(state_of(Database(source)))
    return is_untouched and is_same_content(snapshot.copy.path, source)


def _join(target: str, parts: list[Verification]) -> Verification:
    identities = {part.identity for part in parts if part.identity}
    changed = (f"{target}: changed while it was verified",) if len(identities) > 1 else ()
    return Verification(
        target=target,
        tables={name: tally for part in parts for name, tally in part.tables.items()},
        targets={name: tally for part in parts for name, tally in part.targets.items()},
        references={name: tally for part in parts for name, tally in part.references.items()},
        differences=changed + tuple(difference for part in parts for difference in part.differences),
        notes=tuple(note for part in parts for note in part.notes),
        damaged=any(part.damaged for part in parts),
        identity=next(iter(identities), ()),
    )
