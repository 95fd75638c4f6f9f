"""Compare an overlay with a cluster through ``kubectl diff``: the server is asked, and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import GuardError, StrongroomError, UnreachableError
from strongroom.core.programs import ProgramResult, run_program
from strongroom.kubernetes.rendering import Rendered
from strongroom.kubernetes.rendering.programs import PLACE, pack, run_in_image

_SECONDS = 300.0
_ANSWER = "30s"
_PENDING = 1
"""kubectl diff: 1 where something differs, and also where it could not be told."""
_REFUSALS = ("forbidden", "denied the request", "is invalid", "unauthorized")
_GET_ONE = "install it (Debian trixie: apt-get install kubectl), or ./inv image.build --name build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What would change."""

    overlay: str
    context: str | None
    is_same: bool
    lines: tuple[str, ...]
    """A unified diff; values of Secrets are masked by kubectl."""


def compare(
    rendered: Rendered, context: str | None, environment: Mapping[str, str], find_image: Callable[[], str | None]
) -> Compared:
    """Ask a cluster what applying a rendering would change. Read-only.

    What is compared goes to kubectl as a file or on standard input, never as an argument. ``find_image`` names our
    image ``build``, whose kubectl serves where none is on PATH. Raises UnreachableError where there is neither, or the
    server does not answer; GuardError where it refuses an object, or us.
    """
    ended = _run(rendered.text.encode(), context, environment, find_image)
    is_told = ended.is_success or (ended.exit_code == _PENDING and ended.stdout.strip())
    if not is_told:
        raise _explain(ended.stderr.decode(errors="replace"), context)
    lines = tuple(ended.stdout.decode(errors="replace").splitlines())
    return Compared(overlay=rendered.overlay, context=context, is_same=ended.is_success, lines=lines)


def _run(
    content: bytes, context: str | None, environment: Mapping[str, str], find_image: Callable[[], str | None]
) -> ProgramResult:
    words = ["diff", f"--request-timeout={_ANSWER}", *([] if context is None else [f"--context={context}"])]
    kubectl = shutil.which("kubectl", path=environment.get("PATH"))
    if kubectl is not None:
        seen = {name: value for name, value in environment.items() if name != "KUBECTL_EXTERNAL_DIFF"}
        line = [kubectl, *words, "--filename=-"]
        return run_program(line, environment=seen, timeout=_SECONDS, standard_input=content)
    image = find_image()
    if image is None:
        raise UnreachableError("kubectl", "is not here: neither on PATH, nor our image build", _GET_ONE)
    files: dict[str, Path | bytes] = {"objects.yaml": content, "kubeconfig": _find_kubeconfig(environment)}
    line = ["kubectl", *words, f"--filename={PLACE}/objects.yaml"]
    return run_in_image(image, line, pack(files), environment, network="host")


def _find_kubeconfig(environment: Mapping[str, str]) -> Path:
    """Return the one file that says where a cluster is. Raises UnreachableError where there is none, or several."""
    named = environment.get("KUBECONFIG") or f"{environment.get('HOME', '/root')}/.kube/config"
    if not Path(named).is_file():
        raise UnreachableError(named, "is no file that says where a cluster is", "set KUBECONFIG to one file")
    return Path(named)


def _explain(said: str, context: str | None) -> StrongroomError:
    """Tell a server that is away from one that refuses: kubectl ends with 1 for both."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = (lines or ["no reason given"])[-1].removeprefix("error: ")
    subject = "the cluster" if context is None else f"the cluster of context {context}"
    if any(word in said.lower() for word in _REFUSALS):
        return GuardError(subject, f"refuses: {last}", "kubectl auth can-i patch --list; or correct the object")
    return UnreachableError(subject, f"cannot be asked: {last}", "kubectl config get-contexts; kubectl version")
