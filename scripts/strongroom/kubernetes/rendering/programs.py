"""kubectl and kustomize: those on PATH, else those of our image ``build``."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from strongroom.core.errors import ConfigurationError, StrongroomError, UnreachableError
from strongroom.core.programs import run_program
from strongroom.engine import connect

Kustomize: TypeAlias = Callable[[Path, str], str]
"""Renders a folder below a root, and returns YAML. Raises ConfigurationError with kustomize's own words."""
_COMMANDS = (("kubectl", "kustomize"), ("kustomize", "build"))
_SECONDS = 120.0
_GET_ONE = "install kubectl or kustomize (Debian trixie: apt-get install kustomize), or ./inv image.build --name build"


def find_kustomize(environment: Mapping[str, str], find_image: Callable[[], str | None]) -> Kustomize:
    """Return what renders here; ``find_image`` names our image ``build`` where an engine of this machine has it.

    Raises UnreachableError where there is neither program nor image.
    """
    for program, verb in _COMMANDS:
        found = shutil.which(program, path=environment.get("PATH"))
        if found is not None:
            return lambda root, folder: _run_here([found, verb], root / folder, environment)
    image = find_image()
    if image is None:
        raise UnreachableError("kustomize", "is not here: neither kubectl nor kustomize is on PATH", _GET_ONE)
    return lambda root, folder: _run_in_image(image, root, folder, environment)


def _run_here(words: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    seen = {name: environment[name] for name in ("PATH", "HOME") if name in environment}
    ended = run_program([*words, folder], environment=seen, timeout=_SECONDS)
    if not ended.is_success:
        raise _explain(folder, ended.stderr)
    return ended.stdout.decode()


def _run_in_image(image: str, root: Path, folder: str, environment: Mapping[str, str]) -> str:
    """Render in a container without network, from a copy: an engine need not see our files."""
    with connect(environment) as client:
        words = ["kustomize", "build", f"/tmp/k8s/{folder}"]  # noqa: S108  # in a container of its own
        container = client.containers.create(image, words, entrypoint=[], network_disabled=True, cap_drop=["ALL"])
        try:
            container.put_archive("/tmp", _pack(root))  # noqa: S108  # the same
            container.start()
            code = int(container.wait(timeout=_SECONDS)["StatusCode"])
            said, wrong = container.logs(stdout=True, stderr=False), container.logs(stdout=False, stderr=True)
        finally:
            container.remove(force=True)
    if code:
        raise _explain(root / folder, wrong)
    return bytes(said).decode()


def _pack(root: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(root, arcname="k8s")
    return stream.getvalue()


def _explain(folder: Path, said: bytes) -> StrongroomError:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip() and line[0] != "#"]
    fact = " ".join(lines).removeprefix("error: ").removeprefix("Error: ") or "no reason given"
    return ConfigurationError(folder, f"cannot be rendered: {fact}", "correct the file that kustomize names")
