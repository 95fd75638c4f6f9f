"""Views."""

from __future__ import annotations

from collections.abc import Mapping


def report_views(views: Mapping[str, str], told: list[str]) -> None:
    """Say that views do not come along."""
    told.extend(f"{view}: the view does not come along" for view in views)
