"""A process that holds keys is closed to others, and still sees who holds a file open: real processes, as no root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Child, open_child

# Everything is imported before root is given up: nobody else may enter our folders. Giving it up closes a process too.
AS_NOBODY = """
import ctypes, json, os, resource, sys
from pathlib import Path
from strongroom.keys.hygiene import close_process
from strongroom.keys.secret_files import _read_mounts
from strongroom.sqlite.openers import survey_openers
libc = ctypes.CDLL(None)
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
libc.prctl(4, 1, 0, 0, 0)
"""
HOLD = "file = open(sys.argv[1], 'rb+'); print('ready', flush=True); sys.stdin.read()"
LOOK = """
found = survey_openers([Path(sys.argv[1])])
print(json.dumps({"pids": [one.pid for one in found.openers], "writable": [one.writable for one in found.openers],
                  "blind": found.blind}))
"""


@pytest.fixture
def file() -> Iterator[Path]:
    """A file that everybody may open, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "a.db"
        path.write_bytes(b"content")
        path.chmod(0o666)
        yield path


@contextmanager
def holding(file: Path, *, closed: bool) -> Iterator[Child]:
    close = "close_process()\n" if closed else ""
    with open_child([sys.executable, "-c", AS_NOBODY + close + HOLD, str(file)]) as child:
        assert child.read_line() == "ready"
        yield child


def run(program: str, *words: str) -> Any:
    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY + program, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_it_leaves_no_core_and_nobody_looks_into_it_or_what_it_forks() -> None:
    look = "[libc.prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE), os.stat('/proc/self/mem').st_uid]"
    program = f"""
before = {look}
close_process()
after = {look}
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, json.dumps({look}).encode())
    os._exit(0)
print(json.dumps([before, after, json.loads(os.read(read, 1000))]))
"""
    before, after, forked = run(program)
    assert before[0] == 1
    assert after == forked == [0, 0, 0, 0]


def test_it_still_reads_what_is_its_own() -> None:
    program = """
close_process()
copy = os.memfd_create("pgpass")
os.fchmod(copy, 0o600)
os.write(copy, b"words")
seen = len(os.listdir("/proc/self/fd")) > 2
print(json.dumps([open(f"/proc/self/fd/{copy}").read(), "/proc" in _read_mounts(), seen]))
"""
    assert run(program) == ["words", True, True]


def test_it_sees_who_holds_a_file_open(file: Path) -> None:
    with holding(file, closed=False) as child:
        found = run("close_process()" + LOOK, str(file))
        assert (found["pids"], found["writable"]) == ([child.pid], [True])


def test_one_that_is_closed_itself_is_counted_as_one_that_cannot_be_looked_into(file: Path) -> None:
    look = LOOK.replace("[Path(sys.argv[1])]", "[Path(sys.argv[1])], proc=Path(sys.argv[2])")
    for closed, expected in ((False, 0), (True, 1)):
        with holding(file, closed=closed) as child:
            proc = file.parent / f"proc-{child.pid}"  # with this process alone in it: others come and go
            proc.mkdir()
            (proc / str(child.pid)).symlink_to(f"/proc/{child.pid}")
            found = run("close_process()" + look, str(file), str(proc))
            assert (len(found["pids"]), found["blind"]) == (1 - expected, expected)


def test_the_program_is_closed_from_the_first_key_on(tmp_path: Path) -> None:
    entry = "{provider: environment, variable: SHOP_KEY, encoding: hex}"
    text = f"version: 1\nname: shop\ntitle: A shop\naudit_log: {tmp_path / 'log'}\nkeys: {{vault: {entry}}}\n"
    (tmp_path / "system.yaml").write_text(text)
    program = f"""
import ctypes, resource
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace
is_open = lambda: [ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0] == 0]
resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1]))
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print(is_open())
OpsProgram(namespace).main(["inv", "keys.{{}}", "--system", {str(tmp_path)!r}])
print(is_open())
"""
    for task in ("show", "check"):
        words = [sys.executable, "-c", program.replace("{}", task)]
        environment = {**os.environ, "SHOP_KEY": "ab" * 32}
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True, env=environment)
        first, *_, last = ended.stdout.splitlines()
        assert (first, last) == ("[1, False]", "[0, True]")
