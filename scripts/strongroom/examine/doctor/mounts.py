"""Find the mount that a folder lies on. Read-only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
"""White space and backslashes in names (https://www.kernel.org/doc/html/latest/filesystems/proc.html, 3.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of ``mountinfo``."""

    kind: str
    """``ext4``, ``nfs4``, …"""
    device: str
    """Its numbers: ``8:1``; ``0:…`` where the file system stands on no single device."""
    source: str
    """What was mounted: ``/dev/mapper/data``, ``server:/export``, …"""


def find_mount(folder: Path, mounts: Path = MOUNTS) -> Mount | None:
    """Return the mount that a folder is on; of several on one point the last, which hides the others. Read-only."""
    found, depth = None, -1
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        wanted = folder.resolve()
    except OSError:
        return None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = Path(_unescape(fields.split()[4]))
        if rest and wanted.is_relative_to(point) and len(point.parts) >= depth:
            kind, source, *_ = [*rest.split(), ""]
            found, depth = Mount(kind=kind, device=fields.split()[2], source=_unescape(source)), len(point.parts)
    return found


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
