"""Deciding by single keys: what each does, that every choice is kept at once, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.consolidate.deciding.book import Book, read_book
from strongroom.consolidate.deciding.desk import Author, Desk, open_desk
from strongroom.consolidate.deciding.groups import Group
from strongroom.consolidate.deciding.session import Session, View
from strongroom.core.plan.decisions import DecisionModel
from strongroom.runs.home import Home
from tests.e2e.undecided_tree import GROUPS, build

NOW = datetime(2026, 11, 21, 1, 53, 1, tzinfo=UTC)


@dataclass
class Keyed:
    """A person of whom only the keys are known."""

    keys: Iterator[str]
    lines: Iterator[str | None]
    said: list[str] = field(default_factory=list)
    shown: list[tuple[int, str]] = field(default_factory=list)

    def show(self, view: View) -> None:
        self.shown.append((view.number, view.group.label))

    def show_whole(self, _: Group) -> None:
        self.said.append("whole")

    def show_column(self, group: Group, place: int) -> None:
        self.said.append(group.columns[place])

    def show_help(self, _: Group) -> None:
        self.said.append("help")

    def press(self, *_: object) -> str:
        key = next(self.keys, "")
        if key == "^C":
            raise KeyboardInterrupt
        return key

    def ask(self, *_: object) -> str | None:
        return next(self.lines, None)

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(target=build(tmp_path_factory.mktemp("undecided")).target)


@pytest.fixture
def desk(home: Home) -> Iterator[Desk]:
    home.decisions.unlink(missing_ok=True)
    with open_desk(home, None, Author(by="ann", why="", now=lambda: NOW)) as desk:
        yield desk


def press(desk: Desk, keys: str | Sequence[str], *lines: str | None) -> tuple[Session, Keyed]:
    person = Keyed(iter(keys), iter(lines))
    session = Session(desk=desk, person=person, total=GROUPS)
    session.run()
    return session, person


def kept(desk: Desk) -> dict[str, object]:
    """Return what is taken, by key, as the file says it."""
    return {next(iter(model.key.values())).strip("'"): model.take for model in read_book(desk.book.path)}


def test_a_digit_takes_a_row_and_goes_on(desk: Desk) -> None:
    session, person = press(desk, "12q")
    assert kept(desk) == {"m": 1, "n": 2}
    assert session.decided == 2
    assert person.said == ["took row 1 (live.marks row 1)", "took row 2 (old.marks row 2)"]
    assert [number for number, _ in person.shown] == [1, 2, 3]


def test_all_is_for_tables_that_allow_it(desk: Desk) -> None:
    _, person = press(desk, "asssssaq")
    assert kept(desk) == {"ann": "all"}
    assert "all rows cannot stay in new.marks" in person.said[0]


def test_columns_are_chosen_one_by_one_and_enter_is_row_1(desk: Desk) -> None:
    _, person = press(desk, ["s", "s", "s", "c", "9", "x", "3", "s", "c", "2", "\r", "u", "c", "2", "2", "q"])
    assert "there is no row 9: 1 to 3" in person.said
    assert kept(desk) == {"a": 3, "ann": 2}
    assert "took mail of row 2, token of row 1" in person.said
    assert person.said[-3:] == ["mail", "token", "took row 2 (old.users row 7)"]


def test_columns_of_several_rows_are_kept_by_name(desk: Desk) -> None:
    press(desk, ["s", "s", "s", "s", "c", "2", "\n", "q"])
    assert kept(desk) == {"b": {"stars": 1, "text": 2}}


def test_leaving_the_columns_chooses_nothing(desk: Desk) -> None:
    _, person = press(desk, ["c", "\x1b", "q"])
    assert person.said[-1] == "nothing was chosen"
    assert kept(desk) == {}


def test_undo_takes_back_what_was_decided_last(desk: Desk) -> None:
    session, person = press(desk, "u1su2q")
    assert person.said[0] == "there is nothing to undo: this is the first one shown"
    assert kept(desk) == {"m": 1, "n": 2}
    session, _ = press(desk, "1uq")
    assert session.decided == 0
    assert kept(desk) == {"m": 1, "n": 2}


def test_a_decision_undone_is_the_one_of_before(desk: Desk) -> None:
    press(desk, "1q")
    again = Desk(**{name: getattr(desk, name) for name in desk.__slots__} | {"redecide": True})
    press(again, "2uq")
    assert kept(desk) == {"m": 1}


def test_why_goes_with_the_choices_that_follow(desk: Desk) -> None:
    press(desk, "1w2w3q", "looked at both", None)
    whys = [model.why for model in read_book(desk.book.path)]
    assert whys == [None, "looked at both"] + ["looked at both"] * (len(whys) - 2)


def test_every_choice_is_kept_when_it_is_made(desk: Desk) -> None:
    with pytest.raises(KeyboardInterrupt):
        press(desk, ["1", "2", "^C"])
    assert kept(desk) == {"m": 1, "n": 2}


def test_the_same_again_goes_on_with_the_first_open_group(desk: Desk) -> None:
    press(desk, "11q")
    _, person = press(desk, "q")
    assert person.shown == [(1, "new.marks 'o'")]


@pytest.mark.parametrize("end", ["q", "\x04", ""])
def test_it_ends_when_nobody_answers(desk: Desk, end: str) -> None:
    session, person = press(desk, [end])
    assert (session.decided, len(person.shown)) == (0, 1)


def test_keys_that_mean_nothing_do_nothing(desk: Desk) -> None:
    _, person = press(desk, ["x", "0", "\x1b[A", "²", "v", "?", "q"])
    assert person.said == ["whole", "help"]
    assert kept(desk) == {}


def test_a_row_that_waits_itself_is_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [_let_wait(group) for group in desk.read_open()]
    monkeypatch.setattr(Desk, "read_open", lambda *_: (group for group in groups))
    _, person = press(desk, ["2", "c", "2", "1", "q"])
    assert "waits itself for a row that it refers to" in person.said[0]
    assert "row 2 waits itself: it cannot be taken" in person.said
    assert kept(desk) == {"m": 1}


def _let_wait(group: Group) -> Group:
    return replace(group, rows=(group.rows[0], *(row._replace(waits=True) for row in group.rows[1:])))


def test_many_groups_are_not_all_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.consolidate.deciding.session._BACK", 2)
    _, person = press(desk, "ssssuuuq")
    assert [number for number, _ in person.shown] == [1, 2, 3, 4, 5, 4]
    assert person.said[-1].startswith("there is nothing to undo")


def test_more_than_nine_rows_are_named_by_number_and_enter(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    group = next(desk.read_open())
    rows = tuple(group.rows[0]._replace(number=number, rowid=number, sha256=f"{number:064}") for number in range(1, 13))
    monkeypatch.setattr(Desk, "read_open", lambda *_: iter([replace(group, rows=rows)]))
    monkeypatch.setattr("strongroom.consolidate.deciding.session.closing", _Open)
    _, person = press(desk, "111", "13", None, "12")
    assert "there is no row 13: 1 to 12" in person.said
    assert kept(desk) == {"m": 12}


class _Open:
    """Stands for ``closing`` where there is nothing to close."""

    def __init__(self, groups: Iterator[Group]) -> None:
        self._groups = groups

    def __enter__(self) -> Iterator[Group]:
        return self._groups

    def __exit__(self, *_: object) -> None:
        pass


def test_a_book_puts_a_decision_in_the_place_of_all_about_its_rows(tmp_path: Path) -> None:
    def model(rows: str, take: int = 1) -> DecisionModel:
        listed = [{"source": "a.b", "sha256": letter * 64} for letter in rows]
        return DecisionModel.model_validate({"table": "t.t", "rows": listed, "take": take, "by": "x"})

    book = Book(tmp_path / "decisions.yaml", [model("ab"), model("cd")])
    book.put(model("bc", 2))
    assert [one.take for one in book] == [2]
    book.save()
    assert [len(one.rows) for one in read_book(book.path)] == [2]
    book.drop(next(name for name, _ in book.items()))
    book.save()
    assert len(read_book(book.path)) == 0
