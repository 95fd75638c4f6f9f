"""Say whether a folder lies on dm-crypt (LUKS and its like), so that a disk that is stolen tells nothing. Read-only.

By what the kernel says of the devices below it, through logical volumes, RAID and partitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.examine.doctor.finding import Finding, Level
from strongroom.examine.doctor.folders import nearest_folder
from strongroom.examine.doctor.mounts import MOUNTS, Mount, find_mount

_CIPHER = re.compile(r"CRYPT-(LUKS1|LUKS2|PLAIN|TCRYPT|BITLK|FVAULT2|LOOPAES)\b")
"""How the UUIDs begin that cryptsetup gives (lib/utils_devpath.c); VERITY and INTEGRITY encrypt nothing."""
_IN_MEMORY = ("tmpfs", "ramfs")
_DEEPEST = 16
"""So many devices are stacked nowhere."""
_PAGE = "for what is encrypted below us, and how, see .github/AT-REST.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How what a folder holds lies on its disks."""

    is_encrypted: bool | None
    """None where it cannot be told from here."""
    detail: str
    """By what it is; the device that is not; why it is not known."""


def examine_at_rest(subject: str, folder: Path, root: Path = Path("/")) -> Finding:
    """Say whether a folder, or the nearest one above it that is there, lies on dm-crypt."""
    here = nearest_folder(folder)
    rest = look_below(here, root)
    if rest.is_encrypted:
        return Finding(level=Level.OK, subject=subject, fact=f"{here}: lies on dm-crypt ({rest.detail})")
    if rest.is_encrypted is None:
        fact = f"{here}: whether it lies on an encrypted disk is not known ({rest.detail})"
    else:
        fact = f"{here}: does not lie on dm-crypt ({rest.detail}); a disk that encrypts itself does not show"
    return Finding(level=Level.NOTE, subject=subject, fact=fact, hint=_PAGE)


def look_below(folder: Path, root: Path = Path("/")) -> Rest:
    """Look at the devices below a folder. ``root`` is where ``proc``, ``sys`` and ``dev`` are."""
    mount = find_mount(folder, root / MOUNTS.relative_to("/"))
    if mount is None:
        return Rest(is_encrypted=None, detail="the kernel names no mount")
    if mount.kind == "btrfs":
        return _look_below_btrfs(mount, root)
    if mount.device.startswith("0:"):
        more = ": in memory, which may be swapped to a disk" if mount.kind in _IN_MEMORY else ""
        return Rest(is_encrypted=None, detail=f"{mount.kind}{more}")
    return _look_at(root / "sys" / "dev" / "block" / mount.device, 0)


def _look_below_btrfs(mount: Mount, root: Path) -> Rest:
    """Look at all devices of the file system that has the one which was mounted."""
    name = (root / mount.source.lstrip("/")).resolve().name
    for system in sorted((root / "sys" / "fs" / "btrfs").glob("*/devices")):
        devices = sorted(system.iterdir())
        if name in [device.name for device in devices]:
            return _join([_look_at(device, 0) for device in devices])
    return Rest(is_encrypted=None, detail="btrfs, whose devices are not shown here")


def _look_at(device: Path, depth: int) -> Rest:
    """Look at a device by its folder under ``sys``, and at those that it is made of."""
    here = device.resolve()
    if not here.is_dir() or depth > _DEEPEST:
        return Rest(is_encrypted=None, detail=f"device {device.name} is not shown here")
    cipher = _CIPHER.match(_read(here / "dm" / "uuid"))
    if cipher is not None:
        return Rest(is_encrypted=True, detail=cipher[1])
    below = sorted((here / "slaves").iterdir()) if (here / "slaves").is_dir() else []
    if below:
        return _join([_look_at(one, depth + 1) for one in below])
    if (here / "partition").is_file():
        return _look_at(here.parent, depth + 1)
    if (here / "loop" / "backing_file").is_file():
        return Rest(is_encrypted=None, detail=f"{here.name}, a file on another file system")
    return Rest(is_encrypted=False, detail=here.name)


def _join(parts: Sequence[Rest]) -> Rest:
    """Judge what lies on several devices by the worst of them."""
    for verdict in (False, None, True):
        found = [part.detail for part in parts if part.is_encrypted is verdict]
        if found:
            return Rest(is_encrypted=verdict, detail=_list(found))
    return Rest(is_encrypted=None, detail="no device is shown")


def _list(details: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(details))


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
