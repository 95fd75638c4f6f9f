"""The table of what was tried, as it is printed and kept: no times, no places, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.mutants.judge import Verdict
from tests.mutants.reasons import MOST, MOST_OF_LOADS, OF_LOADS, REASONS
from tests.mutants.selection import LEAST, LEAST_OF_EACH, Found

_KNOWN = REASONS | OF_LOADS
_TALLIED = (Verdict.NOTICED, Verdict.NOTICED_ERROR, Verdict.SURVIVED, Verdict.CRASHED, Verdict.SAME, Verdict.HANGS)


def render(found: Found) -> str:
    """Return every fault that counts with its verdict and what noticed it, and the sums of each part."""
    return "\n".join([*_render_rows(found), *_render_sums(found), *_render_survivors(found), ""])


def find_faults(found: Found, *, is_sample: bool) -> list[str]:
    """Say what is not as it must be: survivors without a reason, too many of them, too few faults that count."""
    survivors = _list_survivors(found)
    wrong = [f"survived, and nobody says why: {name}" for name in survivors if name not in _KNOWN]
    for reasons, most in ((REASONS, MOST), (OF_LOADS, MOST_OF_LOADS)):
        if len(reasons) > most:
            wrong.append(f"{len(reasons)} reasons, and {most} are allowed")
    tried = {mutant.name for rows in found.rows.values() for mutant, _ in rows}
    wrong += [f"is noticed, and needs no reason: {name}" for name in _KNOWN if name in tried - set(survivors)]
    if is_sample:
        return wrong
    wrong += [
        f"{area}: {len(found.counted(area))} count, and {LEAST_OF_EACH} must"
        for area in found.areas
        if len(found.counted(area)) < LEAST_OF_EACH
    ]
    return wrong + ([f"{found.total} count, and {LEAST} must"] if found.total < LEAST else [])


def _list_survivors(found: Found) -> list[str]:
    return [
        mutant.name
        for rows in found.rows.values()
        for mutant, judgement in rows
        if judgement.verdict is Verdict.SURVIVED
    ]


def _render_rows(found: Found) -> Iterator[str]:
    for area in found.areas:
        yield f"{area}:"
        for mutant, judgement in found.counted(area):
            yield f"  {judgement.verdict:15} {mutant.name}"
            yield f"  {'':15}   {judgement.said}"
        yield ""


def _render_sums(found: Found) -> Iterator[str]:
    yield f"{'':14}counted" + "".join(f"{verdict:>17}" for verdict in _TALLIED)
    for area in (*found.areas, ""):
        rows = [row for one in ([area] if area else found.areas) for row in found.rows[one]]
        tally = Counter(judgement.verdict for _, judgement in rows)
        counted = sum(tally[verdict] for verdict in _TALLIED if verdict.counts)
        yield f"{area or 'all':14}{counted:7}" + "".join(f"{tally[verdict]:17}" for verdict in _TALLIED)


def _render_survivors(found: Found) -> Iterator[str]:
    for name in _list_survivors(found):
        if name in _KNOWN:
            yield f"may survive: {name}: {_KNOWN[name]}"
