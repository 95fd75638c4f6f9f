"""kubectl and kustomize for tests: those on PATH, else those of Debian's packages, unpacked and kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.promtool import unpack


def find_program(name: str) -> Path:
    """Return kubectl or kustomize; Debian's packages have the programs' names."""
    named = shutil.which(name)
    return Path(named) if named else unpack(name) / "usr" / "bin" / name


def path_with(*names: str) -> Mapping[str, str]:
    """Return an environment whose PATH has these programs, and whose HOME knows no cluster."""
    folders = [str(find_program(name).parent) for name in names]
    return {"PATH": os.pathsep.join([*folders, "/usr/bin", "/bin"]), "HOME": "/nonexistent"}
