"""What k8s.run is asked for, and what it works with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strongroom.engine import Client
from strongroom.kubernetes.running.tokens import Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A Job to run."""

    job: str
    objects: Sequence[Mapping[str, Any]] = field(repr=False)
    """All that was rendered with it."""
    network: str | None
    """The engine's network in which its Pods stand; None for one in which they reach nobody."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """PersistentVolumeClaim to a folder (with a slash) or a volume of the engine."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Image to the one that is run in its place."""
    drain_after: float | None = None
    """Seconds after its start at which the first Pod's program is ended as by the drain of its node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The engine, the clock, and who listens."""

    client: Client
    now: Callable[[], datetime]
    write: Callable[[bytes], None]
    """Takes what containers write, as it comes."""
    say: Callable[[str], None]
    """Is told what goes on."""
    sign: Sign | None = None
    pause: float = 10.0
    """Seconds before the first new attempt; each further one waits twice as long."""
    measure_every: float = 10.0
    """Seconds between two looks at how full volumes with a limit are."""
    clock: Callable[[], float] = time.monotonic
    lock: threading.Lock = field(default_factory=threading.Lock)
