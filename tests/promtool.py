"""Prometheus' own checker: the one on PATH, else that of Debian's package, unpacked into a folder that is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from strongroom.engine import debian

REPOSITORY = Path(__file__).resolve().parents[1]


def find_promtool() -> Path:
    """Return promtool of the Debian release that our images are made of, or what PATH has."""
    named = shutil.which("promtool")
    return Path(named) if named else unpack("promtool") / "usr" / "bin" / "promtool"


def unpack(package: str) -> Path:
    """Return a folder with the files of a package of that release; nothing of the machine is changed."""
    suite = json.loads((REPOSITORY / "docker" / "versions.json").read_text())["debian"]["suite"]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strongroom-tests"
    folder = caches / f"{package}-{suite}"
    if folder.is_dir():
        return folder
    caches.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=caches, prefix=f"{package}-") as scratch:
        into = Path(scratch)
        options = debian._use_suite(into, debian.find_mirror(os.environ).uri, suite)
        for words in (["update"], ["download", package]):
            subprocess.run(
                ["apt-get", "--quiet", *options, *words], cwd=into, check=True, timeout=300, capture_output=True
            )
        (archive,) = into.glob("*.deb")
        subprocess.run(["dpkg", "--extract", archive, into / "content"], check=True, timeout=120)
        if not folder.is_dir():  # nobody else was faster
            (into / "content").rename(folder)
    return folder
