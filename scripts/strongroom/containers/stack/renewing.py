"""Hand renewed certificates to the servers that run: those that can take them over go on without a break."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from strongroom.containers.compose import Compose
from strongroom.containers.stack.files import Folder
from strongroom.containers.stack.kept import Kept
from strongroom.containers.stack.starting import start_services
from strongroom.core.errors import UnreachableError

_RELOADS = ("postgres", "redis", "vault")
"""Services that take a certificate over while they run, and keep connections. SeaweedFS and moto read theirs when they
start: they are started again, keep their data, and end the connections that are open."""
_RELOAD = "/usr/local/lib/strongroom/reload"


def serve_certificates(compose: Compose, folder: Folder, kept: Kept, services: Sequence[str]) -> tuple[str, ...]:
    """Let healthy services serve the certificates of the folder; return the names of those that served others.

    Raises UnreachableError where one does not take it.
    """
    reloaded = [name for name in services if name in _RELOADS and _hand_over(compose, folder, name)]
    outdated = [name for name in services if name not in _RELOADS and not _is_served(folder, name, kept.port(name))]
    if outdated:
        compose.require("restart", *outdated)
        start_services(compose, outdated)
    return (*reloaded, *outdated)


def _hand_over(compose: Compose, folder: Folder, name: str) -> bool:
    pem = folder.read_certificate(name)
    ended = compose.run("exec", "--no-TTY", name, _RELOAD, standard_input=pem, seconds=60)
    if not ended.is_success:
        lines = ended.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        hint = f"./inv stack.down, then ./inv stack.up: {name} begins with it"
        raise UnreachableError(f"service {name}", f"does not take its new certificate: {lines[-1]}", hint)
    return ended.stdout.strip() == b"reloaded"


def _is_served(folder: Folder, name: str, port: int) -> bool:
    held = (folder.tls / f"{name}.crt").read_text(encoding="ascii")
    try:
        return ssl.get_server_certificate(("localhost", port), timeout=10).strip() == held.strip()
    except OSError as error:
        raise UnreachableError(f"service {name}", f"shows no certificate ({error})", "./inv stack.logs") from error
