"""What Compose says, read in the forms in which its versions say it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from strongroom.containers.compose import Compose, Service
from strongroom.containers.stack.starting import start_services
from strongroom.core.errors import StrongroomError, UnreachableError

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


FULL = "mkdir /var/lib/docker/volumes/x: no space left on device"
GONE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FULL, 14, "docker compose ps: no space left for the engine"),
        (f"first\n{FULL}\nlast", 14, "docker compose ps: no space left for the engine"),
        (GONE, 5, "Docker engine: stopped answering"),
        ("read unix @->/var/run/docker.sock: read: connection reset by peer", 5, "Docker engine: stopped answering"),
    ],
)
def test_a_full_disk_and_an_engine_that_ended_are_told_from_other_failures(
    tmp_path: Path, error: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = make_docker(tmp_path, "", code=1, error=error)
    monkeypatch.setenv("PATH", compose.environment["PATH"])
    with pytest.raises(StrongroomError, match=said) as caught:
        compose.services()
    assert caught.value.exit_code == code


@pytest.mark.parametrize(
    ("log", "code", "said"),
    [
        (
            "\x1b[2Kno room: No space left on device\n\x1b[2Kremoving\n\nthis\nthat\n",
            14,
            "no space left for the engine",
        ),
        ("\x1b[2Kone\n\x1b[2Ktwo\n\x1b[2Kthree\n\x1b[2Kfour\n", 5, "is restarting: two \\| three \\| four"),
        ("", 5, "is restarting: its log is empty"),
    ],
    ids=["full", "ended", "silent"],
)
def test_a_service_that_does_not_come_up_says_why(
    tmp_path: Path, log: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = make_docker(tmp_path, log)
    monkeypatch.setenv("PATH", compose.environment["PATH"])
    listed = (Service(name="postgres", state="restarting", health="", ports=()),)
    monkeypatch.setattr(Compose, "services", lambda _: listed)
    with pytest.raises(StrongroomError, match=f"service postgres: {said}") as caught:
        start_services(compose, ["postgres"])
    assert caught.value.exit_code == code
