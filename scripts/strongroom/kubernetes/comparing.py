"""Compare an overlay with a cluster through ``kubectl diff``: the server is asked, and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.core.errors import GuardError, StrongroomError, UnreachableError
from strongroom.core.programs import run_program
from strongroom.kubernetes.rendering import Rendered

_SECONDS = 300.0
_ANSWER = "30s"
_PENDING = 1
"""kubectl diff: 1 where something differs, more where it could not be told."""
_REFUSALS = ("forbidden", "denied the request", "is invalid", "unauthorized")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What would change."""

    overlay: str
    context: str | None
    is_same: bool
    lines: tuple[str, ...]
    """A unified diff; values of Secrets are masked by kubectl."""


def compare(rendered: Rendered, context: str | None, environment: Mapping[str, str]) -> Compared:
    """Ask a cluster what applying a rendering would change. Read-only.

    What is compared goes to kubectl on standard input. Raises UnreachableError where there is no kubectl, or the
    server does not answer; GuardError where it refuses an object, or us.
    """
    kubectl = shutil.which("kubectl", path=environment.get("PATH"))
    if kubectl is None:
        hint = "install kubectl (Debian trixie: apt-get install kubernetes-client)"
        raise UnreachableError("kubectl", "is not on PATH, and only it reaches your cluster", hint)
    words = [kubectl, "diff", f"--request-timeout={_ANSWER}", "--filename=-"]
    words += [] if context is None else [f"--context={context}"]
    seen = {name: value for name, value in environment.items() if name != "KUBECTL_EXTERNAL_DIFF"}
    ended = run_program(words, environment=seen, timeout=_SECONDS, standard_input=rendered.text.encode())
    if ended.exit_code not in (0, _PENDING) or (ended.exit_code == _PENDING and not ended.stdout.strip()):
        raise _explain(ended.stderr.decode(errors="replace"), context)
    lines = tuple(ended.stdout.decode(errors="replace").splitlines())
    return Compared(overlay=rendered.overlay, context=context, is_same=ended.is_success, lines=lines)


def _explain(said: str, context: str | None) -> StrongroomError:
    """Tell a server that is away from one that refuses; kubectl ends with 1 for both."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = (lines or ["no reason given"])[-1].removeprefix("error: ")
    subject = "the cluster" if context is None else f"the cluster of context {context}"
    if any(word in said.lower() for word in _REFUSALS):
        return GuardError(subject, f"refuses: {last}", "kubectl auth can-i patch --list; or correct the object")
    return UnreachableError(subject, f"cannot be asked: {last}", "kubectl config get-contexts; kubectl version")
