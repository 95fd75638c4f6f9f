"""The engine, the images and the stack on screen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.containers import DUE_DAYS
from strongroom.containers.compose import Service
from strongroom.containers.images import Built
from strongroom.containers.stack import Belongings, Started
from strongroom.core.errors import ExitCode
from strongroom.engine import Ensured
from strongroom.report.screen import Screen

_CODES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")
"""What terminals obey, from an escape to its end (ECMA-48)."""
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images, built or found."""

    images: tuple[Built, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The containers of the stack."""

    services: tuple[Service, ...]
    days: Mapping[str, int]
    """For how many days each certificate holds; negative once it has ended."""
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Certificates that were made."""

    made: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What was removed of a stack, by name."""

    containers: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """What containers said, without terminal codes."""

    lines: tuple[str, ...]


RESULTS = {
    "engine.ensure": Ensured,
    "image.build": Images,
    "image.list": Images,
    "stack.destroy": Gone,
    "stack.down": Gone,
    "stack.logs": Logs,
    "stack.up": Started,
    "stack.status": Services,
    "tls.init": Certificates,
}


def name_all(found: Belongings) -> str:
    """Name what goes with a stack: containers and networks by their number, data by name."""
    counted = [
        f"{len(names)} {what}s"
        for names, what in ((found.containers, "container"), (found.networks, "network"))
        if names
    ]
    return ", ".join([*counted, *(f"the data in {volume}" for volume in found.volumes)])


def show_engine(found: Ensured, *, as_json: bool) -> None:
    """Print which engine answers, and what was done for it."""
    screen, engine = Screen(as_json=as_json), found.engine
    screen.say(f"Docker {engine.version} at {engine.endpoint}: {engine.system}, {engine.storage}, {engine.cores} cores")
    screen.say(f"Compose {found.compose}" if found.compose is not None else "Compose is not installed")
    if found.process is not None:
        screen.say(f"started by this command: process {found.process}")
    screen.end(found)


def show_images(images: Sequence[Built], *, as_json: bool, color: bool) -> None:
    """Print images, one a line, with what they weigh and took."""
    screen = Screen(as_json=as_json, color=color)
    rows = [(image.image, f"{image.size / 1e6:.0f}", _show_build(image)) for image in images]
    screen.table(("image", "MB", "built"), rows)
    origins = {image.origin for image in images if image.origin}
    if origins:
        screen.say(f"root file system: {', '.join(sorted(origins))}")
    screen.end(Images(images=tuple(images)))


def _show_build(image: Built) -> str:
    return image.created[:16].replace("T", " ") if image.was_there else f"now, in {image.seconds:.0f} s"


def show_started(started: Started, *, as_json: bool, color: bool) -> None:
    """Print what runs, and how to connect to it."""
    screen = Screen(as_json=as_json, color=color)
    if started.made:
        screen.say(f"made in {started.folder}: {', '.join(started.made)}")
    _tabulate(screen, started.services)
    screen.lines([f"{name}: {address}" for name, address in started.connections.items()])
    screen.say(f"passwords: {started.folder}/secrets")
    screen.end(started)


def show_services(services: Sequence[Service], days: Mapping[str, int], *, as_json: bool, color: bool) -> int:
    """Print the containers, and for how many days the first certificate holds.

    Returns 7 when one container is not healthy, none is there, or a certificate has ended or soon will.
    """
    is_due = min(days.values(), default=DUE_DAYS) < DUE_DAYS
    is_well = all(service.is_up for service in services) and not is_due
    code = ExitCode.DONE if services and is_well else ExitCode.PENDING
    screen = Screen(as_json=as_json, color=color)
    if services:
        _tabulate(screen, services)
    if days:
        first = min(days, key=lambda name: days[name])
        ends = f"ends in {days[first]} days" if days[first] >= 0 else "has ended"
        way = ": ./inv stack.up issues a new one, and hands it over" if is_due else ""
        screen.say(f"certificates: the first, of {first}, {ends}{way}")
    if not services:
        screen.conclude("nothing runs: ./inv stack.up starts it")
    screen.end(Services(services=tuple(services), days=days, exit=code))
    return code


def show_gone(found: Belongings, *, as_json: bool) -> None:
    """Print what was removed."""
    screen = Screen(as_json=as_json)
    screen.say(f"removed {name_all(found)}" if found else "there was nothing to remove")
    screen.end(Gone(containers=found.containers, networks=found.networks, volumes=found.volumes))


def show_logs(text: str, *, as_json: bool) -> None:
    """Print what containers said: colours and the like go, other characters that a terminal obeys become visible."""
    lines = tuple(_UNSEEN.sub(_make_visible, _CODES.sub("", line)) for line in text.splitlines())
    screen = Screen(as_json=as_json)
    screen.lines(lines)
    screen.end(Logs(lines=lines))


def _make_visible(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def show_certificates(made: Sequence[str], folder: str, *, as_json: bool) -> None:
    """Print which certificates were made."""
    screen = Screen(as_json=as_json)
    handed = "; servers that run go on with what they have until ./inv stack.up hands it over"
    screen.conclude(f"made in {folder}: {', '.join(made)}{handed}" if made else f"all there in {folder}")
    screen.end(Certificates(made=tuple(made), folder=folder))


def _tabulate(screen: Screen, services: Sequence[Service]) -> None:
    rows = [(service.name, service.state, service.health, ", ".join(service.ports)) for service in services]
    screen.table(("service", "state", "health", "port"), rows, numbers=False)
