"""A command line imports the tasks that it names, and the list none; both know all that there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from strongroom.tasks._listing import list_first_lines
from strongroom.tasks._outline import read_outline
from strongroom.tasks.namespace import MODULES, find_named, gather

LOOK = """
import sys
from strongroom.tasks.namespace import find_named, gather
gather(find_named(sys.argv[1:]))
print(*sorted(name for name in sys.modules if name.startswith("strongroom.tasks.") and "._" not in name))
"""


def test_the_outline_is_what_the_tasks_say() -> None:
    assert list(read_outline().items()) == list(list_first_lines(gather()).items())


@pytest.mark.parametrize(
    ("words", "modules"),
    [
        (["consolidate.run", "--json"], ("consolidate",)),
        (["--debug", "backup.create", "keys.show"], ("backup", "keys")),
        (["--help", "why"], ("why",)),
        (["--list"], ()),
        (["consolidat.run"], ()),
        ([], ()),
        (["--list", "--json"], MODULES),
        (["--complete"], MODULES),
    ],
)
def test_a_line_names_the_modules_it_needs(words: list[str], modules: tuple[str, ...]) -> None:
    assert find_named(words) == modules


def test_nothing_else_is_imported() -> None:
    command = [sys.executable, "-P", "-c", LOOK, "guard.check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == ["strongroom.tasks.guard", "strongroom.tasks.namespace"]
