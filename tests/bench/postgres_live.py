"""How long an application that writes in a loop waits while a load becomes live, and while it is taken back."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from strongroom.core.errors import StrongroomError
from tests.bench.consolidate import Say
from tests.bench.measure import child_environment, measure_child
from tests.bench.outcome import Summary
from tests.bench.postgres_ways import Ground

STATEMENT = 'UPDATE "core"."debates" SET "rounds" = "rounds" + 0 WHERE "slug" = \'debate-0-0\''
"""Of the application: it changes a row that both schemas hold, to what it was."""
CHANGE = "UPDATE debates SET rounds = rounds + 1 WHERE slug = 'debate-1-1'"
"""Of a source, so that a second load has something to do."""


def measure_live(ground: Ground, say: Say) -> Summary:
    """Make one load live, then another one in its place, and take that back; return the seconds of each.

    ``cutover_s`` and ``rollback_s`` are the longest times without a write, ``…_command_s`` those of the whole command.
    """
    logs = ground.root / "logs"
    ground.prepare("load")
    measure_child(ground.spell_task("load"), logs)
    measure_child(ground.spell_task("cutover"), logs)
    with closing(sqlite3.connect(ground.target / "core.db")) as connection, connection:
        connection.execute(CHANGE)
    measure_child(ground.spell_task("load", "--replace"), logs)
    found: Summary = {}
    for verb, flag in (("cutover", "--replace"), ("rollback", "--discard-changes")):
        with writing(ground) as told:
            run, _ = measure_child(ground.spell_task(verb, flag), logs)
        found[f"{verb}_s"], found[f"{verb}_command_s"] = told["longest"], run.wall
        said = f"{told['writes']:g} writes, {told['refused']:g} refused, {told['longest']:.3f} s without one"
        say(f"{verb}: {run.wall:.2f} s; {said}")
    return found


@contextmanager
def writing(ground: Ground) -> Iterator[dict[str, float]]:
    """Let an application write meanwhile; what became of its writes is in the result afterwards."""
    words = [sys.executable, "-P", "-m", "tests.bench.postgres_writer", ground.server.dsn, STATEMENT]
    found: dict[str, float] = {}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=child_environment()
    ) as child:
        assert child.stdout is not None
        if child.stdout.readline() != "ready\n":
            raise StrongroomError("the application that writes", "did not begin")
        yield found
        said, _ = child.communicate()
    if child.returncode:
        raise StrongroomError("the application that writes", f"exited {child.returncode}")
    found |= json.loads(said)
