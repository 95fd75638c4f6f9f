"""What one subject needs of another, as a function: the only module that imports several subjects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from strongroom.containers import images, stack
from strongroom.core.config import Settings
from strongroom.demo import build_legacy_tree

__all__ = ["build_legacy_tree", "count_days_of_certificates", "find_image_here", "find_local_postgres"]


def find_local_postgres(settings: Settings, purpose: str) -> Mapping[str, str] | None:
    """Return how to connect to the PostgreSQL of this clone's stack; None where there is no stack. Read-only.

    ``purpose`` is ``deploy`` or ``monitor``.
    """
    return stack.local_postgres(stack.Stack(root=settings.root, environment=settings.environment), purpose)


def count_days_of_certificates(settings: Settings) -> Mapping[str, int]:
    """Return for how many days each certificate of this clone's stack holds; nothing without a stack. Read-only."""
    asked = stack.Stack(root=settings.root, environment=settings.environment)
    return stack.count_days(asked.folder, datetime.now(UTC))


def find_image_here(settings: Settings, name: str) -> str | None:
    """Return one of our images, of this clone's stack where there is one; None where no engine of here has it."""
    kept = stack.Stack(root=settings.root, environment=settings.environment).read_kept()
    return images.find_here(settings.environment, name, tag="local" if kept is None else kept.tag)
