"""The engine that the docker command means, by whatever context, is the one that we reach."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from strongroom.core.errors import UnreachableError
from strongroom.engine.reach import find_endpoint, name_engine


def test_the_context_that_the_docker_command_uses_is_ours_too(tmp_path: Path) -> None:
    environment = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def docker(*words: str) -> None:
        subprocess.run(["docker", "context", *words], env=environment, check=True, capture_output=True, timeout=30)

    usual = find_endpoint(environment)
    docker("create", "mine", "--docker", "host=unix:///run/mine.sock")
    docker("create", "far", "--docker", "host=ssh://somebody@db.example")
    assert find_endpoint(environment) == usual
    docker("use", "mine")
    assert find_endpoint(environment) == "unix:///run/mine.sock"
    assert find_endpoint({**environment, "DOCKER_CONTEXT": "far"}) == "ssh://somebody@db.example"
    assert find_endpoint({**environment, "DOCKER_CONTEXT": "default"}) == usual
    assert find_endpoint({**environment, "DOCKER_HOST": "tcp://10.0.0.1:2376"}) == "tcp://10.0.0.1:2376"
    assert name_engine(environment)["DOCKER_HOST"] == "unix:///run/mine.sock"
    with pytest.raises(UnreachableError, match="docker context gone: is not there"):
        find_endpoint({**environment, "DOCKER_CONTEXT": "gone"})
