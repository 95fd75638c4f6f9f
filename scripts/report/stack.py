"""The engine, the images and the stack on screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

from scripts.engine import Ensured
from scripts.images import Built
from scripts.report.screen import new_table, open_console, print_json


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
