"""``backup.drill``: restore a set into scratch places, compare it, ask it the system's questions, and note the time."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action, Kind, MemberRecord
from strongroom.backup.evidence import note_look
from strongroom.backup.fetching import fetch_members
from strongroom.backup.members.model import CHECK, Phases, is_about_check
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Store
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import DifferencesError, ExitCode, StaleError
from strongroom.core.files import make_private_folder

RANDOM = "random"


class Rehearse(Protocol):
    """Restores one member into a scratch engine and compares it."""

    def __call__(
        self, member: MemberRecord, folder: Path, scratch: Path, checks: Sequence[BackupCheck], around: Surroundings
    ) -> tuple[str, ...]:
        """Return what is other than when it was backed up, and which checks it fails.

        ``folder`` holds the set's files, ``scratch`` is an empty folder that is gone afterwards. Raises VersionError
        where the engine is not there, or of another major version.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a drill happens, and what is asked there."""

    scratch: Path
    """Made, and gone afterwards."""
    rehearsals: Mapping[Kind, Rehearse]
    checks: Sequence[BackupCheck] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """What came of a drill."""

    set: str
    store: str
    members: tuple[str, ...]
    facts: tuple[str, ...]
    """What is wrong."""
    checks: int
    """Questions that were asked."""
    rows: int
    size: int
    seconds: dict[str, float]
    """By phase; the sum is the recovery time."""
    recovery_point_seconds: float
    """The age of the set: what was written since would be lost."""
    escrow: bool
    unopened: tuple[str, ...] = ()
    """Encrypted members of an escrow drill: compared byte by byte, and no key was asked for to open them."""

    @property
    def exit(self) -> ExitCode:
        """3 for anything wrong."""
        return ExitCode.DIFFERENCES if self.facts else ExitCode.DONE


def choose_random(catalog: Catalog) -> BackupSet:
    """Return any set that counts. Raises StaleError where there is none."""
    counting = [one for one in catalog.sets if one.is_verified]
    if not counting:
        raise StaleError("backup", "there is no set that counts to rehearse", "backup.create makes one")
    return secrets.choice(counting)


def rehearse_set(
    store: Store, chosen: BackupSet, scene: Scene, around: Surroundings, *, escrow: bool = False
) -> Drilled:
    """Restore a set into scratch places and compare it with its manifest; the evidence stays in the store.

    An ``escrow`` drill asks for no key: it is for the day when nobody who keeps keys can be asked. Raises VersionError
    where an engine is missing, and what the store raises; damage is no error but a finding.
    """
    shutil.rmtree(scene.scratch, ignore_errors=True)
    make_private_folder(scene.scratch)
    phases, began = Phases(), around.now()
    around = replace(around, keys={}) if escrow else around
    try:
        members, facts, asked = _restore_and_compare(store, chosen, scene, phases, around, escrow=escrow)
    finally:
        shutil.rmtree(scene.scratch, ignore_errors=True)
    age = (began - chosen.entry.began).total_seconds()
    is_read, is_same = bool(members), all(is_about_check(fact) for fact in facts)
    note_look(
        store,
        chosen,
        Action.VERIFY if not is_read else Action.ESCROW if escrow else Action.DRILL,
        around,
        facts=facts,
        # An answer that is wrong says nothing of the set: it came out as it went in.
        members=() if facts and is_read and is_same else None,
        seconds=phases.seconds,
        recovery_point_seconds=age,
    )
    around.reach("drill.noted")
    return Drilled(
        set=chosen.id,
        store=store.place,
        members=tuple(member.name for member in chosen.entry.members),
        facts=facts,
        checks=asked,
        rows=sum(member.rows for member in members),
        size=sum(member.size for member in members),
        seconds=phases.seconds,
        recovery_point_seconds=age,
        escrow=escrow,
        unopened=tuple(member.name for member in members if _is_closed(member, escrow=escrow)),
    )


def _is_closed(member: MemberRecord, *, escrow: bool) -> bool:
    return escrow and member.key is not None


def _restore_and_compare(
    store: Store, chosen: BackupSet, scene: Scene, phases: Phases, around: Surroundings, *, escrow: bool
) -> tuple[tuple[MemberRecord, ...], tuple[str, ...], int]:
    restored = scene.scratch / "set"
    make_private_folder(restored)
    try:
        with phases.measured("fetch"):
            _, members = fetch_members(store, chosen, None, restored)
    except DifferencesError as error:
        return (), (f"{error}",), 0
    around.reach("drill.fetched")
    facts, asked = list[str](), 0
    for number, member in enumerate(one for one in members if not _is_closed(one, escrow=escrow)):
        place, mine = scene.scratch / str(number), [check for check in scene.checks if check.member == member.name]
        make_private_folder(place)
        with phases.measured(f"restore_{member.kind}"):
            facts += scene.rehearsals[member.kind](member, restored, place, mine, around)
        asked += len(mine)
        shutil.rmtree(place, ignore_errors=True)
    names = {member.name for member in members}
    lacking = (check for check in scene.checks if check.member not in names)
    facts += [f"{check.member}: {CHECK}{check.sql!r} cannot be asked: the set lacks the member" for check in lacking]
    return members, tuple(facts), asked
