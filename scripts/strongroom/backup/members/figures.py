"""What was counted of a server's content then, beside what is counted now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.backup.documents import TableRecord


def compare_figures(wanted: Mapping[str, TableRecord], found: Mapping[str, TableRecord], unit: str) -> Iterator[str]:
    """Yield a line for each thing that is not there any more, was not there, or has other content than it had."""
    for name, was in wanted.items():
        now = found.get(name)
        if now is None:
            yield f"{name} is gone ({was.rows} {unit})"
        elif now.rows != was.rows:
            yield f"{name} has {now.rows} {unit}, and had {was.rows}"
        elif now.digest != was.digest:
            yield f"{name} has other content than it had"
    for name, now in found.items():
        if name not in wanted:
            yield f"{name} was not there ({now.rows} {unit})"
