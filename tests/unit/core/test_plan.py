"""plan.yaml: how its shorthand is expanded, and how each mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.errors import PlanError
from strongroom.core.plan import (
    ColumnRule,
    Conflict,
    Defaults,
    Drop,
    Filter,
    Identity,
    Input,
    Plan,
    TableRule,
    Transform,
    read_plan,
)

SYSTEMS = Path(__file__).parents[3] / "sql"
HEAD = """\
version: 1
sources:
  one: {path: one.db, trust: 90}
  two: {path: two.db, optional: true}
  doc: {path: doc.json, format: json, rows: {people: "$.people"}}
targets:
  house: {path: house.db}
  shed: {path: shed.db}
"""
AT = HEAD.count("\n") + 1  # the line on which a test's own text begins

RULE = "tables:\n- {into: house.t, from: [one.t]}"
CONFLICT = "tables:\n- into: house.t\n  from: [one.t]\n  on_conflict:\n"
WHOLE = """\
defaults: {unmapped_file: carry, unmapped_column: carry, on_conflict: fail, quarantine_budget: 3}
tables:
  - into: house.people
    from: [one.people, {table: two.persons, columns: {name: label}}]
    key: [email]
    identity: {column: id, strategy: renumber}
    on_conflict:
      rule: merge
      order: [two, one]
      columns: {seen: {rule: newest, by: at}, nick: {rule: prefer}}
    defaults: {state: active, age: 3, share: 0.5, note: null}
    transform: {at: {epoch: ms, to: iso8601_utc}, nick: trim}
    where: {sql: "gone = 0", reason: left}
  - {into: house.my table, from: [two.my table], on_conflict: {rule: newest, by: [a, b]}}
drop:
  - {table: one.cache, reason: rebuilt}
checks:
  - {sql: "select 1", expect: 1}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "plan.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def read(folder: Path, text: str) -> Plan:
    return read_plan(write(folder, HEAD + text))


def complaint(folder: Path, text: str, *, head: str = HEAD) -> str:
    """What reading says, hint included, without the folder."""
    write(folder, head + text)
    with pytest.raises(PlanError) as caught:
        read_plan(folder / "plan.yaml")
    assert caught.value.exit_code == 2
    message = f"{caught.value} | {caught.value.hint}".removesuffix(" | ")
    assert "\n" not in message
    return message.removeprefix(f"{folder}/")


def inputs_of(plan: Plan) -> dict[str, list[str]]:
    return {rule.into: [entry.name for entry in rule.inputs] for rule in plan.tables}


def test_a_whole_rule_is_read(tmp_path: Path) -> None:
    plan = read(tmp_path, WHOLE)
    assert plan.tables[0] == TableRule(
        target="house",
        table="people",
        inputs=(
            Input(source="one", table="people", columns={}),
            Input(source="two", table="persons", columns={"name": "label"}),
        ),
        key=("email",),
        identity=Identity(column="id", strategy="renumber"),
        conflict=Conflict(
            rule="merge",
            order=("two", "one"),
            columns={
                "seen": ColumnRule(rule="newest", by="at"),
                "nick": ColumnRule(rule="prefer", by=None),
            },
        ),
        defaults={"state": "active", "age": 3, "share": 0.5, "note": None},
        transform={"at": Transform(name="epoch", option="ms"), "nick": Transform(name="trim", option="")},
        where=Filter(sql="gone = 0", reason="left"),
        origin=f"{tmp_path}/plan.yaml:{AT + 2}",
    )
    assert plan.tables[1].into == "house.my table"
    assert plan.tables[1].conflict == Conflict(rule="newest", by=("a", "b"))
    assert plan.drops == (
        Drop(source="one", table="cache", reason="rebuilt", origin=f"{tmp_path}/plan.yaml:{AT + 15}"),
    )
    assert [(check.sql, check.expect) for check in plan.checks] == [("select 1", 1)]
    assert plan.defaults == Defaults(
        unmapped_file="carry",
        unmapped_table="error",
        unmapped_column="carry",
        on_conflict="fail",
        quarantine_budget=3,
    )


def test_what_is_left_out_is_the_careful_choice(tmp_path: Path) -> None:
    plan = read(tmp_path, "tables: [{into: house.t, from: [one.t]}]")
    assert plan.defaults == Defaults(
        unmapped_file="error",
        unmapped_table="error",
        unmapped_column="error",
        on_conflict="quarantine",
        quarantine_budget=0,
    )
    assert plan.tables[0].conflict == Conflict(rule="quarantine")
    assert plan.tables[0].key is None
    assert plan.sources["one"].optional is False
    assert plan.sources["doc"].rows == {"people": "$.people"}


def test_copy_brings_the_inputs_of_one_name_together(tmp_path: Path) -> None:
    head = HEAD.replace("two.db, ", "two.db, alias_of: shed, ")
    plan = read_plan(write(tmp_path, head + "copy: {house: [one.t, two.T, one.u], shed: [two.u]}"))
    assert inputs_of(plan) == {"house.t": ["one.t", "two.T"], "house.u": ["one.u"], "shed.u": ["two.u"]}


def test_copy_follows_the_default_conflict(tmp_path: Path) -> None:
    plan = read(tmp_path, "defaults: {on_conflict: fail}\ncopy: {house: [one.t]}")
    assert plan.tables[0].conflict == Conflict(rule="fail")


def test_wildcards_stay_for_the_binding_one_per_source(tmp_path: Path) -> None:
    plan = read(tmp_path, "copy: {house: [one.*, two.*, one.t]}")
    assert [(rule.into, rule.inputs[0].name) for rule in plan.tables] == [
        ("house.*", "one.*"),
        ("house.*", "two.*"),
        ("house.t", "one.t"),
    ]


def test_a_table_under_a_wildcard_may_have_a_rule_of_its_own(tmp_path: Path) -> None:
    head = HEAD.replace("one.db, ", "one.db, alias_of: house, ")
    plan = read_plan(write(tmp_path, head + "copy: {house: [one.*]}\ntables: [{into: shed.t, from: [one.t]}]"))
    assert inputs_of(plan) == {"shed.t": ["one.t"], "house.*": ["one.*"]}


def test_a_name_with_dots_and_quotes_keeps_them(tmp_path: Path) -> None:
    plan = read(tmp_path, """copy: {house: ['one.a.b "c"']}""")
    assert plan.tables[0].inputs[0].table == 'a.b "c"'


def test_a_copied_table_says_on_which_line_it_stands(tmp_path: Path) -> None:
    plan = read(tmp_path, "copy:\n  house:\n    - one.t\n    - one.u")
    assert [rule.origin.rpartition(":")[2] for rule in plan.tables] == [str(AT + 2), str(AT + 3)]


def test_the_hash_knows_the_schema_files_too(tmp_path: Path) -> None:
    head = HEAD.replace("path: house.db", "path: house.db, schema: house.sql")
    (tmp_path / "house.sql").write_text("CREATE TABLE t (a);")
    write(tmp_path, head)
    before = read_plan(tmp_path / "plan.yaml").sha256
    assert read_plan(tmp_path / "plan.yaml").sha256 == before
    (tmp_path / "house.sql").write_text("CREATE TABLE t (b);")
    assert read_plan(tmp_path / "plan.yaml").sha256 != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("copy: {hose: [one.t]}", f"{AT}: unknown target hose | one of: house, shed", id="unknown target"),
        pytest.param(
            "copy:\n  house:\n  - one.t\n  - oen.t",
            f"{AT + 3}: unknown source 'oen' in 'oen.t' | one of: doc, one, two",
            id="unknown source",
        ),
        pytest.param(
            "tables:\n- into: hose.t\n  from: [one.t]",
            f"{AT + 1}: unknown target 'hose' in 'hose.t' | one of: house, shed",
            id="unknown target of a rule",
        ),
        pytest.param(
            "drop:\n- {table: oen.t, reason: x}",
            f"{AT + 1}: unknown source 'oen' in 'oen.t' | one of: doc, one, two",
            id="unknown source of a drop",
        ),
        pytest.param("copy: {house: [one]}", f"{AT}: 'one' names no table | write source.table", id="no dot"),
        pytest.param("copy: {house: [one.]}", f"{AT}: 'one.' names no table | write source.table", id="no table"),
        pytest.param(
            "tables: [{into: house.t, from: [one.*]}]",
            f"{AT}: one.* stands for many tables | use it under copy, or name each table",
            id="wildcard in from",
        ),
        pytest.param(
            "tables:\n- {into: house.t, from: [one.t], on_conflict: {rule: prefer, order: [two]}}",
            f"{AT + 1}: order names two, which does not feed this table | one of: one",
            id="order names a stranger",
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert complaint(tmp_path, text) == f"plan.yaml:{said}"


def test_a_wildcard_is_no_target_table(tmp_path: Path) -> None:
    said = complaint(tmp_path, "tables:\n- {into: house.*, from: [one.t]}")
    assert said.startswith(f"plan.yaml:{AT + 1}: ")


@pytest.mark.parametrize(
    ("text", "name", "second", "first"),
    [
        ("copy:\n  house: [one.t]\n  shed: [one.t]", "one.t", AT + 2, AT + 1),
        ("copy: {house: [one.t]}\ndrop:\n- {table: one.T, reason: x}", "one.T", AT + 2, AT),
        ("tables:\n- {into: house.t, from: [one.t, one.t]}", "one.t", AT + 1, AT + 1),
        (f"{RULE}\n- {{into: house.u, from: [one.T]}}", "one.T", AT + 2, AT + 1),
        ("copy: {house: [one.t]}\ntables:\n- {into: shed.t, from: [one.t]}", "one.t", AT, AT + 2),
        ("copy: {house: [one.*]}\ndrop:\n- {table: one.*, reason: x}", "one.*", AT + 2, AT),
        ("drop:\n- {table: one.t, reason: x}\n- {table: one.t, reason: y}", "one.t", AT + 2, AT + 1),
        (f"{RULE}\n- {{into: house.T, from: [two.t]}}", "house.T", AT + 2, AT + 1),
        ("copy: {house: [two.t]}\ntables:\n- {into: house.t, from: [one.t]}", "house.t", AT, AT + 2),
    ],
)  # fmt: skip
def test_a_table_has_one_place(tmp_path: Path, text: str, name: str, second: int, first: int) -> None:
    said = complaint(tmp_path, text)
    assert said == f"plan.yaml:{second}: {name} is named twice (also at {tmp_path}/plan.yaml:{first})"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour: red", f"{AT}: colour: unknown key"),
        ("tables:\n- into: house.t\n  from: [one.t]\n  kee: [a]", f"{AT + 3}: tables[0].kee: unknown key"),
        (
            "tables:\n- into: house.t\n  from:\n  - {table: one.t, colums: {}}",
            f"{AT + 3}: tables[0].from[0].colums: unknown key",
        ),
    ],
)
def test_an_unknown_key_is_named_with_those_that_are_accepted(tmp_path: Path, text: str, said: str) -> None:
    found = complaint(tmp_path, text)
    assert found.startswith(f"plan.yaml:{said}")
    assert found != f"plan.yaml:{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("copy: {house: []}\ncopy: {}", f"{AT + 1}:1: copy: duplicate key (first on line {AT})"),
        (
            "tables:\n- into: house.t\n  from: [one.t]\n  from: [two.t]",
            f"{AT + 3}:3: tables[0].from: duplicate key (first on line {AT + 2})",
        ),
        ("tables:\n- into: house.t", f"{AT + 1}: tables[0].from: is missing"),
        ("tables:\n- {from: [one.t]}", f"{AT + 1}: tables[0].into: is missing"),
        ("tables:\n- {into: house.t, from: []}", f"{AT + 1}: tables[0].from: must have at least 1 item"),
        ("tables:\n- {into: house.t, from: [one.t], key: id}", f"{AT + 1}: tables[0].key: must be a list"),
        ("drop:\n- {table: one.t}", f"{AT + 1}: drop[0].reason: is missing"),
        ('drop:\n- {table: one.t, reason: ""}', f"{AT + 1}: drop[0].reason: must have at least 1 char"),
        ("checks:\n- {sql: select 1}", f"{AT + 1}: checks[0].expect: is missing"),
        ("defaults:\n  quarantine_budget: -1", f"{AT + 1}: defaults.quarantine_budget: must be greater"),
        ("defaults:\n  unmapped_table: keep", f"{AT + 1}: defaults.unmapped_table: must be one of error or carry"),
        ("defaults:\n  on_conflict: newest", f"{AT + 1}: defaults.on_conflict: must be one of quarantine or"),
        (
            "tables:\n- {into: house.t, from: [one.t], where: {sql: x}}",
            f"{AT + 1}: tables[0].where.reason: is missing",
        ),
        (
            "tables:\n- {into: house.t, from: [one.t], transform: {a: upper}}",
            f"{AT + 1}: tables[0].transform.a: must be a mapping or one of trim or casefold",
        ),
        (
            "tables:\n- {into: house.t, from: [one.t], identity: {column: id, strategy: guess}}",
            f"{AT + 1}: tables[0].identity.strategy: must be one of keep, renumber, offset or uuid5",
        ),
        (
            "tables:\n- {into: house.t, from: [one.t], on_conflict: {rule: best}}",
            f"{AT + 1}: tables[0].on_conflict.rule: must be one of identical, prefer, newest, oldest, merge,",
        ),
        (
            "tables:\n- {into: house.t, from: [one.t], on_conflict: {rule: newest}}",
            f"{AT + 1}: tables[0].on_conflict: newest needs by",
        ),
        (
            "tables:\n- {into: house.t, from: [one.t], on_conflict: {rule: oldest, by: []}}",
            f"{AT + 1}: tables[0].on_conflict: oldest needs by",
        ),
        (
            CONFLICT + "    rule: merge\n    columns:\n      a: {rule: newest}",
            f"{AT + 6}: tables[0].on_conflict.columns.a: newest needs by",
        ),
        (
            CONFLICT + "    rule: prefer\n    columns: {a: {rule: max}}",
            f"{AT + 3}: tables[0].on_conflict: columns are for rule: merge only",
        ),
    ],
)
def test_a_wrong_shape_is_named_with_its_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert complaint(tmp_path, text).startswith(f"plan.yaml:{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one: {path: one.db, rows: {a: $.a}}", "sources.one: rows are for format: json only"),
        ("one: {path: one.db, format: xml}", "sources.one.format: must be one of sqlite or json"),
        ("one: {}", "sources.one.path: is missing"),
        ('one: {path: ""}', "sources.one.path: must have at least 1 character"),
        ("one: {path: one.db, optional: no}", "sources.one.optional: must be true or false"),
        ('one: {path: one.db, trust: "7"}', "sources.one.trust: must be a"),
        ("one: {path: one.db, trust: true}", "sources.one.trust: must be a"),
        ("one: {path: one.db, trust: 1.0}", "sources.one.trust: must be a"),
        ("one: {path: ../one.db}", "sources.one.path: "),
        ("one: {path: /etc/one.db}", "sources.one.path: "),
        ("one: {path: one.db, key: 1st}", "sources.one.key: must match pattern"),
        ("one: {path: one.json, format: json, key: k}", "sources.one: key is for format: sqlite only"),
    ],
)  # fmt: skip
def test_a_wrong_source_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    head = f"version: 1\ntargets: {{house: {{path: house.db}}}}\nsources:\n  {text}\n"
    assert complaint(tmp_path, "", head=head).startswith(f"plan.yaml:4: {said}")


ENCRYPTED = """\
version: 1
sources:
  one: {path: one.db, key: first}
  two: {path: two.db}
targets:
  shed: {path: shed.db%s}
  house: {path: house.db, encrypt: second}
"""
FEEDS = ("copy: {shed: [one.*]}", "tables:\n- {into: shed.t, from: [two.t, one.t]}")


@pytest.mark.parametrize("text", FEEDS)
def test_a_plain_target_of_an_encrypted_source_is_refused_until_the_plan_says_so(tmp_path: Path, text: str) -> None:
    found = complaint(tmp_path, text, head=ENCRYPTED % "")
    assert found.startswith("plan.yaml:6: shed would hold rows of the encrypted source one, and is plain | say encrypt")
    assert "is plain" not in found.partition("|")[2]
    for said, key in ((", encrypt: false", None), (", encrypt: third", "third")):
        write(tmp_path, ENCRYPTED % said + text)
        assert read_plan(tmp_path / "plan.yaml").targets["shed"].key == key


def test_carried_tables_do_not_leave_their_encryption_unseen(tmp_path: Path) -> None:
    head = "version: 1\nsources: {one: {path: one.db, key: k}}\ntargets:\n  shed: {path: shed.db}\n"
    assert "and is plain" in complaint(tmp_path, "defaults: {unmapped_table: carry}", head=head)


@pytest.mark.parametrize("key", ["true", "1st", '""', "a.b"])
def test_a_key_has_a_simple_name(tmp_path: Path, key: str) -> None:
    found = complaint(tmp_path, "", head=ENCRYPTED % f", encrypt: {key}")
    assert found.startswith("plan.yaml:6: targets.shed.encrypt: must ")


def test_a_snapshot_has_the_key_of_the_first_encrypted_target_that_its_source_feeds(tmp_path: Path) -> None:
    text = "copy: {house: [two.a], shed: [two.b]}"
    encrypted = ENCRYPTED.replace("path: two.db", "path: two.db, alias_of: shed")
    plan = read_plan(write(tmp_path, encrypted % ", encrypt: third" + text))
    assert {name: plan.choose_snapshot_key(name) for name in plan.sources} == {"one": "first", "two": "third"}
    plan = read_plan(write(tmp_path, encrypted % "" + text))
    assert plan.choose_snapshot_key("two") == "second"
    assert plan.is_encrypted
    assert not read(tmp_path, "").is_encrypted


@pytest.mark.parametrize("path", ["/etc/house.db", "../house.db", "a/../../house.db"])
def test_a_target_stays_in_the_target_directory(tmp_path: Path, path: str) -> None:
    head = f"version: 1\nsources: {{one: {{path: one.db}}}}\ntargets:\n  house: {{path: {path}}}\n"
    assert complaint(tmp_path, "", head=head).startswith("plan.yaml:4: targets.house.path: ")
    head = head.replace(path, f"house.db, aliases: [{path}]")
    assert complaint(tmp_path, "", head=head).startswith("plan.yaml:4: targets.house.aliases[0]: ")


@pytest.mark.parametrize("name", ["temp", "schema", "ledger", "scratch", "src", "TEMP", "a.b"])
@pytest.mark.parametrize("kind", ["source", "target"])
def test_a_name_that_sqlite_or_we_use_is_refused_with_its_line(tmp_path: Path, name: str, kind: str) -> None:
    source, target = (name, "house") if kind == "source" else ("one", name)
    head = f"version: 1\nsources:\n  {source}: {{path: one.db}}\ntargets:\n  {target}: {{path: house.db}}\n"
    said = complaint(tmp_path, "", head=head)
    assert said.startswith(f"plan.yaml:{3 if kind == 'source' else 5}: ")
    assert "is no usable name" in said


@pytest.mark.parametrize(
    "targets",
    [
        "house: {path: a.db}\n  shed: {path: a.db}",
        "house: {path: a.db}\n  shed: {path: ./a.db}",
        "house: {path: a.db}\n  shed: {path: b.db, aliases: [a.db]}",
        "house: {path: a.db, aliases: [c.db]}\n  shed: {path: b.db, aliases: [c.db]}",
        "house: {path: a.db}\n  House: {path: b.db}",
    ],
)
def test_two_targets_are_two_files_under_two_names(tmp_path: Path, targets: str) -> None:
    head = f"version: 1\nsources: {{one: {{path: one.db}}}}\ntargets:\n  {targets}\n"
    assert complaint(tmp_path, "", head=head).startswith("plan.yaml:5: ")


@pytest.mark.parametrize(
    "sources",
    ["one: {path: a.db}\n  two: {path: a.db}", "one: {path: a.db}\n  two: {path: ./a.db}",
     "one: {path: a.db}\n  One: {path: b.db}"],
)  # fmt: skip
def test_two_sources_are_two_files_under_two_names(tmp_path: Path, sources: str) -> None:
    head = f"version: 1\ntargets: {{house: {{path: house.db}}}}\nsources:\n  {sources}\n"
    assert complaint(tmp_path, "", head=head).startswith("plan.yaml:5: ")


def test_a_missing_schema_file_is_named_with_its_line(tmp_path: Path) -> None:
    head = "version: 1\nsources: {one: {path: one.db}}\ntargets:\n  house: {path: a.db, schema: no.sql}\n"
    said = complaint(tmp_path, "", head=head)
    assert said.startswith("plan.yaml:4: ")
    assert "there is no file no.sql" in said


@pytest.mark.parametrize("version", ["2", '"1"', "true"])
def test_another_version_is_refused(tmp_path: Path, version: str) -> None:
    said = complaint(tmp_path, "", head=HEAD.replace("version: 1", f"version: {version}"))
    assert said.startswith("plan.yaml:1: version: must be ")


@pytest.mark.parametrize("system", sorted(SYSTEMS.glob("*/plan.yaml")), ids=lambda path: path.parent.name)
def test_every_shipped_plan_reads(system: Path) -> None:
    plan = read_plan(system)
    assert plan.tables
    assert all(target.schema for target in plan.targets.values())
    used = {entry.source for rule in plan.tables for entry in rule.inputs} | {drop.source for drop in plan.drops}
    assert used == set(plan.sources)


def test_a_plan_is_shipped() -> None:
    assert (SYSTEMS / "aragora" / "plan.yaml").is_file()
