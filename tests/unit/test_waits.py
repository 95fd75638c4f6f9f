"""Nothing here waits without an end: not the tool, and no test for a process that hangs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# What waits as long as it takes all the same, and why it ends.
ALLOWED = {
    "scripts/strongroom/core/pool.py: self._waiting.get()": "a daemon thread, told by a None when it is over",
    "scripts/strongroom/core/pool.py: self.pipe.recv_bytes()": "ends with the worker: nobody else has its end",
    "scripts/strongroom/core/pool.py: pipe.recv_bytes()": "ends with the parent, who is watched besides",
    "tests/e2e/backup_faults/shop.py: os.waitpid(pid, 0)": "the child ends itself by an alarm",
    "tests/e2e/test_key_rotation.py: os.waitpid(child, 0)": "the child ends itself by an alarm",
    "tests/faults/trees.py: os.waitpid(child, 0)": "the child ends itself by an alarm",
    "tests/faults/restores.py: os.waitpid(pid, 0)": "whoever waits for the answer kills what does not end",
    "tests/quick_inv.py: os.waitpid(child, 0)": "whoever asked has a time limit, and kills what does not end",
    "tests/faults/driver.py: os.waitpid(pid, 0)": "whoever waits for the answer kills what does not end",
    "tests/mutants/run.py: os.waitpid(self._pid, 0)": "its answer has ended, or it was killed",
    "tests/mutants/steps.py: os.waitpid(pid, 0)": "whoever waits for the answer kills what does not end",
}
ELSEWHERE = ("tests/bench/",)
"""A measurement takes as long as it takes, and somebody looks on."""

ENDING = {"run", "call", "check_call", "check_output"}
FOR_EVER = {"getoutput", "getstatusoutput", "system", "popen", "wait3"}
WITHOUT_AN_ARGUMENT = {"wait", "join", "acquire", "get", "recv", "recv_bytes"}


def find_waits(source: str) -> Iterator[str]:
    """Yield every expression that may wait for ever."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and waits(node, node.func):
            yield ast.unparse(node)
        if isinstance(node, ast.With):  # leaving it waits for the process
            yield from (f"with {text}" for item in node.items if "subprocess.Popen(" in (text := ast.unparse(item)))


def waits(call: ast.Call, function: ast.Attribute) -> bool:
    owner, name, text = ast.unparse(function.value), function.attr, ast.unparse(call)
    is_limited = any(keyword.arg == "timeout" for keyword in call.keywords)
    is_bare = not call.args and not call.keywords
    return any(
        (
            owner == "subprocess" and name in ENDING and not is_limited,
            owner in {"os", "subprocess"} and name in FOR_EVER,
            owner == "os" and name in {"waitpid", "wait4"} and "WNOHANG" not in text,
            name in {"flock", "lockf"} and "LOCK_NB" not in text and "LOCK_UN" not in text,
            name == "communicate" and not is_limited and len(call.args) < 2,
            name == "readline" and is_bare and owner.endswith(".stdout"),
            name in WITHOUT_AN_ARGUMENT and is_bare,
        )
    )


def find_all(repository: Path) -> list[str]:
    return [
        f"{name}: {wait}"
        for folder in ("scripts", "tests")
        for file in sorted((repository / folder).rglob("*.py"))
        if not (name := file.relative_to(repository).as_posix()).startswith(ELSEWHERE)
        for wait in find_waits(file.read_text("utf-8"))
    ]


def test_nothing_waits_without_an_end(repository: Path) -> None:
    assert [wait for wait in find_all(repository) if wait not in ALLOWED] == []


def test_what_may_wait_is_there(repository: Path) -> None:
    assert set(find_all(repository)) >= ALLOWED.keys()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("subprocess.run(['true'], check=True)", True),
        ("subprocess.run(['true'], check=True, timeout=5)", False),
        ("subprocess.check_output(['true'])", True),
        ("with subprocess.Popen(['true']) as process: pass", True),
        ("process = subprocess.Popen(['true'])", False),
        ("process.communicate()", True),
        ("process.communicate(b'')", True),
        ("process.communicate(b'', 5)", False),
        ("process.communicate(timeout=5)", False),
        ("process.wait()", True),
        ("process.wait(5)", False),
        ("process.stdout.readline()", True),
        ("stream.readline()", False),
        ("thread.join()", True),
        ("', '.join(words)", False),
        ("os.waitpid(pid, 0)", True),
        ("os.waitpid(pid, os.WNOHANG)", False),
        ("os.system('true')", True),
        ("queue.get()", True),
        ("found.get('name')", False),
        ("lock.acquire()", True),
        ("pipe.recv()", True),
        ("fcntl.flock(file, fcntl.LOCK_EX)", True),
        ("fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", False),
    ],
)
def test_a_wait_without_an_end_is_found(source: str, found: bool) -> None:
    assert bool(list(find_waits(source))) == found
