"""What k8s.run does with a field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field; without any of these it is carried out as it stands."""

    kind: str = ""
    """Of what it holds, where that has fields of its own."""
    is_list: bool = False
    void: str = ""
    """Why it means nothing here."""
    refused: str = ""
    """Why it is not carried out."""
    harmless: tuple[object, ...] = ()
    """Values that ask for nothing else than what is done anyway."""


DONE = Field()


def one(kind: str) -> Field:
    """Return a field that holds one of a kind."""
    return Field(kind=kind)


def many(kind: str) -> Field:
    """Return a field that holds a list of a kind."""
    return Field(kind=kind, is_list=True)


def void(why: str) -> Field:
    """Return a field that means nothing here."""
    return Field(void=why)


def refused(why: str, *, harmless: tuple[object, ...] = ()) -> Field:
    """Return a field that is refused, unless it has one of these values."""
    return Field(refused=why, harmless=harmless)


def done(*names: str) -> dict[str, Field]:
    """Return fields that are carried out as they stand."""
    return dict.fromkeys(names, DONE)
