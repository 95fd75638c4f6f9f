"""Quantities as Kubernetes reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from strongroom.kubernetes.checking.quantities import read_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", "1"), (5, "5"), ("250m", "0.25"), ("1k", "1000"), ("1Ki", "1024"), ("1.5Gi", "1610612736"),
        ("1e3", "1000"), ("1E3", "1000"), ("12E", "12000000000000000000"), ("1Ei", "1152921504606846976"),
        ("100u", "0.0001"), (".5", "0.5"), ("2.", "2"), ("-1", "-1"),
    ],
)  # fmt: skip
def test_a_quantity_is_a_number(text: object, number: str) -> None:
    assert read_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1gb", "1 Gi", "1KB", "Gi", "1Mi2", "1e", None, True, [], "0x10", "1,5"])
def test_what_is_none(text: object) -> None:
    assert read_quantity(text) is None
