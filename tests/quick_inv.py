"""An ./inv that answers at once: a process that has read our program already runs each command line in a fork of it.

For tests that type what a page or a script says; what they run sees the caller's directory, variables and streams.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
_MOST = 1 << 17
_CALLER = f"""#!{sys.executable} -ISE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
    line.connect(%r)
    told = {{"argv": sys.argv[1:], "directory": os.getcwd(), "variables": dict(os.environ)}}
    socket.send_fds(line, [json.dumps(told).encode()], [0, 1, 2])
    sys.exit(int(line.recv(16)))
"""


@contextmanager
def open_inv(program: Path) -> Iterator[Path]:
    """Write ``program``, which runs what it is given as ``./inv`` does, for as long as this lasts."""
    from tests.processes import open_child  # noqa: PLC0415  the server below needs none of it

    with tempfile.TemporaryDirectory(prefix="inv-") as folder:
        place = str(Path(folder) / "socket")
        with open_child([sys.executable, "-P", __file__, place]) as child:
            assert child.read_line() == "ready"
            program.write_text(_CALLER % place)
            program.chmod(0o755)
            yield program


def serve(place: str) -> None:
    """Answer callers until nobody listens to us any more."""
    from strongroom.tasks._program import OpsProgram  # noqa: PLC0415  callers, which need none of it, read no more
    from strongroom.tasks.namespace import namespace  # noqa: PLC0415

    program = OpsProgram(namespace)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(place)
        door.listen()
        print("ready", flush=True)
        while door in select.select([door, sys.stdin], [], [])[0]:
            line, _ = door.accept()
            with line:
                answer(line, program)


def answer(line: socket.socket, program: object) -> None:
    said, streams, _, _ = socket.recv_fds(line, _MOST, 3)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            told = json.loads(said)
            os.chdir(told["directory"])
            os.environ.clear()
            os.environ.update(told["variables"])
            code = program.main(["inv", *told["argv"]])  # type: ignore[attr-defined]
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    line.send(str(os.waitstatus_to_exitcode(status) % 256).encode())


if __name__ == "__main__":
    sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "scripts")]
    serve(sys.argv[1])
