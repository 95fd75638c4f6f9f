"""The package's names: all there, and none costs a command that does not use it."""

from __future__ import annotations

import sys

import pytest

from strongroom import report
from strongroom.core.programs import run_program


@pytest.mark.parametrize("name", sorted(report.__all__))
def test_every_name_is_found_in_its_module(name: str) -> None:
    assert getattr(report, name) is not None


def test_a_command_imports_only_the_reports_that_it_makes() -> None:
    asked = (
        "import sys, strongroom.report; strongroom.report.say_error; "
        "print(*sorted(name for name in sys.modules if name.startswith('strongroom.report.')))"
    )
    done = run_program(
        [sys.executable, "-c", asked], environment={"PYTHONPATH": ":".join(filter(None, sys.path))}, timeout=60
    )
    found = done.stdout.decode().split()
    assert "strongroom.report.log" in found
    assert "strongroom.report.backups" not in found
