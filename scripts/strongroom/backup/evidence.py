"""Keep what came of looking at a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.backup.catalog import BackupSet, write_evidence
from strongroom.backup.documents import Action, EvidenceDocument
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Store


def note_look(
    store: Store,
    chosen: BackupSet,
    action: Action,
    around: Surroundings,
    *,
    facts: Sequence[str] = (),
    members: Sequence[str] | None = None,
    seconds: Mapping[str, float] | None = None,
    recovery_point_seconds: float | None = None,
) -> EvidenceDocument:
    """Write that a set, or some members of it, was looked at just now: sound where there are no ``facts``."""
    evidence = EvidenceDocument(
        set=chosen.id,
        action=action,
        at=around.now(),
        is_sound=not facts,
        members=tuple(member.name for member in chosen.entry.members) if members is None else tuple(members),
        facts=tuple(facts),
        seconds=seconds or {},
        recovery_point_seconds=recovery_point_seconds,
    )
    write_evidence(store.objects, store.about.id, evidence)
    return evidence
