"""For plain ``inv``, where Invoke itself is installed: the same tasks as ``./inv`` (strongroom/tasks/namespace.py)."""

from __future__ import annotations

from strongroom.tasks.namespace import namespace

__all__ = ["namespace"]
