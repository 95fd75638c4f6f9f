"""What a draft is made of: tables, what decides between two versions of a row, and what is only guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.examine.draft.compare import Sharing
from strongroom.examine.draft.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What decides between different rows with one key: an ``on_conflict``."""

    rule: str
    by: str = ""
    order: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write it as YAML, in braces."""
        return f"{{{', '.join(f'{name}: {value}' for name, value in self.pairs())}}}"

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield its keys, with their values as YAML."""
        yield "rule", self.rule
        if self.by:
            yield "by", self.by
        if self.order:
            yield "order", f"[{', '.join(self.order)}]"

    def describe(self) -> str:
        """Say what becomes of such rows."""
        if self.rule == "newest":
            return f"one row each, the newest by {self.by}"
        if self.rule == "prefer":
            return f"one row each, that of {self.order[0]}, which was written last"
        return "they are different rows, all are kept, the later ones under fresh ids"


KEEP_BOTH = Decision(rule="keep_both")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedReference:
    """A column that seems to hold a table's ids."""

    column: str
    """``table.column``."""
    choose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One target table, with the reasons for every line of it."""

    into: str
    inputs: tuple[str, ...]
    key: tuple[str, ...] = ()
    identity: str | None = None
    decision: Decision | None = None
    """None where the plan's default holds."""
    instead: tuple[str, ...] = ()
    """What a person may write instead, and what else that takes."""
    sharing: Sharing | None = None
    """How its inputs meet on its ids."""
    references: tuple[GuessedReference, ...] = ()
    why: tuple[str, ...] = ()
    choose: str = ""
    """What a person has to decide; empty where the draft is sure."""

    @property
    def renumbers(self) -> bool:
        """Tell whether ids change: some stand twice, and rows keep apart that have them."""
        is_apart = self.identity is not None or self.decision == KEEP_BOTH
        return is_apart and self.sharing is not None and self.sharing.shared > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A whole draft."""

    survey: Survey
    copies: tuple[str, ...]
    """Tables that one file has alone."""
    rules: tuple[Rule, ...]

    @property
    def is_decided(self) -> bool:
        """Tell whether nothing is left for a person to decide."""
        return not self.choose_key and not any(rule.choose or rule.references for rule in self.rules)

    @property
    def target_key(self) -> str | None:
        """Return the name of the target's key: the first of the sources' that is no passphrase; None for no key."""
        keys = self.survey.keys
        return next((key for key in keys if key not in self.survey.passphrases), keys[0] if keys else None)

    @property
    def choose_key(self) -> str:
        """Say what a person has to decide of the target's key; empty where there is no choice."""
        key, (*others, last) = self.target_key, self.survey.keys or ("",)
        named = f"{', '.join(others)} and {last}" if others else last
        if key is not None and key in self.survey.passphrases:
            told = "nothing new is put under a passphrase: name another key, as keys.init makes them"
            return f"its rows come from databases under {named}, and {told}"
        told = f"guessed: {key}, and whoever has that reads all of them"
        return f"its rows come from databases under {named}; {told}" if others else ""
