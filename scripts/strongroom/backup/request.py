"""What the presentation passes in beside a request, and the places where tests cut the power."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.core.progress import Progress, Silent
from strongroom.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Clock, keys, environment and progress."""

    now: Callable[[], datetime]
    """The time, with its zone."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """By the names that documents know them by, versions (``NAME@VERSION``) included."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What programs that we start may see, and where variables of ``system.yaml`` are looked up."""
    progress: Progress = field(default_factory=Silent)
    say: Callable[[str, str], None] = lambda _subject, _fact: None
    """Tells a person something on the way that is no error."""
    checkpoint: Callable[[str], None] = lambda _: None

    def reach(self, step: str) -> None:
        """Say that a step is done, by its name."""
        self.checkpoint(step)
