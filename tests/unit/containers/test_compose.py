"""What Compose says, read in the forms in which its versions say it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from strongroom.containers.compose import Compose
from strongroom.core.errors import UnreachableError

LISTED = [
    {"Service": "redis", "State": "exited", "Health": "", "Publishers": None},
    {
        "Service": "postgres",
        "State": "running",
        "Health": "healthy",
        "Publishers": [{"URL": "127.0.0.1", "PublishedPort": 5432}, {"URL": "", "PublishedPort": 0}],
    },
]


def make_docker(folder: Path, says: str, *, code: int = 0, error: str = "", has_plugin: bool = True) -> Compose:
    docker = folder / "docker"
    version = f'[ "$2" = version ] && exit {int(not has_plugin)}\n'
    docker.write_text(f"#!/bin/sh\n{version}cat {folder}/says\nprintf '%s\\n' '{error}' >&2\nexit {code}\n")
    docker.chmod(0o755)
    (folder / "says").write_text(says)
    return Compose(root=folder, environment={"PATH": f"{folder}:{os.environ['PATH']}"}, settings=folder / "env")


@pytest.mark.parametrize("says", [json.dumps(LISTED), "\n".join(map(json.dumps, LISTED)) + "\n"])
def test_services_are_read_from_lines_and_from_a_list(
    tmp_path: Path, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = make_docker(tmp_path, says)
    monkeypatch.setenv("PATH", compose.environment["PATH"])
    found = compose.services()
    assert [(one.name, one.is_up, one.ports) for one in found] == [
        ("postgres", True, ("127.0.0.1:5432",)),
        ("redis", False, ()),
    ]


@pytest.mark.parametrize(
    ("has_plugin", "said"),
    [(False, "docker compose: is not installed"), (True, "docker compose ps: something else")],
)
def test_a_failure_is_one_line(tmp_path: Path, has_plugin: bool, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = make_docker(tmp_path, "", code=1, error="something else", has_plugin=has_plugin)
    monkeypatch.setenv("PATH", compose.environment["PATH"])
    with pytest.raises(UnreachableError, match=said) as caught:
        compose.services()
    assert caught.value.exit_code == 5
