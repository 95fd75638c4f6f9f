"""Docker Compose on our ``compose.yaml``: start, list, read logs, take down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.core.errors import StrongroomError, UnreachableError
from strongroom.core.programs import ProgramResult, run_program
from strongroom.engine import explain_failure

_SECONDS = 300.0
_ERASE = "\x1b[2K"
"""What Compose writes before every line of a log, terminal or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One container of the stack, as Compose sees it."""

    name: str
    state: str
    health: str
    ports: tuple[str, ...]

    @property
    def is_up(self) -> bool:
        """Whether it runs, and is healthy where it can tell."""
        return self.state == "running" and self.health in ("", "healthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """Our stack on one engine."""

    root: Path
    environment: Mapping[str, str] = field(repr=False)
    settings: Path
    """The file that says folders, ports and the project."""
    profiles: tuple[str, ...] = ()

    def words(self, *arguments: str) -> list[str]:
        """Return the command line of a Compose command."""
        chosen = [word for profile in self.profiles for word in ("--profile", profile)]
        places = ("--project-directory", str(self.root), "--env-file", str(self.settings))
        return ["docker", "compose", *places, "--ansi", "never", *chosen, *arguments]

    def run(self, *arguments: str, seconds: float = _SECONDS, standard_input: bytes = b"") -> ProgramResult:
        """Run a Compose command to its end; its exit code is the caller's to judge. Raises UnreachableError."""
        ended = run_program(
            self.words(*arguments), environment=self.environment, timeout=seconds, directory=self.root,
            standard_input=standard_input,
        )  # fmt: skip
        if not ended.is_success and not self._is_installed():  # what docker says of a missing plugin differs
            hint = "install docker-compose 2 (on Debian, as root: ./inv engine.ensure --install)"
            raise UnreachableError("docker compose", "is not installed", hint)
        return ended

    def _is_installed(self) -> bool:
        return run_program(["docker", "compose", "version"], environment=self.environment, timeout=30).is_success

    def require(self, *arguments: str) -> str:
        """Run a Compose command that has to succeed; return what it printed.

        Raises UnreachableError with the last line that it said, NoSpaceError.
        """
        ended = self.run(*arguments)
        if not ended.is_success:
            raise explain_end(ended, arguments[0])
        return _decode(ended.stdout)

    def services(self) -> tuple[Service, ...]:
        """Return the containers of the stack, stopped ones too. Raises UnreachableError."""
        found = []
        for about in _read_objects(self.require("ps", "--all", "--format", "json")):
            ports = {
                f"{port['URL']}:{port['PublishedPort']}"
                for port in about.get("Publishers") or ()
                if port.get("PublishedPort")
            }
            found.append(
                Service(
                    name=about["Service"],
                    state=about["State"],
                    health=about.get("Health", ""),
                    ports=tuple(sorted(ports)),
                )
            )
        return tuple(sorted(found, key=lambda service: service.name))

    def last_lines(self, service: str, count: int) -> Sequence[str]:
        """Return the last lines of a service's log."""
        ended = self.run("logs", "--no-color", "--no-log-prefix", "--tail", str(count), service)
        return _decode(ended.stdout).strip().splitlines()


def _decode(said: bytes) -> str:
    return said.decode(errors="replace").replace(_ERASE, "")


def explain_end(ended: ProgramResult, command: str) -> StrongroomError:
    """Return the error that a Compose command which failed stands for."""
    said = ended.stderr.decode(errors="replace").strip()
    return explain_failure(f"docker compose {command}", said, (said.splitlines() or ["no reason given"])[-1])


def _read_objects(text: str) -> list[dict[str, Any]]:
    """Read what Compose lists: an object a line, or before version 2.21 all of them in one list."""
    if text.lstrip().startswith("["):
        listed: list[dict[str, Any]] = json.loads(text)
        return listed
    return [json.loads(line) for line in text.splitlines() if line.strip()]
