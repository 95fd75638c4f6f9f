"""Quantities as Kubernetes writes them: ``512Mi``, ``1.5G``, ``250m``, ``1e3``."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

from strongroom.core.errors import UsageError

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?")
_FACTORS = {
    "": Decimal(1),
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def read_quantity(value: object, place: str) -> Decimal:
    """Return a quantity as a number. Raises UsageError for a text that is none."""
    found = _FORM.fullmatch(str(value))
    if found is None:
        raise UsageError(place, f"is no quantity (got {value!r})", "as in 512Mi, 1.5G or 250m")
    return Decimal(f"{found[1]}{found[2] or ''}") * _FACTORS[found[3] or ""]


def read_bytes(value: object, place: str) -> int:
    """Return how many bytes a quantity is. Raises UsageError."""
    return int(read_quantity(value, place).to_integral_value(ROUND_CEILING))


def divide(amount: Decimal, divisor: Decimal) -> int:
    """Return a quantity in units of another one, rounded up, as the kubelet hands it to containers."""
    return int((amount / divisor).to_integral_value(ROUND_CEILING))
