"""What an engine that was installed or started for a while leaves on a machine; what can be removed of it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from strongroom.core.errors import UnreachableError
from strongroom.engine.reach import connect

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
"""Whether the machine passes packets on: an engine that starts switches it on."""
_OURS = "org.opencontainers.image.vendor=Strongroom"


def read_forwarding() -> str:
    """Return whether the machine passes packets on: 0, 1, or nothing where that is not to be seen. Read-only."""
    try:
        return FORWARD.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def put_forwarding_back(before: str) -> bool:
    """Switch passing packets on off again, if it was off; tell whether it is as it was. The engine has ended."""
    if before == "0" and read_forwarding() == "1":
        try:
            FORWARD.write_text("0\n", encoding="ascii")
        except OSError:
            return False
    return read_forwarding() == before


def list_traces(environment: Mapping[str, str], *, installed: tuple[str, ...], remove: bool) -> Iterator[str]:
    """Yield, a line each, what stays: packages, and images; with ``remove``, images without a name go first."""
    if installed:
        yield f"packages {', '.join(installed)} (apt-get purge removes them)"
    try:
        with connect(environment) as client:
            if remove:
                client.images.prune(filters={"dangling": True, "label": [_OURS]})
            images = client.images.list(filters={"label": _OURS})
            size = sum(int(image.attrs["Size"]) for image in images)
    except UnreachableError:
        return
    if images:
        yield f"{len(images)} images, {size / 1e9:.1f} GB at most (docker image rm, docker builder prune)"
