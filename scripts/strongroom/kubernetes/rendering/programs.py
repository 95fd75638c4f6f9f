"""kubectl and kustomize: those on PATH, else those of our image ``build``."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from strongroom.core.errors import ConfigurationError, StrongroomError, UnreachableError
from strongroom.core.programs import ProgramResult, run_program
from strongroom.engine import connect

Kustomize: TypeAlias = Callable[[Path, str], str]
"""Renders a folder below a root, and returns YAML. Raises ConfigurationError with kustomize's own words."""
_COMMANDS = (("kubectl", "kustomize"), ("kustomize", "build"))
_KLOG = re.compile(r'"command failed" err="(.*)"$')
"""How newer versions of kubectl say why they fail."""
_SECONDS = 120.0
PLACE = "/tmp"  # noqa: S108  # in a container of its own
"""Where a container finds the files that it works on."""
_GET_ONE = "install it (Debian trixie: apt-get install kustomize), or ./inv image.build --name build"


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
    archive = pack({"k8s": root})
    ended = run_in_image(image, ["kustomize", "build", f"{PLACE}/k8s/{folder}"], archive, environment)
    if not ended.is_success:
        raise _explain(root / folder, ended.stderr)
    return ended.stdout.decode()


def run_in_image(
    image: str, words: Sequence[str], archive: bytes, environment: Mapping[str, str], *, network: str = "none"
) -> ProgramResult:
    """Run a program of our image on a copy of files below ``PLACE``: an engine need not see ours.

    ``network`` is ``none``, or ``host`` for a program that asks a cluster. Raises UnreachableError.
    """
    began = time.monotonic()
    with connect(environment) as client:
        container = client.containers.create(
            image, list(words), entrypoint=[], network_mode=network, cap_drop=["ALL"], working_dir=PLACE,
            environment={"KUBECONFIG": f"{PLACE}/kubeconfig"}, security_opt=["no-new-privileges"],
        )  # fmt: skip
        try:
            container.put_archive(PLACE, archive)
            container.start()
            code = int(container.wait(timeout=_SECONDS)["StatusCode"])
            said, wrong = container.logs(stdout=True, stderr=False), container.logs(stdout=False, stderr=True)
        finally:
            container.remove(force=True)
    seconds = time.monotonic() - began
    return ProgramResult(program=words[0], exit_code=code, seconds=seconds, stdout=bytes(said), stderr=bytes(wrong))


def pack(files: Mapping[str, Path | bytes]) -> bytes:
    """Return an archive of files and folders under their names, readable by its reader's user only."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            if isinstance(content, Path):
                archive.add(content, arcname=name, filter=_give_to_root)
                continue
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _give_to_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    return info


def _explain(folder: Path, said: bytes) -> StrongroomError:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip() and line[0] != "#"]
    said_by_klog = _KLOG.search(" ".join(lines))
    plain = " ".join(lines).removeprefix("error: ").removeprefix("Error: ")
    fact = said_by_klog[1].replace('\\"', '"') if said_by_klog else plain or "no reason given"
    return ConfigurationError(folder, f"cannot be rendered: {fact}", "correct the file that kustomize names")
