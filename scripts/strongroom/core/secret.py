"""A value that must not be shown, written, copied or sent."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Holds a text that only ``reveal`` gives out; printing, formatting and pickling do not."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hold ``text``."""
        self._text = text

    def reveal(self) -> str:
        """Return the text; for the one call that needs it, never for a variable that outlives it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied: workers inherit it, and documents never hold it")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)
