"""How long the certificates of the stack still hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.examine.doctor.finding import Finding, Level

_SOON = 15
"""Days: what ends within these is issued anew by the next stack.up."""
_WAY = "./inv stack.up issues new ones"


def examine_certificates(days: Mapping[str, int]) -> Iterator[Finding]:
    """Judge each certificate that ends soon or has ended, and all others together. ``days`` are those left."""
    for name, left in sorted(days.items()):
        if left < 0:
            yield Finding(level=Level.ERROR, subject="certificates", fact=f"that of {name} has ended", hint=_WAY)
        elif left < _SOON:
            yield Finding(
                level=Level.WARNING, subject="certificates", fact=f"that of {name} ends in {left} days", hint=_WAY
            )
    sound = {name: left for name, left in days.items() if left >= _SOON}
    if sound:
        first = min(sound, key=lambda name: sound[name])
        fact = f"{len(sound)} of the stack hold, the first ({first}) for {sound[first]} days"
        yield Finding(level=Level.OK, subject="certificates", fact=fact)
