"""What is locked is looked up whole, or is not called looked up."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from strongroom.core.errors import StrongroomError
from strongroom.tasks import _audit

ONE = {"name": "one", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-2026-1"}]}
SKIPPED = {"name": "other", "skip_reason": "not found"}


def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int = 0) -> None:
    """Let pip-audit say something, and end."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_all_that_was_looked_up_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(tmp_path, monkeypatch, json.dumps({"dependencies": [ONE, ONE]}))
    assert _audit.audit_lock(tmp_path / "lock", {"PATH": "/usr/bin:/bin"}) == 2


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (json.dumps({"dependencies": [ONE, SKIPPED]}), 5, "1 of 2 packages could not be looked up"),
        (json.dumps({"dependencies": []}), 5, "0 of 0 packages could not be looked up"),
        (json.dumps({"dependencies": [BAD, SKIPPED]}), 3, r"bad 2 \(CVE-2026-1\)"),
        ("", 5, "was not checked: it said nothing"),
        ("no json", 5, "was not checked"),
    ],
)
def test_what_was_not_looked_up_is_said_and_what_is_known_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int, said: str
) -> None:
    answer(tmp_path, monkeypatch, text)
    with pytest.raises(StrongroomError, match=said) as caught:
        _audit.audit_lock(tmp_path / "lock", {"PATH": "/usr/bin:/bin"})
    assert caught.value.exit_code == code
