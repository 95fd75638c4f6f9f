"""Debian's root file system: pulled from a registry, else made from Debian's packages."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from strongroom.containers.images.recipe import REPOSITORY
from strongroom.core.errors import UnreachableError
from strongroom.core.programs import require_success, run_program
from strongroom.engine import Client, find_image, find_mirror, install_packages, pull_image

ORIGIN = "strongroom.rootfs"
"""The label that says where the root file system came from."""
_SECONDS = 600.0
_LEFT_OUT = ("doc", "man", "info", "locale", "lintian", "linda")
"""Folders of /usr/share that Debian's own slim images leave out."""


def provide_rootfs(
    client: Client,
    versions: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    fresh: bool,
    say: Callable[[str], None],
) -> tuple[str, str]:
    """Return the image to build on, and where it came from: ``registry`` or ``mmdebstrap``.

    One that is there is taken, unless ``fresh``. Raises UnreachableError when no registry answers and it cannot be
    made here either.
    """
    image, suite = versions["image"], versions["suite"]
    made = f"{REPOSITORY}/rootfs:{suite}"
    for known, origin in ((image, "registry"), (made, "mmdebstrap")):
        if not fresh and find_image(client, known) is not None:
            return known, origin
    say(f"base: pulling {image}")
    try:
        pull_image(client, image)
    except UnreachableError as error:
        say(f"base: no registry answers, so making {suite} from Debian's packages")
        _make(client, suite, made, environment, error.fact)
        return made, "mmdebstrap"
    return image, "registry"


def _make(client: Client, suite: str, image: str, environment: Mapping[str, str], why: str) -> None:
    try:
        mirror = find_mirror(environment)
        if shutil.which("mmdebstrap", path=environment.get("PATH")) is None:
            install_packages(["mmdebstrap"], environment)
    except UnreachableError as error:
        fact = f"{why}, and {error.subject} {error.fact}"
        raise UnreachableError("base", fact, "see to the registry, or build on Debian as root") from error
    with tempfile.TemporaryDirectory(prefix="strongroom-rootfs-") as scratch:
        archive = Path(scratch) / "rootfs.tar"
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
        words: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=minbase", *excluded, suite, archive]
        words.append(f"deb {mirror.uri} {suite} main")
        if mirror.security is not None:
            words.append(f"deb {mirror.security} {suite}-security main")
        made = run_program(words, environment=environment, timeout=_SECONDS, directory=Path(scratch))
        require_success(made, UnreachableError, "see to apt, then run again")
        repository, tag = image.split(":")
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag)
