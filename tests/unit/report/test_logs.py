"""What containers said reaches a terminal as text, and as nothing that it obeys."""

from __future__ import annotations

import json

import pytest

from strongroom.report import show_logs


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("db-1 | plain  text", "db-1 | plain  text"),
        ("\x1b[31mred\x1b[0m and \x1b[2Kerased", "red and erased"),
        ("\x1b]52;c;QUJD\x07clipboard", "clipboard"),
        ("\x1b]0;title\x1b\\window", "window"),
        ("eight bits: \x9b2J", r"eight bits: \x9b2J"),
        ("from the right: \u202egnp.exe", r"from the right: \u202egnp.exe"),
        ("half an escape: \x1b", r"half an escape: \x1b"),
        ("bell \x07, back \x08", r"bell \x07, back \x08"),
    ],
)
def test_no_terminal_obeys_a_log(capsys: pytest.CaptureFixture[str], said: str, shown: str) -> None:
    show_logs(said, as_json=False)
    assert capsys.readouterr().out == f"{shown}\n"
    show_logs(said, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"lines": [shown]}
