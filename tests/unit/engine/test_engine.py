"""No engine, no right to it, nobody behind its socket: one clear line each, and nothing installed unasked."""

from __future__ import annotations

import os
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from strongroom.core.errors import UnreachableError
from strongroom.core.programs import is_alive, start_program
from strongroom.engine import Engine, Ensured, ensure, ensure_engine, traces
from strongroom.engine.debian import find_mirror
from strongroom.engine.reach import connect, find_endpoint, name_engine
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder with a short name: a socket's path has 107 characters at most."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


def refuse(environment: dict[str, str]) -> str:
    with pytest.raises(UnreachableError) as caught, connect(environment) as client:
        client.info()
    assert caught.value.exit_code == 5
    return str(caught.value)


def test_no_socket_is_said(folder: Path) -> None:
    assert f"there is no {folder}/none.sock" in refuse({"DOCKER_HOST": f"unix://{folder}/none.sock"})


def test_nobody_behind_the_socket_is_said(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/old.sock")
    assert "does not answer" in refuse({"DOCKER_HOST": f"unix://{folder}/old.sock"})


def test_another_service_behind_it_is_said(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/other.sock")
        server.listen()
        server.settimeout(5)

        def hang_up() -> None:  # whoever calls gets no answer
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                pass

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        said = refuse({"DOCKER_HOST": f"unix://{folder}/other.sock"})
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)
    assert "does not answer" in said


class EngineThatEnds(BaseHTTPRequestHandler):
    """Answers who calls, and hangs up on whoever asks for something."""

    def do_GET(self) -> None:
        if self.path.endswith(("/_ping", "/version")):
            said = b'{"ApiVersion": "1.41"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def address_string(self) -> str:
        return ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name above us
        """Say nothing."""


def test_an_engine_that_ends_in_the_middle_is_said(folder: Path) -> None:
    place = f"{folder}/ends.sock"
    with socketserver.ThreadingUnixStreamServer(place, EngineThatEnds) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        said = refuse({"DOCKER_HOST": f"unix://{place}"})
        server.shutdown()
        thread.join(timeout=10)
    assert "Docker engine: stopped answering" in said


def test_no_right_to_the_socket_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_all(_self: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("strongroom.engine.reach.socket.socket.connect", refuse_all)
    assert "refuses this user" in refuse({"DOCKER_HOST": f"unix://{folder}/any.sock"})


def test_the_first_socket_that_is_there_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.engine.reach.SYSTEM_SOCKET", folder / "none.sock")
    environment = {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
    assert find_endpoint(environment) == f"unix://{folder}/none.sock"
    (folder / "docker.sock").touch()
    assert find_endpoint(environment) == f"unix://{folder}/docker.sock"
    assert find_endpoint({**environment, "DOCKER_HOST": "tcp://10.0.0.1:2376"}) == "tcp://10.0.0.1:2376"


def test_nothing_is_installed_unasked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(*_: object, **__: object) -> None:
        raise AssertionError("installed")

    monkeypatch.setattr(ensure, "install_packages", install)
    with pytest.raises(UnreachableError, match=r"there is no .*none.sock"):
        ensure_engine({"DOCKER_HOST": f"unix://{folder}/none.sock"}, install=False, say=print)


def test_an_engine_that_is_named_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensure, "install_packages", lambda *_, **__: None)
    environment = {"DOCKER_HOST": f"unix://{folder}/none.sock", "PATH": os.defpath}
    with pytest.raises(UnreachableError, match=r"there is no .*none.sock"):
        ensure_engine(environment, install=True, say=print)


def test_without_root_nothing_can_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text("ID=debian\nVERSION_CODENAME=trixie\n")
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\n")
    apt.chmod(0o755)
    monkeypatch.setattr("strongroom.engine.debian._RELEASE", release)
    monkeypatch.setattr("strongroom.engine.debian.os.geteuid", lambda: 1000)
    with pytest.raises(UnreachableError, match="by root only"):
        find_mirror({"PATH": str(tmp_path)})
    release.write_text('ID=fedora\nPRETTY_NAME="Fedora Linux"\n')
    with pytest.raises(UnreachableError, match="are not for Fedora Linux"):
        find_mirror({"PATH": str(tmp_path)})


def test_the_task_ends_with_five(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/none.sock")
    for words in (["engine.ensure"], ["image.list"], ["stack.up"], ["stack.status"], ["stack.down"]):
        assert OpsProgram(every_task).main(["inv", *words]) == 5, words


def test_a_started_program_writes_into_its_log_and_is_known_to_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_program(["sh", "-c", "echo out; echo err >&2"], environment={"PATH": os.defpath}, log=log)
    while is_alive(process):
        pass
    assert log.read_text() == "out\nerr\n"
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("running", "ended"), [((), True), (("mine-1", "other"), False), (None, True)], ids=["nothing", "some", "no answer"]
)
def test_an_engine_in_which_containers_run_is_left(
    monkeypatch: pytest.MonkeyPatch, running: tuple[str, ...] | None, ended: bool
) -> None:
    engine = Engine(endpoint="unix:///x", version="1", storage="s", cores=1, memory=1, system="s")
    found = Ensured(engine=engine, compose=None, installed=(), process=4711)
    stopped: list[int] = []
    said: list[str] = []

    def list_running(_: object) -> tuple[str, ...]:
        if running is None:
            raise UnreachableError("Docker engine", "does not answer")
        return running

    monkeypatch.setattr(ensure, "ensure_engine", lambda *_, **__: found)
    monkeypatch.setattr(ensure, "list_running", list_running)
    monkeypatch.setattr(ensure, "stop_engine", stopped.append)
    monkeypatch.setattr(ensure, "list_traces", lambda *_, **__: iter(["packages a, b"]))
    monkeypatch.setattr(ensure, "put_forwarding_back", lambda _: False)
    with ensure.ensured({}, install=True, say=said.append):
        pass
    assert (stopped == [4711]) is ended
    assert "stays on this machine: packages a, b" in said
    assert ("stays on this machine: net.ipv4.ip_forward is on" in "".join(said)) is ended
    assert ended or "leaving the engine that was started (process 4711): mine-1, other run in it" in said


def test_the_docker_command_means_the_engine_that_is_reached(folder: Path) -> None:
    given = {"DOCKER_HOST": f"unix://{folder}/x.sock", "DOCKER_CONTEXT": "another", "PATH": "/bin"}
    assert name_engine(given) == {"DOCKER_HOST": f"unix://{folder}/x.sock", "PATH": "/bin"}
    assert name_engine({"PATH": "/bin"})["DOCKER_HOST"] == find_endpoint({"PATH": "/bin"})


@pytest.mark.parametrize(("before", "now", "after", "is_back"), [("0", "1", "0", True), ("1", "1", "1", True)])
def test_passing_packets_on_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, now: str, after: str, is_back: bool
) -> None:
    monkeypatch.setattr(traces, "FORWARD", tmp_path / "forward")
    (tmp_path / "forward").write_text(f"{now}\n")
    assert traces.put_forwarding_back(before) is is_back
    assert (tmp_path / "forward").read_text().strip() == after


def test_where_it_cannot_be_put_back_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "FORWARD", tmp_path)  # nothing that could be read or written
    assert traces.read_forwarding() == ""
    assert not traces.put_forwarding_back("0")
