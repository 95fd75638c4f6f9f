"""Sets as a store's catalog tells of them, of any age and kind, and whole histories of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from strongroom.backup.catalog import BackupSet
from strongroom.backup.documents import Action, EntryDocument, EvidenceDocument, Kind, Missing, Summary
from strongroom.core.backup_entry import Keep

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
EDGES = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2024-12-30T00:00:00+00:00",  # week 1 of 2025
        "2025-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00+00:00",  # still week 1 of 2026, of which the year before holds days too
        "2026-03-29T01:00:00+00:00",  # clocks are changed in many places
        "2027-01-03T23:59:59+00:00",  # week 53 of 2026
        "2028-02-29T23:59:59.999999+00:00",
    )
)
_STEPS = (
    timedelta(microseconds=1),
    timedelta(minutes=7),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=6, hours=23),
    timedelta(days=13),
    timedelta(days=40),
    timedelta(days=200),
)


def make_set(
    began: datetime,
    name: str = "",
    *,
    is_whole: bool = True,
    seen: Sequence[bool] = (),
    evidence: Sequence[EvidenceDocument] = (),
    **changes: object,
) -> BackupSet:
    """Make a set of one database; ``seen`` is what came of looking at it, oldest first."""
    set_id = name or began.astimezone(UTC).strftime("%Y%m%d_%H%M%S_%f")
    told = {
        "set": set_id,
        "system": "shop",
        "tool": "0.1.0",
        "began": began,
        "ended": began + timedelta(seconds=30),
        "locator": set_id,
        "manifest_sha256": "0" * 64,
        "members": (Summary(name="users.db", kind=Kind.SQLITE, size=4096, tables={"users": 3, "notes": 4}),),
        "missing": () if is_whole else (Missing(name="core.db", fact="cannot be opened", exit_code=6),),
    }
    entry = EntryDocument(**{**told, **changes})  # type: ignore[arg-type]
    looked = [
        EvidenceDocument(
            set=set_id,
            action=Action.VERIFY,
            at=began + timedelta(minutes=number),
            is_sound=is_sound,
            members=("users.db",),
        )
        for number, is_sound in enumerate(seen)
    ]
    return BackupSet(entry=entry, evidence=(*looked, *evidence))


def draw_history(random: Random) -> tuple[list[BackupSet], Keep, datetime]:
    """Draw sets, oldest first, a retention and a clock: dense and sparse ones, at edges of periods, some damaged."""
    step = random.choice(_STEPS)
    moment = random.choice((NOW, *EDGES))
    sets = []
    for number in range(random.randrange(40)):
        moment -= step * random.choice((0, 1, 1, 1, 2, random.random()))
        zone = random.choice((UTC, UTC, timezone(timedelta(hours=13)), timezone(timedelta(hours=-9, minutes=-30))))
        seen = random.choice(((), (), (), (True,), (False,), (False, True), (True, False)))
        name = f"{moment.astimezone(UTC):%Y%m%d_%H%M%S}_{100 - number:03}"
        sets.append(make_set(moment.astimezone(zone), name, is_whole=random.random() < 0.8, seen=seen))
    sets.sort(key=lambda one: (one.entry.began, one.id))
    return sets, draw_keep(random), _draw_clock(random, sets)


def draw_keep(random: Random) -> Keep:
    """Draw what is to stay: often nothing of most kinds, so that each rule is seen alone."""
    names = ("last", "hourly", "daily", "weekly", "monthly", "yearly", "days")
    drawn = {name: random.choice((0, 0, 0, 1, 2, 3, 7, 24)) for name in names}
    return Keep(**drawn, verified=random.choice((1, 1, 2, 3, 9)))


def _draw_clock(random: Random, sets: Sequence[BackupSet]) -> datetime:
    """Draw the time: mostly after the newest set, at times a whole number of days after one, or before some."""
    if not sets:
        return NOW
    after = sets[-1].entry.began + random.choice((timedelta(0), timedelta(minutes=5), timedelta(days=3)))
    exact = random.choice(sets).entry.began + timedelta(days=random.choice((0, 1, 2, 3, 7, 24)))
    return random.choice((after, after, exact))
