"""The test of the canary test: a key that is planted anywhere, in whatever spelling, is found there."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.canary.house import KEYS, NEEDLES, WITH_CORES, WORDS, House, build_house
from tests.e2e.canary.needles import spell
from tests.e2e.canary.stopping import stop_at_the_hook, waiting

KEY = KEYS["vault"]
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build_house(tmp_path)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which nobody has done anything yet; who plants something there takes it away again."""
    return build_house(tmp_path_factory.mktemp("empty"))


FORMS = dict(spell(bytes.fromhex(KEY)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", range(3))
def test_every_spelling_is_found_wherever_it_stands(form: str, offset: int) -> None:
    assert NEEDLES.find(b"b" * offset + FORMS[form] + b"after") != []


@pytest.mark.parametrize("offset", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("text", [bytes.fromhex(KEY), KEY.encode(), KEY.upper().encode(), WORDS["token"].encode()])
def test_a_key_in_a_text_that_was_encoded_as_a_whole_is_found(
    offset: int, encode: Callable[[bytes], bytes], text: bytes
) -> None:
    assert NEEDLES.find(encode(bytes(offset) + text + b"\n and more")) != []
    assert NEEDLES.find(encode(bytes(offset) + text)) != []


def test_what_is_no_key_is_not_found(empty: House) -> None:
    said = empty.run(program=("-c", "print('words ' * 1000)"))
    assert (said.code, said.found, NEEDLES.find(os.urandom(1 << 20)), empty.find_written()) == (0, (), [], [])


SLOWLY = "import os, subprocess, sys, time; key = sys.stdin.read(); "
START = f"{SLOWLY}subprocess.run(['sleep', '0.3'], timeout=9, "
WRITE = "file = os.environ['TMPDIR'] + '/a'; open(file, 'w').write(key); time.sleep(0.3); os.unlink(file)"
SAID = {
    "stdout": (f"{SLOWLY}print(key)", "stdout: vault"),
    "stderr": (f"{SLOWLY}print(key, file=sys.stderr)", "stderr: vault"),
    "cmdline": (f"{SLOWLY}subprocess.run(['sh', '-c', 'sleep 0.3', key], timeout=9, env={{}})", "cmdline: vault"),
    "environment of a program": (f"{START}env={{'A': key}})", "environ of sleep 0.3: vault"),
    "environment handed on": (f"{START}check=True)", "environ of sleep 0.3: second base64"),
    "temporary file that is gone": (f"{SLOWLY}{WRITE}", "temporary file: vault"),
}


@pytest.mark.parametrize("place", SAID)
@pytest.mark.parametrize("form", ["hex", "HEX", "base64", "url-safe"])
def test_a_key_that_is_said_or_handed_on_is_found(empty: House, place: str, form: str) -> None:
    source, expected = SAID[place]
    ended = empty.run(program=("-c", source), said=FORMS[form])
    assert ended.code == 0, ended.err
    assert ended.found
    assert {one.startswith(expected) for one in ended.found} == {True}


def test_an_operator_s_own_variable_is_his_where_he_started_and_nowhere_else(empty: House) -> None:
    own = "import os, time; os.fork(); time.sleep(0.2)"
    assert empty.run(program=("-c", own)).found == ()
    moved = "import os, sys, time; os.environ['B'] = os.environ['SECOND_KEY']; os.execv('/bin/sleep', ['sleep', '0.3'])"
    assert empty.run(program=("-c", moved)).found


PLACES = (
    "summary.md",
    "log/keys.jsonl",
    "copies/shop.age",
    "target/.strongroom/runs/1/run.json",
    "target/.strongroom/runs/1/report.md",
    "target/backup/1/manifest.json",
    "target/main.db",
    "apps/.strongroom/rotations/1/rotation.json",
    "home/.local/state/strongroom/vault-keys.jsonl",
    "home/.sqlite_history",
    "temporary/a",
    "seen-by-the-hook",
    "core.4711",
    f"named-{KEY}",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_key_that_is_written_is_found(empty: House, place: str) -> None:
    file = empty.root / place
    file.parent.mkdir(parents=True, exist_ok=True)
    for form in FORMS.values():
        file.write_bytes(b"before" + form + b"after")
        assert {one.startswith(f"{file}: vault") for one in empty.find_written()} == {True}
    file.unlink()
    assert empty.find_written() == []


MAIN = "from strongroom.__main__ import main\nmain()\n"
HOOKS = """
from strongroom.core import programs, system
programs.without_keys = dict
system.System.without_secrets = lambda self, environment: environment
"""
TRACES = """
from strongroom.consolidate import publishing
from strongroom.core import scrubbing
from strongroom.report import log
log.scrub = str
publishing.run_hooks = lambda *_: int(next(iter(scrubbing._forms)))
"""
SILENCE = """
from strongroom.core.secret import Secret
from strongroom.keys.provided import ProvidedKeys
Secret.__repr__ = Secret.reveal
ProvidedKeys.__getitem__ = lambda self, name: print(self.fetch(name)) or self.fetch(name).secret
"""
CLOSING = """
from strongroom.keys import provided
provided.close_process = lambda: None
"""


@pytest.mark.parametrize(
    ("without", "place"),
    [
        (HOOKS, "environ of /bin/sh"),
        (HOOKS, "seen-by-the-hook: second base64"),
        (TRACES, "stderr: "),
        (SILENCE, "stdout: "),
    ],
    ids=["hooks", "what hooks write", "traces", "silence"],
)
def test_a_guard_of_ours_that_is_gone_is_missed(house: House, without: str, place: str) -> None:
    ended = house.run(*house.scene.argv()[1:], program=("-c", without + MAIN))
    assert [one for one in (*ended.found, *house.find_written()) if place in one], ended.err


def test_a_run_that_does_not_close_itself_leaves_a_core_with_its_keys(house: House) -> None:
    skip_where_cores_go_elsewhere()
    with waiting(house):
        meanwhile = stop_at_the_hook(house, signal.SIGABRT)
        ended = house.run(
            *house.scene.argv()[1:], program=("-c", CLOSING + MAIN), around=WITH_CORES, meanwhile=meanwhile
        )
    assert ended.code == -signal.SIGABRT
    found = {one.rpartition(": ")[2] for one in house.find_written() if one.startswith(f"{house.root}/core")}
    assert found >= {"first hex", "vault hex"}


def skip_where_cores_go_elsewhere() -> None:
    if set(CORE_PATTERN.read_text().strip()) & set("|/"):
        pytest.skip("this machine keeps cores elsewhere")


def test_a_core_with_a_key_is_found(house: House) -> None:
    """Of a program that holds one and does not close itself; where cores go elsewhere, none can be looked for."""
    skip_where_cores_go_elsewhere()
    source = "import os, sys; key = sys.stdin.buffer.read(); os.abort()"
    ended = house.run(program=("-c", source), said=bytes.fromhex(KEY), around=WITH_CORES)
    assert ended.code == -signal.SIGABRT
    assert [one for one in house.find_written() if one.startswith(f"{house.root}/core") and one.endswith("vault raw")]
