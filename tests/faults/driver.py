"""A child that runs our command lines, one fork for each, and loses its power where it is told to.

Reads one job per line on stdin, as JSON: ``argv``; ``out``, the file for what it prints; ``trace``, a
file that gets one line per checkpoint and per change of a file. It stops at ``checkpoint`` (a name), or
before ``change`` (the number of a change of a file), by ``signal`` (SIGKILL if not said) or, with
``hold``, until that file is there. ``processes`` makes it work with two worker processes whatever the
size, ``hours`` sets its clock, ``keys`` are at hand by their names. ``moment`` is the number of a line of the
trace, with ``server`` among them each time that it waits for PostgreSQL: there the whole session is stopped.
``environment`` is set before, ``jobs`` says how many processes load, ``range_bytes`` how large a range is,
``patience`` how many seconds a cutover waits. ``columns`` says that it is a task on keys or encrypted columns, which
finds its keys itself. Answers each job with the child's process id, and when it has ended
with its exit code, negative for a signal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

CHANGES = ("os.rename", "os.remove", "os.link", "os.symlink", "os.chmod", "os.mkdir", "os.rmdir", "os.truncate")
HOLD_SECONDS = 60.0


def serve() -> None:
    from invoke.collection import Collection  # noqa: PLC0415  workers, which import this file again, need none of it

    from strongroom.consolidate import attempt  # noqa: PLC0415
    from strongroom.tasks import _loading, backup, consolidate, decide, load, postgres, sqlcipher  # noqa: PLC0415
    from strongroom.tasks._program import OpsProgram  # noqa: PLC0415
    from tests.contract import watch  # noqa: PLC0415
    from tests.faults.scene import inject  # noqa: PLC0415

    watch()
    for line in sys.stdin:
        job = json.loads(line)
        if "range_bytes" in job:
            import_load()
        others = import_columns() if "columns" in job else ()
        pid = os.fork()
        if pid == 0:
            _prepare(job)
            if job.get("processes"):
                os.environ["STRONGROOM_JOBS"] = "2"
                attempt._WORTH_PROCESSES = 0  # type: ignore[misc]
            if job.get("hours"):
                clock = datetime.now(UTC) + timedelta(hours=job["hours"])
                consolidate.read_clock = lambda moment=clock: moment
            if job.get("keys"):
                for module in (consolidate, decide, sqlcipher, load, _loading):
                    module.find_keys = partial(_hold, job["keys"])
            inject(setattr, _checkpoint(job))
            if "range_bytes" in job:
                _prepare_load(job)
            if "columns" in job:
                _prepare_columns(job)
            every = (*others, consolidate.namespace, sqlcipher.namespace, backup.namespace, postgres.namespace)
            OpsProgram(Collection(*every)).run(job["argv"])
        print(f"pid {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"code {os.waitstatus_to_exitcode(status)}", flush=True)


def import_load() -> None:
    """Import what tasks import where it is used, once and not in each child."""
    from strongroom.load import run  # noqa: F401, PLC0415
    from strongroom.load.switch import cutover, rollback  # noqa: F401, PLC0415
    from strongroom.tasks import wiring  # noqa: F401, PLC0415


def import_columns() -> tuple[Any, ...]:
    """Return the tasks on keys and encrypted columns, with what they import where it is used."""
    import psycopg  # noqa: F401, PLC0415

    from strongroom.postgres import access, dsn  # noqa: F401, PLC0415
    from strongroom.report import columns as report  # noqa: F401, PLC0415
    from strongroom.rotate.columns import postgres_column  # noqa: F401, PLC0415
    from strongroom.tasks import columns, keys  # noqa: PLC0415
    from tests.contract import _validator  # noqa: PLC0415

    _validator()
    return columns.namespace, keys.namespace


def _hold(keys: dict[str, str], *_: object, **__: object) -> dict[str, Any]:
    """Stand in for ``find_keys``."""
    from strongroom.core.secret import Secret  # noqa: PLC0415

    return {name: Secret(key) for name, key in keys.items()}


def _prepare(job: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
    out = os.open(job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if "trace" in job:
        job["trace_to"] = os.open(job["trace"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    if {"change", "trace", "moment"} & job.keys():
        sys.addaudithook(_Watch(job))


def _prepare_load(job: dict[str, Any]) -> None:
    from strongroom.load.rows import loading  # noqa: PLC0415
    from strongroom.load.switch import holding  # noqa: PLC0415

    os.environ.update(job["environment"], STRONGROOM_JOBS=str(job["jobs"]))
    loading._RANGE_BYTES = job["range_bytes"]
    holding.PATIENCE = job.get("patience", holding.PATIENCE)
    _tell_of_servers(job)


def _prepare_columns(job: dict[str, Any]) -> None:
    from strongroom.rotate.request import Surroundings  # noqa: PLC0415  # most jobs need none of it

    os.environ.update(job["environment"])
    reached = _checkpoint(job)
    Surroundings.reach = lambda _, step: reached(step)  # type: ignore[method-assign]
    _tell_of_servers(job)


def _tell_of_servers(job: dict[str, Any]) -> None:
    """Let each time that it waits for PostgreSQL be a line of the trace."""
    import psycopg  # noqa: PLC0415  # most jobs need none of it

    wait = psycopg.Connection.wait

    def told(connection: Any, what: Any, *arguments: Any, **options: Any) -> Any:
        asked = what.gi_frame.f_locals.get("query", what.gi_frame.f_locals.get("command", ""))
        _write_trace(job, f"server {what.__name__} {asked!r:.100}")
        return wait(connection, what, *arguments, **options)

    psycopg.Connection.wait = told  # type: ignore[method-assign]


class _Watch:
    """Counts the changes that Python makes to files."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES and not (event == "open" and _is_writing(arguments)):
            return
        self._count += 1
        _write_trace(self._job, f"change {event} {arguments[0]}")
        if self._count == self._job.get("change"):
            _stop(self._job)


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR)) and isinstance(path, str)


def _write_trace(job: dict[str, Any], line: str) -> None:
    if "trace_to" in job:
        os.write(job["trace_to"], line.replace("\n", " ").encode(errors="replace") + b"\n")
    job["lines"] = job.get("lines", 0) + 1
    if job["lines"] == job.get("moment"):
        _stop(job, everything=True)


def _checkpoint(job: dict[str, Any]) -> Any:
    def reached(name: str) -> None:
        _write_trace(job, f"checkpoint {name}")
        if name == job.get("checkpoint"):
            _stop(job)

    return reached


def _stop(job: dict[str, Any], *, everything: bool = False) -> None:
    if "hold" in job:
        Path(job["hold"]).with_suffix(".reached").touch()
        deadline = time.monotonic() + HOLD_SECONDS
        while not Path(job["hold"]).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{job['hold']} does not come")
            time.sleep(0.01)
        return
    os.kill(0 if everything else os.getpid(), job.get("signal", signal.SIGKILL))


if __name__ == "__main__":
    serve()
