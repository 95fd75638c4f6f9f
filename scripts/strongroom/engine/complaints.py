"""What a command of the engine says when it fails, in our own words."""

from __future__ import annotations

from strongroom.core.errors import NoSpaceError, StrongroomError, UnreachableError

ENDED = "connection reset by peer"
_GONE = ("cannot connect to the docker daemon", "error during connect", ENDED)
"""What is said of an engine that does not answer, or that ended in the middle."""
_FULL = ("no space left", "enough free space", "disk quota exceeded")
_LITTLE = 200 << 20
"""Bytes; with fewer a build fails, and apt does not always say why."""


def explain_failure(
    subject: str, said: str, fact: str, hint: str = "see to it, then run again", *, left: int | None = None
) -> StrongroomError:
    """Return the error that a command's output stands for: a full disk, an engine that is gone, else ``fact``.

    ``left``: how many bytes the engine has left, where that is known.
    """
    told = said.lower()
    if any(words in told for words in _FULL) or (left is not None and left < _LITTLE):
        return NoSpaceError(subject, "no space left for the engine", "docker system prune, or a larger disk")
    if any(words in told for words in _GONE):
        return UnreachableError("Docker engine", "stopped answering", "see why it ended, then run again")
    return UnreachableError(subject, fact, hint)
