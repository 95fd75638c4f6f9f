"""The tasks of sqlcipher.*, as they are typed: what they say, print as JSON and end with; and never a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from invoke.collection import Collection

from strongroom.tasks import sqlcipher
from strongroom.tasks._program import OpsProgram
from tests.e2e.vault import KEYS, can_open, give_keys, open_vault
from tests.unit.rotate.test_verifying import interrupt
from tests.unit.rotate.vaults import make, read

Said = tuple[int, str, str]


class Line:
    """Runs command lines of the tasks in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.said = ""

    def __call__(self, task: str, *words: object) -> Said:
        code = OpsProgram(Collection(sqlcipher.namespace)).main(["inv", f"sqlcipher.{task}", *map(str, words)])
        out, err = self._capsys.readouterr()
        self.said += out + err
        return code, out, err


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    give_keys(monkeypatch)
    made = Line(capsys)
    yield made
    assert not [name for name, key in KEYS.items() if key in made.said.lower()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make(tmp_path / "app.db", wal=True)


def test_a_database_goes_through_all_of_it(line: Line, file: Path) -> None:
    content = read(file, None)
    code, out, _ = line("encrypt", "--database", file, "--key", "vault")
    assert code == 0
    assert f"encrypted {file} (under key vault, 0.2 MB, 8 tables with 414 rows the same)" in out
    assert "--remove-plain" in out
    assert "old backups" in out
    assert "an SSD" in out
    code, out, _ = line("encrypt", "--database", file, "--key", "vault", "--remove-plain")
    assert (code, out.startswith("removed "), "an SSD" in out) == (0, True, True)
    code, out, _ = line("rekey", "--database", file, "--key", "vault", "--new-key", "second")
    assert (code, f"rekeyed {file} (under key second, 0.2 MB)" in out) == (0, True)
    code, out, _ = line("verify", "--database", file)
    assert (code, f"sound {file} is opened by key second" in out) == (0, True)
    code, out, _ = line("decrypt", "--database", file, "--key", "second", "--reason", "moved")
    assert (code, f"decrypted {file} (plain, 0.2 MB, 8 tables with 414 rows the same)" in out) == (0, True)
    words = ("decrypt", "--database", file, "--key", "second", "--reason", "moved", "--remove-encrypted")
    code, out, _ = line(*words)
    assert (code, out.startswith("removed "), "an SSD" in out) == (0, True, False)
    assert read(file, None) == content


def test_each_says_it_as_json_too(line: Line, file: Path) -> None:
    def ask(task: str, *words: object) -> dict[str, object]:
        code, out, _ = line(task, "--database", file, *words, "--json")
        assert code == 0
        found: dict[str, object] = json.loads(out)
        return found

    said = ask("encrypt", "--key", "vault")
    assert (said["work"], said["key_before"], said["key_after"], said["rows"]) == ("encrypt", None, "vault", 414)
    assert ask("encrypt", "--key", "vault")["nothing_done"] is True
    assert ask("encrypt", "--key", "vault", "--remove-plain", "--dry-run")["dry_run"] is True
    assert ask("rekey", "--key", "vault", "--new-key", "first")["key_after"] == "first"
    assert ask("verify", "--key", "first")["exit"] == 0
    assert ask("decrypt", "--key", "first", "--reason", "r", "--dry-run")["dry_run"] is True


@pytest.mark.parametrize(
    ("task", "words", "said"),
    [
        ("encrypt", ["--key", "vault"], "would encrypt"),
        ("encrypt", ["--key", "vault", "--remove-plain"], "would remove nothing"),
        ("rekey", ["--key", "vault", "--new-key", "first"], "would rekey"),
        ("decrypt", ["--key", "vault", "--reason", "r"], "would decrypt"),
    ],
)
def test_a_dry_run_says_what_would_be(line: Line, tmp_path: Path, task: str, words: list[str], said: str) -> None:
    file = make(tmp_path / "app.db", None if task == "encrypt" and len(words) == 2 else "vault")
    before = file.read_bytes()
    code, out, _ = line(task, "--database", file, *words, "--dry-run")
    assert (code, said in out) == (0, True), out
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["app.db"]


@pytest.mark.parametrize(
    ("task", "words", "code", "said"),
    [
        ("encrypt", [], 2, "needs --key"),
        ("rekey", ["--key", "vault"], 2, "needs --new-key"),
        ("rekey", ["--key", "vault", "--new-key", "vault"], 2, "must name another key"),
        ("decrypt", ["--key", "vault"], 2, "needs --reason"),
        ("decrypt", ["--key", "vault", "--reason", " "], 2, "must say why"),
        ("encrypt", ["--key", "nobody"], 12, "key nobody: is not at hand"),
        ("encrypt", ["--key", "vault", "--system", "nothing"], 2, "nothing"),
        ("verify", ["--key", "first"], 12, "is not opened by key first"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_hint(
    line: Line, tmp_path: Path, task: str, words: list[str], code: int, said: str
) -> None:
    file = make(tmp_path / "app.db", "vault")
    before = file.read_bytes()
    ended, _, err = line(task, "--database", file, *words)
    errors = [text for text in err.splitlines() if text.startswith("error: ")]
    assert (ended, len(errors), said in errors[0]) == (code, 1, True), err
    assert " hint: " in err
    assert file.read_bytes() == before


def test_damage_and_what_was_interrupted_have_their_exit_codes(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / "app.db", "vault")
    interrupt(file, "rekeyed", monkeypatch)
    code, out, _ = line("verify", "--database", file)
    assert (code, "--key vault --new-key second finishes it" in out) == (7, True)
    assert line("rekey", "--database", file, "--key", "vault", "--new-key", "second")[0] == 0
    content = bytearray(file.read_bytes())
    content[4096 * 9] ^= 1
    file.write_bytes(content)
    code, out, _ = line("verify", "--database", file)
    assert (code, "wrong" in out, "damaged" in out) == (6, True, True)


def test_what_the_application_wrote_meanwhile_is_named_before_the_plain_file_goes(line: Line, file: Path) -> None:
    assert line("encrypt", "--database", file, "--key", "vault")[0] == 0
    with closing(open_vault(file, KEYS["vault"])) as connection, connection:
        connection.execute("INSERT INTO tags VALUES ('later', 1)")
    code, _, err = line("encrypt", "--database", file, "--key", "vault", "--remove-plain")
    assert (code, "table tags" in err, "--accept-changes" in err) == (6, True, True)
    words = ("encrypt", "--database", file, "--key", "vault", "--remove-plain", "--accept-changes")
    assert line(*words)[0] == 0
    assert can_open(file, KEYS["vault"])
