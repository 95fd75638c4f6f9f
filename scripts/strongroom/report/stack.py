"""The engine, the images and the stack on screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from strongroom.containers.compose import Service
from strongroom.containers.images import Built
from strongroom.containers.stack import Started
from strongroom.core.errors import ExitCode
from strongroom.engine import Ensured
from strongroom.report.screen import new_table, open_console, print_json


def say_progress(line: str) -> None:
    """Print what is being done, on stderr."""
    print(f"{line} …", file=sys.stderr, flush=True)


def show_engine(found: Ensured, *, as_json: bool) -> None:
    """Print which engine answers, and what was done for it."""
    if as_json:
        print_json(asdict(found))
        return
    engine = found.engine
    print(f"Docker {engine.version} at {engine.endpoint}: {engine.system}, {engine.storage}, {engine.cores} cores")
    print(f"Compose {found.compose}" if found.compose is not None else "Compose is not installed")
    if found.process is not None:
        print(f"started by this command: process {found.process}")


def show_images(images: Sequence[Built], *, as_json: bool, color: bool) -> None:
    """Print images, one a line, with what they weigh and took."""
    if as_json:
        print_json({"images": [asdict(image) for image in images]})
        return
    table = new_table("image", "MB", "seconds")
    for image in images:
        table.add_row(image.image, f"{image.size / 1e6:.0f}", f"{image.seconds:.0f}")
    open_console(color=color).print(table)
    origins = {image.origin for image in images if image.origin}
    if origins:
        print(f"root file system: {', '.join(sorted(origins))}")


def show_started(started: Started, *, as_json: bool, color: bool) -> None:
    """Print what runs, and how to connect to it."""
    if as_json:
        print_json(asdict(started))
        return
    if started.made:
        print(f"made in {started.folder}: {', '.join(started.made)}")
    open_console(color=color).print(_tabulate(started.services))
    for name, address in started.connections.items():
        print(f"{name}: {address}")
    print(f"passwords: {started.folder}/secrets")


def show_services(services: Sequence[Service], *, as_json: bool, color: bool) -> int:
    """Print the containers; return 7 when one is not healthy, or none is there."""
    code = ExitCode.DONE if services and all(service.is_up for service in services) else ExitCode.PENDING
    if as_json:
        print_json({"services": [asdict(service) for service in services], "exit": code})
    elif services:
        open_console(color=color).print(_tabulate(services))
    else:
        print("nothing runs: ./inv stack.up starts it")
    return code


def show_certificates(made: Sequence[str], folder: str, *, as_json: bool) -> None:
    """Print which certificates were made."""
    if as_json:
        print_json({"made": list(made), "folder": folder})
    else:
        print(f"made in {folder}: {', '.join(made)}" if made else f"all there in {folder}")


def _tabulate(services: Sequence[Service]) -> Table:
    table = new_table("service", "state", "health", "port", numbers=False)
    for service in services:
        table.add_row(service.name, service.state, service.health, ", ".join(service.ports))
    return table
