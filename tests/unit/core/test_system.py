"""system.yaml and the strict YAML beneath it: what is read, and how a mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from strongroom.core.config import read_settings
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError, PlanError, UsageError
from strongroom.core.system import System, find_system, read_system
from strongroom.core.yaml_text import load_yaml, read_model, render_schema

SCHEMA = Path(__file__).parents[3] / "sql" / "system.schema.json"
WHOLE = """\
version: 1
name: shop
title: A shop
data_dir: {variables: [SHOP_DATA, SHOP_DIR], default: .shop}
mode: {variable: SHOP_MODE, default: legacy, values: [legacy, consolidated]}
databases:
  ORDERS: {legacy: orders.db, consolidated: core.db, variable: SHOP_DB_ORDERS}
retention_days: 14
hooks: {before_publish: [[systemctl, stop, shop]], after_publish: [[systemctl, start, shop]]}
"""
ACCEPTED = (
    "system.yaml:8: hue: unknown key, "
    "accepted are audit_log, backup, columns, data_dir, databases, hooks, keys, mode, name, postgres, retention_days, "
    "title, version"
)
OUTSIDE = 'system.yaml:7: databases.ORDERS.legacy: must be a file name inside the data directory (got "../orders.db")'
PATTERN = "system.yaml:7: databases.ORDERS.variable: must match pattern '^[A-Za-z_][A-Za-z0-9_]*$' (got \"SHOP-DB\")"


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "system.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def complaint(folder: Path, text: str | bytes) -> str:
    """What reading says, without the folder."""
    write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        read_system(folder)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{folder}/")


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    system = read_system(tmp_path)
    assert system.data_dir is not None
    assert system.data_dir.variables == ("SHOP_DATA", "SHOP_DIR")
    assert system.databases["ORDERS"].file_in("consolidated") == "core.db"
    assert system.retention_days == 14
    assert system.hooks.before_publish == (("systemctl", "stop", "shop"),)


VAULT = "provider: vault, address: 'https://v', path: a/b, encoding: hex"
TOKEN = "auth: {method: token, token: {file: /run/token}}"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{}", "keys.k: provider is missing"),
        ("{provider: gcp}", "keys.k: provider must be one of environment, file, vault, aws"),
        ("{provider: environment, variable: A}", "keys.k.encoding: is missing"),
        (
            "{provider: environment, variable: A, encoding: raw}",
            "keys.k.encoding: must be one of hex, base64 or passphrase",
        ),
        ("{provider: environment, variable: A-B, encoding: hex}", "keys.k.variable: must match pattern"),
        (
            "{provider: environment, variable: A, encoding: hex, value: b}",
            "keys.k.value: unknown key, did you mean variable?",
        ),
        (
            "{provider: environment, variable: A, encoding: hex, mount: b}",
            "accepted are encoding, previous, provider, variable",
        ),
        ("{provider: file, encoding: hex}", "keys.k: needs one of path and variable"),
        ("{provider: file, path: /a, variable: A, encoding: hex}", "keys.k: needs one of path and variable"),
        ("{provider: file, path: a, encoding: hex}", "keys.k.path: must be an absolute path"),
        (f"{{{VAULT}}}", "keys.k.auth: is missing"),
        (f"{{{VAULT}, {TOKEN}, address_variable: A}}", "keys.k: needs one of address and address_variable"),
        (f"{{{VAULT}, auth: {{method: ldap}}}}", "keys.k.auth: method must be one of token, approle, kubernetes"),
        (f"{{{VAULT}, auth: {{method: token}}}}", "keys.k.auth.token: is missing"),
        (f"{{{VAULT}, auth: {{method: token, token: {{}}}}}}", "keys.k.auth.token: needs one of file and variable"),
        (f"{{{VAULT.replace('a/b', '/a/')}, {TOKEN}}}", "keys.k.path: must be names with / between them"),
        (f"{{{VAULT.replace('https', 'http')}, {TOKEN}}}", "keys.k.address: must begin with https://"),
        (f"{{{VAULT.replace('//v', '//u:p@v')}, {TOKEN}}}", "keys.k.address: must be an address alone"),
        (f"{{{VAULT.replace('https://v', 'v:8200')}, {TOKEN}}}", "keys.k.address: must be an address such as"),
        ("{provider: aws, encoding: hex}", "keys.k.secret: is missing"),
        ("{provider: aws, secret: a, field: b, encoding: raw}", "keys.k: a field holds text"),
        (
            "{provider: environment, variable: A, previous: [B], encoding: passphrase}",
            "keys.k: a passphrase has no previous: ones",
        ),
        ("canary-7f3a", "keys.k: must be a mapping"),
        ("{provider: environment, variable: canary 7f3a, encoding: hex}", "keys.k.variable: must match pattern"),
        ("{provider: canary-7f3a, variable: A, encoding: hex}", "keys.k: provider must be one of"),
    ],
)
def test_a_mistake_about_a_key_is_one_line_that_shows_no_value(tmp_path: Path, entry: str, expected: str) -> None:
    said = complaint(tmp_path, f"{WHOLE}keys:\n  k: {entry}\n")
    assert said.startswith(("system.yaml:11: ", "system.yaml:12: "))
    assert expected in said
    assert "got" not in said
    assert "canary" not in said


def test_keys_are_read_by_their_providers(tmp_path: Path) -> None:
    keys = f"keys:\n  a: {{provider: aws, secret: s, encoding: base64}}\n  v: {{{VAULT}, {TOKEN}}}\n"
    write(tmp_path, WHOLE + keys)
    system = read_system(tmp_path)
    assert {name: entry.provider for name, entry in system.keys.items()} == {"a": "aws", "v": "vault"}


def test_programs_do_not_see_the_variables_that_hold_what_is_secret(tmp_path: Path) -> None:
    role = "auth: {method: approle, role_id: {variable: ROLE}, secret_id: {variable: SECRET_ID}}"
    token = "auth: {method: token, token: {variable: TOKEN}}"
    write(
        tmp_path,
        f"{WHOLE}keys:\n  e: {{provider: environment, variable: A, previous: [B, C], encoding: hex}}\n"
        f"  f: {{provider: file, variable: A_FILE, encoding: hex}}\n"
        f"  r: {{{VAULT}, {role}}}\n  t: {{{VAULT}, {token}}}\n",
    )
    secret = dict.fromkeys(("A", "B", "C", "ROLE", "SECRET_ID", "TOKEN"), "canary")
    plain = {"A_FILE": "/run/a", "PATH": "/bin"}
    assert read_system(tmp_path).without_secrets({**secret, **plain}) == plain


def test_only_version_name_and_title_are_needed(tmp_path: Path) -> None:
    write(tmp_path, "version: 1\nname: shop\ntitle: A shop\n")
    system = read_system(tmp_path)
    assert (system.mode, system.data_dir, dict(system.databases)) == (None, None, {})
    assert system.retention_days == 30


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: A shop\n", "", "system.yaml:1: title: is missing"),
        ("version: 1", "version: 2", "system.yaml:1: version: must be 1 (got 2)"),
        ("name: shop", "name: [shop]", "system.yaml:2: name: must be text"),
        ("name: shop", "name: 7", "system.yaml:2: name: must be text (got 7)"),
        (
            "retention_days:",
            "retention_day:",
            "system.yaml:8: retention_day: unknown key, did you mean retention_days?",
        ),
        ("retention_days:", "hue:", ACCEPTED),
        (
            "retention_days: 14",
            "retention_days: soon",
            'system.yaml:8: retention_days: must be a whole number (got "soon")',
        ),
        (
            "retention_days: 14",
            "retention_days: true",
            "system.yaml:8: retention_days: must be a whole number (got true)",
        ),
        (
            "retention_days: 14",
            "retention_days: -1",
            "system.yaml:8: retention_days: must be greater than or equal to 0 (got -1)",
        ),
        ("legacy: orders.db", "legacy: ../orders.db", OUTSIDE),
        (
            "consolidated: core.db",
            "consoldated: core.db",
            "system.yaml:7: databases.ORDERS.consoldated: unknown key, did you mean consolidated?",
        ),
        (
            "default: legacy, values: [legacy, consolidated]",
            "default: legacy, values: [consolidated]",
            "system.yaml:5: mode: default legacy is none of its values",
        ),
        (
            "default: legacy,",
            "default: legcy,",
            'system.yaml:5: mode.default: must be one of legacy or consolidated (got "legcy")',
        ),
        (
            "[[systemctl, stop, shop]]",
            "[systemctl, stop]",
            'system.yaml:9: hooks.before_publish[0]: must be a list (got "systemctl")',
        ),
        (
            "[[systemctl, stop, shop]]",
            "[[]]",
            "system.yaml:9: hooks.before_publish[0]: must have at least 1 item after validation, not 0",
        ),
        ("SHOP_DB_ORDERS", "SHOP-DB", PATTERN),
    ],
)
def test_a_mistake_is_one_line_with_place_key_and_value(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in WHOLE
    assert complaint(tmp_path, WHOLE.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: {c: 1,\n  c: 2}\n", "system.yaml:3:3: b.c: duplicate key (first on line 2)"),
        ("a: &x 1\nb: *x\n", "system.yaml:1:4: anchors and aliases are not used here, write the value out"),
        ("b: *x\n", "system.yaml:1:4: anchors and aliases are not used here, write the value out"),
        ("a:\n  <<: {b: 1}\n", "system.yaml:2:3: merge keys are not used here, write the values out"),
        (
            "a: !!python/name:os.system x\n",
            "system.yaml:1:4: tags are not used here (got !!python/name:os.system)",
        ),
        ("a: !secret x\n", "system.yaml:1:4: tags are not used here (got !secret)"),
        ("a: !!binary x\n", "system.yaml:1:4: tags are not used here (got !!binary)"),
        ("a: !!int x\n", "system.yaml:1:4: is no int (got x)"),
        ("a:\n\tb: 1\n", "system.yaml:2:1: a tab is not allowed here, indent with spaces"),
        ("- a\n", "system.yaml:1:1: the file must be a mapping of keys (got a sequence)"),
        ("", "system.yaml:1:1: the file must be a mapping of keys (got nothing)"),
        ("text\n", "system.yaml:1:1: the file must be a mapping of keys (got a scalar)"),
        ("1: a\n", "system.yaml:1:1: a key must be text, put it in quotes (got 1)"),
        ("? [a]\n: b\n", "system.yaml:1:3: a key must be text, put it in quotes (got a sequence)"),
        ("a: [1\nb: 2\n", "system.yaml:2:2: expected ',' or ']', but got ':'"),
        ("a: 1\n---\nb: 2\n", "system.yaml:2:1: but found another document"),
        (b"a: 1\nb: \xff\n", "system.yaml:2:4: is not UTF-8 (got byte 0xff)"),
        (b"a: 1\nb: x\x00y\n", "system.yaml:2:5: a control character is not allowed (got 0x00)"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "system.yaml:1:43: nested deeper than 40 levels"),
    ],
)
def test_what_is_no_strict_yaml_is_refused_with_its_place(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert complaint(tmp_path, text) == expected


def test_a_missing_file_and_a_folder_in_its_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"system\.yaml: there is no such file"):
        read_system(tmp_path)
    (tmp_path / "system.yaml").mkdir()
    with pytest.raises(ConfigurationError, match=r"system\.yaml: cannot be read \(Is a directory\)"):
        read_system(tmp_path)


def test_nothing_is_guessed_about_plain_values(tmp_path: Path) -> None:
    text = "a: [no, on, y, 1:30, 2024-01-02, 0755, 0x1f, 1_000, .inf, ~, null, true, -7, 1.5, 1e3, '1']\n"
    data, _ = load_yaml(write(tmp_path, text))
    assert data["a"] == [
        "no",
        "on",
        "y",
        "1:30",
        "2024-01-02",
        "0755",
        "0x1f",
        "1_000",
        ".inf",
        None,
        None,
        True,
        -7,
        1.5,
        1000.0,
        "1",
    ]


def test_positions_point_at_keys_and_items(tmp_path: Path) -> None:
    file = write(tmp_path, "# words\ntables:\n  - into: a\n    key: [id,\n      name]\n  - {into: b}\n")
    data, positions = load_yaml(file, PlanError)
    assert data == {"tables": [{"into": "a", "key": ["id", "name"]}, {"into": "b"}]}
    assert positions["tables",] == (2, 1)
    assert positions["tables", 0, "key"] == (4, 5)
    assert positions["tables", 0, "key", 1] == (5, 7)
    assert positions["tables", 1] == (6, 5)
    assert positions[()] == (1, 1)


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")
    table: str
    columns: dict[str, str] = {}


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    from_: list[str | Input] = Field(default=[], alias="from")
    limits: dict[str, int | None] = {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from: [a, {tabel: b}]", "from[1].tabel: unknown key, did you mean table?"),
        ("from: [a, {columns: {}}]", "from[1].table: is missing"),
        ("from: [a, {table: 1}]", "from[1].table: must be text (got 1)"),
        ("from: [a, 7]", "from[1]: must be text or a mapping (got 7)"),
        ("from: a", 'from: must be a list (got "a")'),
        ("from: []\nform: 1", "form: unknown key, did you mean from?"),
        ("limits: {a.b c: x}", 'limits["a.b c"]: must be a whole number (got "x")'),
        ("limits: {a: " + "x" * 200 + "}", 'limits.a: must be a whole number (got "' + "x" * 78 + "…)"),
    ],
)
def test_errors_of_unions_and_aliases_name_what_was_entered(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_model(write(tmp_path, text), Plan, PlanError)
    assert caught.value.fact == expected


def test_a_system_is_found_by_name_or_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    for folder in (root / "sql" / "shop", root / "sql" / "bank", elsewhere / "shop", elsewhere / "cafe"):
        folder.mkdir(parents=True)
        write(folder, WHOLE)
    monkeypatch.chdir(elsewhere)
    assert find_system("shop", root) == root / "sql" / "shop"
    assert find_system("./shop", root) == elsewhere / "shop"
    assert find_system("cafe", root) == elsewhere / "cafe"
    assert find_system(str(elsewhere / "cafe"), root) == elsewhere / "cafe"


@pytest.mark.parametrize("name", ["nothing", "", ".", ".."])
def test_an_unknown_system_lists_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for known in ("shop", "bank"):
        (tmp_path / "sql" / known).mkdir(parents=True)
        write(tmp_path / "sql" / known, WHOLE)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(UsageError) as caught:
        find_system(name, tmp_path)
    assert caught.value.exit_code == 2
    if name in ("nothing", ""):
        assert "known: bank, shop" in str(caught.value)


def test_a_path_without_system_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no system\.yaml in it"):
        find_system(f"{tmp_path}/", tmp_path)


def test_the_committed_schema_is_current(request: pytest.FixtureRequest) -> None:
    """Write it anew with --update-golden."""
    if request.config.getoption("--update-golden", default=False):
        SCHEMA.write_text(render_schema(System), encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == render_schema(System)


def test_every_system_of_the_repository_is_valid() -> None:
    for file in SCHEMA.parent.glob("*/system.yaml"):
        assert read_system(file.parent).name == file.parent.name


def test_settings_keep_secrets_out_of_sight() -> None:
    settings = read_settings({"SHOP_KEY": "canary", "SHOP_DATA": ""})
    assert "canary" not in repr(settings)
    assert settings.variable("SHOP_KEY") == "canary"
    assert settings.variable("SHOP_DATA") is None
    assert (settings.root / "sql" / "aragora" / "system.yaml").is_file()


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_jobs_is_refused(jobs: str) -> None:
    assert read_settings({"STRONGROOM_JOBS": "3"}).jobs == 3
    with pytest.raises(ConfigurationError, match="STRONGROOM_JOBS: must be a whole number from 1"):
        read_settings({"STRONGROOM_JOBS": jobs})


def test_the_sqlite_library_is_chosen_by_name() -> None:
    assert [read_settings({"STRONGROOM_SQLITE": name}).sqlite for name in ("", "system", "bundled")] == [
        Engine.SYSTEM,
        Engine.SYSTEM,
        Engine.BUNDLED,
    ]
    with pytest.raises(ConfigurationError, match=r"STRONGROOM_SQLITE: must be system or bundled \(got 'BUNDLED'\)"):
        read_settings({"STRONGROOM_SQLITE": "BUNDLED"})
