"""Decide group by group: one key a choice, each kept at once, so that whatever happens nothing decided is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from strongroom.consolidate.deciding.book import Taken
from strongroom.consolidate.deciding.desk import Desk, refuse_take, say_taken
from strongroom.consolidate.deciding.groups import Group
from strongroom.core.errors import StrongroomError
from strongroom.core.plan.decisions import ALL, DecisionModel

_BACK = 200
"""How many groups a person may go back."""
_MOST_KEYS = 9
_ESCAPE, _END = "\x1b", ("", "\x04")
"""No more keys come: the terminal is gone, or somebody said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One group as it is put before a person."""

    group: Group
    number: int
    total: int
    why: str
    taken: str
    """What is decided already; empty for nothing."""


class Person(Protocol):
    """Somebody at a terminal."""

    def show(self, view: View) -> None:
        """Put a group before them."""

    def show_whole(self, group: Group) -> None:
        """Put every value before them, uncut."""

    def show_column(self, group: Group, place: int) -> None:
        """Put the values of one column before them."""

    def show_help(self, group: Group) -> None:
        """Say what each key does."""

    def press(self, group: Group | None, column: str | None = None) -> str:
        """Wait for a key about a group, or about the row from which a column is taken; empty where none will come.

        Without a group: at the end, where the last choice may still be undone.
        """

    def ask(self, question: str, before: str = "") -> str | None:
        """Ask for a line, ``before`` in it already; None where they let it be."""

    def say(self, text: str) -> None:
        """Say a sentence."""


class _Move(Enum):
    """Where to go from a group."""

    STAY = auto()
    ON = auto()
    BACK = auto()
    END = auto()


@dataclass(slots=True)
class _Step:
    """A group that was shown, and what was known of it before it was decided."""

    group: Group
    before: DecisionModel | None
    is_decided: bool = False


@dataclass(slots=True, kw_only=True)
class Session:
    """One person and the groups of one run."""

    desk: Desk
    person: Person
    total: int
    decided: int = 0
    _seen: list[_Step] = field(default_factory=list)
    _at: int = 0
    _forgotten: int = 0
    """Groups too far back to return to."""

    def run(self, table: str | None = None) -> None:
        """Let the person decide the open groups; each choice is kept when it is made.

        Raises KeyboardInterrupt where they stop it so: what they decided is kept.
        """
        with closing(self.desk.read_open(table)) as groups:
            self._go_through(groups)

    def _go_through(self, groups: Iterator[Group]) -> None:
        """Show group after group until there is none, or the person ends it."""
        while True:
            if self._at == len(self._seen):
                group = next(groups, None)
                if group is None:
                    if self._ends():
                        return
                    continue
                self._seen.append(_Step(group, self.desk.book.find(group)))
                self._forget()
            move = self._decide(self._seen[self._at])
            if move is _Move.END:
                return
            self._at += 1 if move is _Move.ON else -1

    def _ends(self) -> bool:
        """Tell whether the person leaves it at that; else it goes back to the last group."""
        if not self._seen or self.person.press(None) != "u":
            return True
        self._undo(self._seen[-1])
        self._at -= 1
        return False

    def _forget(self) -> None:
        if len(self._seen) > _BACK:
            del self._seen[0]
            self._at -= 1
            self._forgotten += 1

    def _decide(self, step: _Step) -> _Move:
        self.person.show(self._view(step.group))
        move = _Move.STAY
        while move is _Move.STAY:
            move = self._answer(step, self.person.press(step.group))
        return move

    def _view(self, group: Group) -> View:
        taken = self.desk.find_taken(group)
        return View(
            group=group,
            number=self._forgotten + self._at + 1,
            total=self.total,
            why=self.desk.author.why,
            taken="" if taken is None else say_taken(taken, group),
        )

    def _answer(self, step: _Step, key: str) -> _Move:
        """Do what a key says."""
        if key in (*_END, "q"):
            return _Move.END
        if key == "s":
            return _Move.ON
        if key.isdecimal() and key.isascii() and key != "0":
            return self._take_row(step, key)
        others: dict[str, Callable[[_Step], _Move]] = {
            "a": self._take_all,
            "c": self._take_columns,
            "u": self._undo,
            "w": self._say_why,
            "v": self._show_whole,
            "?": self._help,
        }
        return others[key](step) if key in others else _Move.STAY

    def _take_row(self, step: _Step, key: str) -> _Move:
        number = self._read_number(step.group, key)
        return _Move.STAY if number is None else self._take(step, number)

    def _read_number(self, group: Group, key: str) -> int | None:
        """Return the number of a row; where there are many it ends with Enter."""
        said: str | None = key
        if len(group.rows) > _MOST_KEYS:
            said = self.person.ask(f"row (1 to {len(group.rows)})", key)
        if said is None:
            return None
        if not (said.isdecimal() and said.isascii() and 1 <= int(said) <= len(group.rows)):
            self.person.say(f"there is no row {said}: 1 to {len(group.rows)}")
            return None
        return int(said)

    def _take_all(self, step: _Step) -> _Move:
        return self._take(step, ALL)

    def _take_columns(self, step: _Step) -> _Move:
        """Ask column by column; Enter leaves the shown row's value."""
        group = step.group
        if not group.choosable:
            self.person.say("the rows differ in their key or id only, which stay the shown row's")
            return _Move.STAY
        chosen = dict[str, int]()
        for place in group.choosable:
            number = self._ask_column(group, place)
            if number is None:
                self.person.say("nothing was chosen")
                return _Move.STAY
            chosen[group.columns[place]] = number
        numbers = set(chosen.values())
        return self._take(step, numbers.pop() if len(numbers) == 1 else tuple(sorted(chosen.items())))

    def _ask_column(self, group: Group, place: int) -> int | None:
        self.person.show_column(group, place)
        while True:
            key = self.person.press(group, group.columns[place])
            if key in ("\n", "\r"):
                return 1
            if key in (*_END, _ESCAPE, "q", "u"):
                return None
            number = self._read_number(group, key) if key.isdecimal() else None
            if number is not None and group.rows[number - 1].waits:
                self.person.say(f"row {number} waits itself: it cannot be taken")
            elif number is not None:
                return number

    def _take(self, step: _Step, taken: Taken) -> _Move:
        try:
            refuse_take(step.group, taken, "choice")
        except StrongroomError as error:
            self.person.say(error.fact)
            return _Move.STAY
        self.desk.book.put(self.desk.record(step.group, taken))
        self.desk.book.save()
        self.decided += not step.is_decided
        step.is_decided = True
        self.person.say(f"took {say_taken(taken, step.group)}")
        return _Move.ON

    def _undo(self, _: _Step) -> _Move:
        """Go back one group, and take back what was decided of it."""
        if self._at == 0:
            self.person.say("there is nothing to undo: this is the first one shown")
            return _Move.STAY
        last = self._seen[self._at - 1]
        if last.is_decided:
            self.desk.book.drop(last.group.name)
            if last.before is not None:
                self.desk.book.put(last.before)
            self.desk.book.save()
            last.is_decided = False
            self.decided -= 1
        return _Move.BACK

    def _say_why(self, _: _Step) -> _Move:
        why = self.person.ask("why (it goes with this choice and those that follow)", self.desk.author.why)
        if why is not None:
            self.desk = replace(self.desk, author=replace(self.desk.author, why=why))
        return _Move.STAY

    def _show_whole(self, step: _Step) -> _Move:
        self.person.show_whole(step.group)
        return _Move.STAY

    def _help(self, step: _Step) -> _Move:
        self.person.show_help(step.group)
        return _Move.STAY
