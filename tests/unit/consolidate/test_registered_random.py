"""Whatever the plan: it is refused, or each value of a registered column lies in the row that it was made for."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from strongroom.binding import Work, refuse_unopened
from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import DecisionNeededError, PlanError
from strongroom.core.plan import read_plan
from tests.unit.consolidate.houses import BuiltHouse, built_house, head

SAMPLE = settings(
    max_examples=min(settings.default.max_examples, 60) if settings.get_current_profile_name() != "nightly" else 2000
)
"""Each example is a build: CI tries some."""
SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT COLLATE {users}, api_key TEXT, seen TEXT);
CREATE TABLE tokens (user_id INTEGER{refers}, device TEXT COLLATE {tokens}, token TEXT, used TEXT,
                     PRIMARY KEY (user_id, device));
"""
ENTRIES = {
    "users": ColumnEntry(sqlite="zoe.db", table="users", primary_key=("id",), column="api_key", key="k"),
    "tokens": ColumnEntry(sqlite="zoe.db", table="tokens", primary_key=("user_id", "device"), column="token", key="k"),
}
BOTH = [entry.model_copy(update={"sqlite": f"{file}.db"}) for entry in ENTRIES.values() for file in ("zoe", "auth")]
RULES = st.sampled_from(["prefer", "newest", "oldest", "merge", "merge", "quarantine", "keep_both", "identical"])
COLUMN_RULES = st.sampled_from(["prefer", "first_non_null", "max", "min"])


@dataclass(frozen=True)
class House:
    """A plan, and the rows of its two files."""

    schema: str
    tables: str
    sources: dict[str, str]


@st.composite
def houses(draw: st.DrawFn) -> House:
    collation = st.sampled_from(["BINARY", "BINARY", "NOCASE"])
    refers = draw(st.sampled_from(["", " REFERENCES users (id)"]))
    schema = SCHEMA.format(users=draw(collation), tokens=draw(collation), refers=refers)
    return House(
        schema=schema,
        tables=f"tables:\n{draw(tables('users'))}{draw(tables('tokens'))}",
        sources={"zoe": draw(rows()), "auth": draw(rows())},
    )


@st.composite
def tables(draw: st.DrawFn, name: str) -> str:
    is_users = name == "users"
    seen, value = ("seen", "api_key") if is_users else ("used", "token")
    keys = ["[id]", "[name]", "[id, name]"] if is_users else ["[user_id, device]", "[device]", "[user_id]"]
    key = draw(st.sampled_from(keys))
    lines = [f"into: house.{name}", f"from: [zoe.{name}, auth.{name}]", f"key: {key}"]
    rule = draw(RULES)
    more = f", by: {seen}" if rule in ("newest", "oldest") else ""
    if rule == "merge" and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from([value, *(["id"] if is_users else ["device"])]), unique=True))
        more = f", columns: {{{', '.join(f'{one}: {{rule: {draw(COLUMN_RULES)}}}' for one in chosen)}}}"
    lines.append(f"on_conflict: {{rule: {rule}{more}}}")
    text = "name" if is_users else "device"
    if text in key and draw(st.booleans()):
        lines.append(f"normalize: {{{text}: [casefold]}}")
    if is_users:
        strategy = draw(st.sampled_from(["keep", "keep", "renumber", "offset"]))
        lines.append(f"identity: {{column: id, strategy: {strategy}}}")
        lines += draw(st.sampled_from([[], ["references: [house.tokens.user_id]"]]))
    return f"  - {lines[0]}\n" + "".join(f"    {line}\n" for line in lines[1:])


@st.composite
def rows(draw: st.DrawFn) -> str:
    """Draw rows whose values say which row they were made for."""
    day = st.integers(1, 4)
    names = st.sampled_from(["ann", "Ann", "bob", "cyd"])
    written = []
    for number in draw(st.lists(st.integers(1, 4), unique=True, max_size=4)):
        value = draw(st.sampled_from(["NULL", f"'users {number}'"]))
        written.append(f"INSERT INTO users VALUES ({number}, '{draw(names)}', {value}, '2026-01-0{draw(day)}');")
    pairs = st.tuples(st.integers(1, 4), names)
    for number, device in draw(st.lists(pairs, unique_by=lambda pair: (pair[0], pair[1].lower()), max_size=4)):
        value = draw(st.sampled_from(["NULL", f"'tokens {number} {device}'"]))
        written.append(f"INSERT INTO tokens VALUES ({number}, '{device}', {value}, '2026-01-0{draw(day)}');")
    return "".join(written)


def refuses(built: BuiltHouse, name: str) -> bool:
    """Tell whether the plan is refused for one of the two columns."""
    entries = [entry for entry in BOTH if entry.table == name]
    work = Work(targets=(built.job,), drops=(), absent=())
    try:
        refuse_unopened(read_plan(built.folder / "plan.yaml"), work, entries)
    except PlanError:
        return True
    return False


@SAMPLE
@given(house=houses())
def test_it_is_refused_or_every_value_lies_in_its_row(house: House) -> None:
    plan = head("zoe", "auth") + house.tables
    try:
        with built_house(house.schema, plan, house.sources) as built:
            found = {name: refuses(built, name) for name in ENTRIES}
            placed = {
                "users": built.read("SELECT 'users ' || id, api_key FROM users WHERE api_key IS NOT NULL"),
                "tokens": built.read(
                    "SELECT 'tokens ' || user_id || ' ' || device, token FROM tokens WHERE token IS NOT NULL"
                ),
            }
    except (PlanError, DecisionNeededError):  # a plan that means nothing, or asks for a person
        assume(False)
        return
    for name, is_refused in found.items():
        wrong = [row for row in placed[name] if row[0] != row[1]]
        event(f"{name}: {'refused' if is_refused else 'accepted'}, {'wrong' if wrong else 'right'}")
        assert is_refused or not wrong, (plan, house.sources, wrong)
