"""Make sure that there is an engine: use the one that answers; install and start one only when asked to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.core.errors import UnreachableError
from strongroom.core.programs import run_program
from strongroom.engine.debian import install_packages
from strongroom.engine.reach import Engine, describe_engine, list_running
from strongroom.engine.start import start_engine, stop_engine
from strongroom.engine.traces import list_traces, put_forwarding_back, read_forwarding

PLUGIN_SUITE = "trixie"
"""The first Debian release with Compose 2; its packages run on the one before too."""
_VERSION = re.compile(r"\d+\.\d+[.\w+-]*")
_ENGINE_PACKAGES = ("docker.io", "iptables", "ca-certificates")
_PLUGINS = {"compose": "docker-compose", "buildx": "docker-buildx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensured:
    """An engine that answers, and what had to be done for it."""

    engine: Engine
    compose: str | None
    """Version of Compose; None where it is not installed."""
    installed: tuple[str, ...]
    """Debian packages."""
    process: int | None
    """The engine's process, when this call started it."""


def ensure_engine(environment: Mapping[str, str], *, install: bool, say: Callable[[str], None]) -> Ensured:
    """Use the engine that answers; with ``install``, on Debian and as root, install and start what is missing.

    ``say`` is told before anything is installed or started. Raises UnreachableError.
    """
    installed: list[str] = []
    process = None
    try:
        engine = describe_engine(environment)
    except UnreachableError:
        if not install:
            raise
        if shutil.which("dockerd", path=environment.get("PATH")) is None:
            _install(_ENGINE_PACKAGES, environment, say, installed)
        engine, process = _start(environment, say)
    if install:
        if shutil.which("docker", path=environment.get("PATH")) is None:
            _install(["docker-cli"], environment, say, installed)
        missing = [package for plugin, package in _PLUGINS.items() if find_plugin(plugin, environment) is None]
        if missing:
            _install(missing, environment, say, installed, suite=PLUGIN_SUITE)
    return Ensured(
        engine=engine,
        compose=find_plugin("compose", environment),
        installed=tuple(installed),
        process=process,
    )


@contextmanager
def ensured(environment: Mapping[str, str], *, install: bool, say: Callable[[str], None]) -> Iterator[Ensured]:
    """Have an engine for a while: the same as ``ensure_engine``, and one that it started is ended afterwards.

    Not one in which containers run then: somebody has come to use it. ``say`` is told what stays on the machine.
    """
    before = read_forwarding()
    found = ensure_engine(environment, install=install, say=say)
    try:
        yield found
    finally:
        for line in list_traces(environment, installed=found.installed, remove=True):
            say(f"stays on this machine: {line}")
        if found.process is not None and _is_ended(found.process, environment, say) and not put_forwarding_back(before):
            say("stays on this machine: net.ipv4.ip_forward is on (sysctl -w net.ipv4.ip_forward=0)")


def _is_ended(process: int, environment: Mapping[str, str], say: Callable[[str], None]) -> bool:
    """End an engine that was started, unless containers run in it; tell whether it has ended."""
    try:
        running = list_running(environment)
    except UnreachableError:
        running = ()  # it does not answer any more
    if running:
        say(f"leaving the engine that was started (process {process}): {', '.join(running)} run in it")
    else:
        say("ending the engine that was started")
        stop_engine(process)
    return not running


def _install(
    packages: Sequence[str],
    environment: Mapping[str, str],
    say: Callable[[str], None],
    installed: list[str],
    *,
    suite: str | None = None,
) -> None:
    say(f"installing {', '.join(packages)} from Debian's packages")
    install_packages(packages, environment, suite=suite)
    installed.extend(packages)


def _start(environment: Mapping[str, str], say: Callable[[str], None]) -> tuple[Engine, int | None]:
    """Return the engine that the package's own service started by now, else start one."""
    try:
        return describe_engine(environment), None
    except UnreachableError:
        if environment.get("DOCKER_HOST"):
            raise  # named, but elsewhere: none of ours would be found there
    say("starting dockerd")
    process = start_engine(environment)
    return describe_engine(environment), process


def find_plugin(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the version of a plugin of the docker command, or None."""
    if shutil.which("docker", path=environment.get("PATH")) is None:
        return None
    asked = run_program(["docker", name, "version"], environment=environment, timeout=30)
    version = _VERSION.search(asked.stdout.decode(errors="replace"))
    return version.group() if asked.is_success and version else None
