"""Kubernetes' quantities: ``512Mi``, ``250m``, ``1e3``, as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d+))?")
_FACTORS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def read_quantity(value: object) -> Decimal | None:
    """Return a quantity as a number; None for what is none.

    The form: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    found = None if isinstance(value, bool) else _FORM.fullmatch(str(value))
    if found is None:
        return None
    number, suffix, exponent = found.groups()
    if suffix and suffix.endswith("i"):
        return Decimal(number) * Decimal(1024 ** ("KMGTPE".index(suffix[0].upper()) + 1))
    return Decimal(number).scaleb(_FACTORS.get(suffix or "", int(exponent or 0)))
