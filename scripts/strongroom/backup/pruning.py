"""``backup.prune``: take away what no rule keeps, and never what might be needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.backup.catalog import BackupSet, Catalog, remove_entries, write_evidence
from strongroom.backup.documents import Action, EvidenceDocument
from strongroom.backup.entries import list_anew
from strongroom.backup.evidence import note_look
from strongroom.backup.request import Surroundings
from strongroom.backup.retention import Decision, choose_kept
from strongroom.backup.stores.model import Store
from strongroom.backup.verifying import check_kept
from strongroom.core.backup_entry import Keep
from strongroom.core.errors import DifferencesError, GuardError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was taken away, and what keeps the rest."""

    store: str
    removed: tuple[str, ...]
    kept: Mapping[str, tuple[str, ...]]
    """By set: the rules that keep it."""
    accepted: tuple[str, ...]
    """The alarms that were accepted."""
    size: int
    """Bytes of the sets that were removed."""
    dry_run: bool


def prune_sets(store: Store, keep: Keep, around: Surroundings, scratch: Path, *, accept: bool) -> Pruned:
    """Remove the sets that nothing keeps. To be called under the store's lease; ``scratch`` is made, and gone again.

    Raises GuardError while the newest set is not whole, or looks wrong beside the one before and nobody accepted it;
    DifferencesError where the newest set that stays is found damaged. Then nothing was removed.
    """
    catalog = list_anew(store, store.list_content(), around)
    _refuse_doubt(catalog, accept=accept)
    decision = choose_kept(catalog.sets, keep, around.now())
    accepted = _accept(store, catalog, around) if accept else ()
    going = [one for one in catalog.sets if one.id in decision.removed]
    if going:
        _refuse_damage(store, catalog, decision, around, scratch)
    around.reach("prune.begun")
    for one in going:
        remove_entries(store.objects, [one.id])
        around.reach("prune.unlisted")
    store.remove([one.entry.locator for one in going])
    around.reach("prune.removed")
    store.sweep()
    return _describe(store, going, decision, accepted, dry_run=False)


def foresee_prune(store: Store, catalog: Catalog, keep: Keep, around: Surroundings, *, accept: bool) -> Pruned:
    """Say what would be removed. Read-only. Raises GuardError."""
    _refuse_doubt(catalog, accept=accept)
    decision = choose_kept(catalog.sets, keep, around.now())
    going = [one for one in catalog.sets if one.id in decision.removed]
    return _describe(store, going, decision, (), dry_run=True)


def _describe(
    store: Store, going: list[BackupSet], decision: Decision, accepted: tuple[str, ...], *, dry_run: bool
) -> Pruned:
    return Pruned(
        store=store.place,
        removed=tuple(one.id for one in going),
        kept=decision.kept,
        accepted=accepted,
        size=sum(one.entry.size for one in going),
        dry_run=dry_run,
    )


def _refuse_doubt(catalog: Catalog, *, accept: bool) -> None:
    """Make sure that the newest set is what one would expect."""
    newest = catalog.sets[-1] if catalog.sets else None
    if newest is None:
        return
    if not newest.entry.is_whole:
        names = ", ".join(one.name for one in newest.entry.missing)
        raise GuardError(f"set {newest.id}", f"is not whole ({names}): nothing is pruned", "backup.create once more")
    if not newest.is_accepted and not accept:
        fact = f"looks wrong beside the one before: {'; '.join(newest.entry.alarms)}"
        raise GuardError(f"set {newest.id}", fact, "where that is as it should be: backup.prune --accept")


def _refuse_damage(store: Store, catalog: Catalog, decision: Decision, around: Surroundings, scratch: Path) -> None:
    """Look at the newest set that counts once more, before others are given up for it."""
    newest = next((one for one in reversed(catalog.sets) if one.is_verified and one.id in decision.kept), None)
    wrong = check_kept(store, newest, scratch) if newest is not None else ("no set that counts would be left",)
    if not wrong:
        return
    subject = store.place if newest is None else f"set {newest.id}"
    if newest is not None:
        note_look(store, newest, Action.VERIFY, around, facts=wrong)
    raise DifferencesError(subject, f"{wrong[0]}: nothing is pruned", "backup.create makes a new one; backup.verify")


def _accept(store: Store, catalog: Catalog, around: Surroundings) -> tuple[str, ...]:
    """Keep that a person accepted what looked wrong."""
    newest = catalog.sets[-1] if catalog.sets else None
    if newest is None or newest.is_accepted:
        return ()
    evidence = EvidenceDocument(
        set=newest.id, action=Action.VERIFY, at=around.now(), is_sound=True, members=(), accepted=True
    )
    write_evidence(store.objects, store.about.id, evidence)
    return newest.entry.alarms
