"""``consolidate.decide``: what no rule decides is chosen in a file or by a rule, and carried out by the next run."""

from __future__ import annotations

import shlex
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.undecided_tree import GROUPS, TABLES, TOKEN, build, change, decide, draft, fill, read
from tests.faults.scene import Scene, photograph, run

KEPT = ".strongroom/decisions.yaml"
FORM = ("takes a row beyond the 3 that it lists", 'take: must be a whole number or all or a mapping (got "both")')
"""What the form of the file says: the line is the hint."""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build(tmp_path)


def test_a_draft_holds_every_open_group_and_nothing_secret(scene: Scene) -> None:
    file = draft(scene)
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert text.count("- table: ") == text.count("  take:\n") == GROUPS
    assert """"values": {"mail": "'ann@live'", "token": "•••"}""" in text
    assert TOKEN not in text
    assert "same" not in text
    assert not (scene.target / KEPT).exists()


def test_a_draft_that_is_filled_in_is_kept_and_carried_out_by_the_command_that_is_named(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'a'", "3")
    fill(file, "'b'", "{stars: 2}")
    fill(file, "'ann'", "all")
    for key in ("'m'", "'n'", "'o'"):
        fill(file, key, "1")
    ended = decide(scene, "--decisions", file, "--json")
    assert (ended.code, ended.json["decided"], ended.json["open"], ended.json["waiting"]) == (0, GROUPS, 0, 0), (
        ended.err
    )
    assert stat.S_IMODE((scene.target / KEPT).stat().st_mode) == 0o600
    assert ended.json["staged_again"] == 0
    words = shlex.split(ended.json["next"])
    assert words[:2] == ["./inv", "consolidate.run"]
    assert run(["inv", *words[1:]]).code == 0
    assert read(scene, "SELECT text, stars FROM notes WHERE id < 'c' ORDER BY id") == [("third a", 1), ("live b", 3)]
    assert read(scene, "SELECT name, mail FROM users ORDER BY mail") == [("ann", "ann@live"), ("ann", "ann@old")]
    assert "nothing to decide" in decide(scene, "--decisions", file).out or decide(scene, "--decisions", file).code == 0


@pytest.mark.parametrize("why", ['why: ""', "why:", "why: ' '", "why: |\n  two\n  lines"])
def test_a_draft_runs_with_a_reason_or_none(scene: Scene, why: str) -> None:
    file = draft(scene)
    fill(file, "'a'", "3")
    file.write_text(file.read_text().replace('\nwhy: ""\n', f"\n{why}\n"))
    other = replace(scene, target=scene.target.with_name("other"))
    for argv in (scene.argv("run", "--replace"), other.argv()):
        ended = run([*argv, "--quarantine-budget", "20", "--decisions", str(file)])
        assert (ended.code, "PROVEN" in ended.out) == (0, True), ended.err


@pytest.mark.parametrize("by", ["by: ''", "by:", "by: ' '"])
def test_somebody_decides(scene: Scene, by: str) -> None:
    file = draft(scene)
    fill(file, "'a'", "3")
    said = next(line for line in file.read_text().splitlines() if line.startswith("by: "))
    file.write_text(file.read_text().replace(f"\n{said}\n", f"\n{by}\n"))
    ended = run([*scene.argv("run", "--replace"), "--decisions", str(file)])
    assert (ended.code, "does not say who decided new.notes 'a'" in ended.error) == (2, True), ended.err


def test_what_is_kept_is_not_asked_again_and_a_draft_goes_on(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'a'", "2")
    before = file.read_text().partition("- table")[0]
    again = decide(scene, "--draft", file, "--json")
    assert (again.code, again.json["drafted"]) == (0, GROUPS)
    assert "  take: 2\n" in file.read_text()
    assert file.read_text().startswith(before)
    assert decide(scene, "--decisions", file, "--json").json["decided"] == 1
    same = decide(scene, "--decisions", file, "--json").json
    assert (same["decided"], same["known"], same["open"]) == (0, 1, GROUPS - 1)
    other = draft(scene, "other.yaml").read_text()
    assert other.count("- table: ") == GROUPS - 1


def test_a_file_that_decides_nothing_yet_says_what_is_open(scene: Scene) -> None:
    ended = decide(scene, "--decisions", draft(scene))
    assert ended.code == 0
    assert f"{GROUPS} open" in ended.out
    assert not (scene.target / KEPT).exists()


def test_where_nothing_is_undecided_it_says_so(tmp_path: Path) -> None:
    scene = build(tmp_path)
    for source in ("old", "third"):
        change(scene.source / f"{source}.db", "DELETE FROM notes")
    change(scene.source / "old.db", "DELETE FROM users")
    change(scene.source / "old.db", "DELETE FROM marks")
    assert run(scene.argv("run")).code == 0
    file = tmp_path / "draft.yaml"
    for flags in (("--draft", file), ("--table", "new.notes", "--take", "old")):
        ended = decide(scene, *flags)
        assert ended.code == 0
        assert "nothing to decide: no group is undecided" in ended.out
    assert not file.exists()


def refuse(scene: Scene, code: int, said: str, *flags: object) -> None:
    """See that a command is refused in one line with a hint, and that nothing of it was kept."""
    before = photograph(scene.target), (scene.target / KEPT).exists() and (scene.target / KEPT).read_bytes()
    ended = decide(scene, *flags)
    assert ended.code == code, ended.out + ended.err
    assert said in ended.error
    assert " hint: " in ended.err or said in FORM
    assert before == (photograph(scene.target), (scene.target / KEPT).exists() and (scene.target / KEPT).read_bytes())


def test_a_decision_about_a_row_that_changed_since_is_refused(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'a'", "1")
    fill(file, "'b'", "2")
    change(scene.source / "old.db", "UPDATE notes SET text = 'other' WHERE id = 'b'")
    assert run(scene.argv("run")).code == 4
    refuse(scene, 4, "new.notes 'b': old.notes row 2 changed since it was decided about", "--decisions", file)


def test_a_decision_about_a_group_that_got_another_row_is_refused(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'b'", "2")
    change(scene.source / "third.db", "INSERT INTO notes VALUES ('b', '2024-01-01', 'third b', 1)")
    assert run(scene.argv("run")).code == 4
    refuse(scene, 4, "new.notes 'b': third.notes row 2 has come to it since", "--decisions", file)


def test_a_decision_about_a_group_that_is_gone_is_refused(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'a'", "1")
    fill(file, "'b'", "2")
    change(scene.source / "old.db", "DELETE FROM notes WHERE id = 'b'")
    assert run(scene.argv("run")).code == 4
    refuse(scene, 4, "new.notes 'b': no rule left its rows undecided in this run", "--decisions", file)


def test_two_decisions_about_one_row_are_refused(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'a'", "1")
    text = file.read_text()
    group = next(part for part in text.split("\n\n") if "  take: 1" in part)
    other = group[group.index("- table") :].replace("take: 1", "take: 2").replace("'a'", "'x'")
    file.write_text(f"{text}\n{other}\n")
    refuse(scene, 2, "says two things of one row", "--decisions", file)


def test_another_choice_than_the_one_that_is_kept_needs_a_word(scene: Scene) -> None:
    file, other = draft(scene), draft(scene, "other.yaml")
    fill(file, "'a'", "1")
    assert decide(scene, "--decisions", file, "--by", "ann").code == 0
    fill(other, "'a'", "2")
    refuse(scene, 2, "new.notes 'a' is decided already: ", "--decisions", other)
    assert decide(scene, "--decisions", other, "--redecide", "--json").json["decided"] == 1
    assert "  take: 2\n" in (scene.target / KEPT).read_text()
    assert "  take: 1\n" not in (scene.target / KEPT).read_text()


def test_a_file_of_another_run_is_refused_and_both_are_named(scene: Scene, tmp_path: Path) -> None:
    other = build(tmp_path / "other")
    for source in ("live", "old", "third"):
        change(other.source / f"{source}.db", "UPDATE notes SET id = 'z' || id, text = 'z' || text")
    assert run(other.argv("run")).code == 4
    file = draft(other)
    fill(file, "'za'", "1")
    name = other.runs()[-1]
    refuse(scene, 2, f"fits nothing of run {scene.runs()[-1]}: it was made from run {name}", "--decisions", file)


@pytest.mark.parametrize(
    ("key", "take", "code", "said"),
    [
        ("'a'", "{id: 2}", 2, "new.notes 'a': id is part of the key or the id"),
        ("'ann'", "{ID: 2}", 2, "new.users 'ann': id is part of the key or the id"),
        ("'ann'", "{name: 2}", 2, "new.users 'ann': name is part of the key or the id"),
        ("'a'", "{txt: 2}", 2, "new.notes 'a': new.notes has no column txt"),
        ("'a'", "all", 2, "new.notes 'a': all rows cannot stay in new.notes: the plan keeps its ids"),
        ("'m'", "all", 2, "new.marks 'm': all rows cannot stay in new.marks: it may hold one row of each name only"),
        ("'a'", "4", 2, FORM[0]),
        ("'a'", "both", 2, FORM[1]),
    ],
)
def test_what_a_table_does_not_allow_is_refused(scene: Scene, key: str, take: str, code: int, said: str) -> None:
    file = draft(scene)
    fill(file, "'b'", "1")
    fill(file, key, take)
    refuse(scene, code, said, "--decisions", file)


def test_a_table_that_is_none_is_refused(scene: Scene) -> None:
    file = draft(scene)
    fill(file, "'a'", "1")
    file.write_text(file.read_text().replace('"new.notes"', '"new.nodes"'))
    refuse(scene, 2, "new.nodes is no table of run", "--decisions", file)
    for flags in (("--draft", file.with_name("x.yaml")), ("--take", "old")):
        refuse(scene, 2, "new.nodes is no table of run", "--table", "new.nodes", *flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "asks at a terminal, and there is none"),
        (("--take", "old"), "--take: needs --table"),
        (("--take", "old", "--draft", "x"), "--draft and --take: do not go together"),
        (("--table", "new.notes", "--decisions", "x"), "does not go with --decisions"),
        (("--table", "new.notes", "--take", "nobody"), "'nobody' is neither a rule nor a source of new.notes"),
        (("--table", "new.notes", "--take", "newest:no"), "new.notes has no column 'no'"),
        (("--table", "new.notes", "--take", "all"), "all rows cannot stay in new.notes"),
        (("--run", "nope", "--draft", "x"), "there is no run nope"),
        (("--apply",), "is live (staged)"),
    ],
    ids=str,
)
def test_flags_that_mean_nothing_are_refused(scene: Scene, flags: tuple[str, ...], said: str) -> None:
    refuse(scene, 2, said, *flags)


def test_a_file_that_is_no_draft_is_not_written_over(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "letters.txt"
    file.write_text("dear all")
    refuse(scene, 6, "is there already, and is no draft to go on with", "--draft", file)
    assert file.read_text() == "dear all"
    refuse(scene, 5, "there is no such file", "--decisions", tmp_path / "missing.yaml")
    refuse(scene, 5, "", "--draft", tmp_path / "no" / "folder.yaml")


@pytest.mark.parametrize(
    ("rule", "took", "left"),
    [
        ("shown", {"m": 1, "n": 1, "o": 1}, {}),
        ("last", {"m": 2, "n": 2, "o": 2}, {}),
        ("old", {"m": 2, "n": 2, "o": 2}, {}),
        ("newest:seen", {"m": 2, "n": 2}, {"no instant in seen": 1}),
        ("oldest:SEEN", {"m": 1, "n": 2}, {"no instant in SEEN": 1}),
    ],
)
def test_a_rule_decides_each_group_of_a_table(
    scene: Scene, rule: str, took: dict[str, int], left: dict[str, int]
) -> None:
    ended = decide(scene, "--table", "new.marks", "--take", rule, "--why", "because", "--json")
    assert (ended.code, ended.json["decided"], ended.json["left"]) == (0, len(took), left), ended.err
    kept = (scene.target / KEPT).read_text()
    for key, number in took.items():
        part = next(f"{part}\n" for part in kept.split("\n\n") if f"'{key}'" in part)
        assert f"  take: {number}\n" in part
        assert '  why: "because"\n' in part
    assert kept.count("take:") == len(took)


def test_a_rule_leaves_ties_and_groups_without_its_source_open(scene: Scene) -> None:
    tied = decide(scene, "--table", "new.notes", "--take", "newest:at", "--json").json
    assert (tied["decided"], tied["left"]) == (0, {"a tie in at": 2})
    third = decide(scene, "--table", "NEW.notes", "--take", "third", "--json").json
    assert (third["decided"], third["left"], third["open"]) == (1, {"no row of third among them": 1}, GROUPS - 1)
    assert "1 group: no row of third among them" in decide(scene, "--table", "new.notes", "--take", "third").out


def test_a_dry_run_keeps_nothing(scene: Scene) -> None:
    said = decide(scene, "--table", "new.notes", "--take", "old", "--dry-run")
    assert said.code == 0
    assert "would decide 2 groups" in said.out
    assert not (scene.target / KEPT).exists()


def test_rows_that_wait_for_other_reasons_are_counted(tmp_path: Path) -> None:
    scene = build(tmp_path, sql="INSERT INTO users VALUES (8, NULL, 'nobody', NULL)")
    schema = TABLES.replace("name TEXT, mail", "name TEXT NOT NULL, mail")
    (scene.system / "new.sql").write_text(schema)
    plan = scene.system / "plan.yaml"
    plan.write_text(plan.read_text().replace("{path: new.db}", "{path: new.db, schema: new.sql}"))
    assert run(scene.argv("run")).code == 4
    ended = decide(scene, "--table", "new.notes", "--take", "old", "--json")
    assert (ended.json["waiting"], ended.json["staged_again"]) == (1, 5)
    said = decide(scene, "--table", "new.notes", "--take", "old").out
    assert "1 row waits for other reasons, which no decision settles: consolidate.quarantine shows them" in said
    assert "5 rows will still wait then: it stays staged, unless you add --quarantine-budget 5" in said


def test_a_row_that_waits_itself_cannot_be_taken(scene: Scene) -> None:
    ledger = next((scene.home / "runs").glob("*/ledger/new.db"))
    change(ledger, 'UPDATE "undecided:notes" SET _waits = 1 WHERE _number = 2')
    file = draft(scene)
    assert "# row 2 waits for a row that it refers to: it cannot be taken" in file.read_text()
    fill(file, "'a'", "2")
    refuse(scene, 4, "new.notes 'a': row 2 (old.notes row 1) waits itself", "--decisions", file)
    fill(file, "'b'", "{text: 2}")
    file.write_text(file.read_text().replace("take: 2\n", "take:\n"))
    refuse(scene, 4, "new.notes 'b': row 2 (old.notes row 2) waits itself", "--decisions", file)
    assert decide(scene, "--table", "new.notes", "--take", "old", "--json").json["left"] == {"the row waits itself": 2}


def test_equal_rows_of_one_file_are_told_by_their_numbers(tmp_path: Path) -> None:
    scene = build(tmp_path, sql="INSERT INTO users VALUES (8, 'bob', 'bob@old', NULL)")
    change(scene.source / "old.db", "DROP TABLE users")
    change(scene.source / "old.db", "CREATE TABLE users (id INTEGER, name TEXT, mail TEXT, token TEXT)")
    change(scene.source / "old.db", "INSERT INTO users VALUES (7, 'ann', 'ann@old', NULL), (7, 'ann', 'ann@old', NULL)")
    assert run(scene.argv("run")).code == 4
    file = draft(scene)
    fill(file, "'ann'", "3")
    ended = decide(scene, "--decisions", file, "--json")
    assert (ended.code, ended.json["decided"]) == (0, 1), ended.err
    assert decide(scene, "--decisions", file, "--json").json["decided"] == 0
    assert run(scene.argv("run", "--quarantine-budget", "9")).code == 0
    assert read(scene, "SELECT mail FROM users") == [("ann@old",)]


def test_a_run_of_before_is_named(scene: Scene) -> None:
    ledger = next((scene.home / "runs").glob("*/ledger/new.db"))
    change(ledger, "DROP TABLE undecided")
    refuse(scene, 13, "was written before a run could be decided about", "--draft", scene.source / "d.yaml")


def test_a_published_run_is_changed_by_apply(tmp_path: Path) -> None:
    scene = build(tmp_path, "--quarantine-budget", "9")
    ended = decide(scene, "--table", "new.notes", "--take", "old")
    assert f"to change the live targets: ./inv consolidate.decide --target {scene.target} --apply" in ended.out
    assert read(scene, "SELECT text FROM notes WHERE id < 'c' ORDER BY id") == [("live a",), ("live b",)]
    applied = decide(scene, "--apply")
    assert applied.code == 0, applied.err
    assert read(scene, "SELECT text FROM notes WHERE id < 'c' ORDER BY id") == [("old a",), ("old b",)]
    at_once = decide(scene, "--table", "new.marks", "--take", "old", "--apply")
    assert at_once.code == 0, at_once.err
    assert read(scene, "SELECT seen FROM marks ORDER BY name") == [("2024-06-01",), ("2024-01-01",), ("2024-01-01",)]


def test_what_is_decided_and_live_is_not_decided_again(tmp_path: Path) -> None:
    scene = build(tmp_path, "--quarantine-budget", "9")
    file = draft(scene)
    fill(file, "'a'", "2")
    assert decide(scene, "--decisions", file, "--apply").code == 0
    file.write_text(file.read_text().replace("  take: 2\n", "  take: 3\n"))
    refuse(scene, 2, "took row 2 (old.notes row 1), and that is live", "--decisions", file, "--redecide")


def test_who_decides_is_the_one_who_is_named(scene: Scene) -> None:
    assert decide(scene, "--table", "new.notes", "--take", "old", "--by", "Ann \u2028 B").code == 0
    assert '  by: "Ann \\u2028 B"\n' in (scene.target / KEPT).read_text()


def test_a_kept_decision_that_fits_no_more_is_told_and_gives_way(scene: Scene) -> None:
    assert decide(scene, "--table", "new.notes", "--take", "old").code == 0
    (scene.target / KEPT).rename(scene.target / "aside.yaml")
    change(scene.source / "old.db", "UPDATE notes SET text = 'other' WHERE id = 'b'")
    assert run(scene.argv("run")).code == 4
    (scene.target / "aside.yaml").rename(scene.target / KEPT)
    said = decide(scene, "--draft", scene.target / "d.yaml")
    assert "1 kept decisions fit no group of this run" in said.out
    assert "new.notes 'b'" in said.out
    result = decide(scene, "--table", "new.notes", "--take", "old", "--json").json
    assert (result["decided"], result["known"], result["stale"]) == (1, 2, [])


def test_two_people_do_not_decide_at_once(scene: Scene) -> None:
    from strongroom.core.files import locked  # noqa: PLC0415  # to hold what another process would

    with locked(scene.home / "decisions.lock"):
        ended = decide(scene, "--table", "new.notes", "--take", "old")
    assert ended.code == 11
    assert "somebody decides here already" in ended.error
