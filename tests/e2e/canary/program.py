"""What stands for SQLCipher's own program where none is installed: it reads as that does, with the library."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROGRAM = """\
#!{python}
import json, os, sys, time
from sqlcipher3 import dbapi2
words = sys.argv[1:]
if ":memory:" in words:
    print("{version}")
    sys.exit()
with open(words[words.index("-init") + 1]) as first:
    _, key, _ = first.read().splitlines()
mode = "ro" if "-readonly" in words else "rw"
connection = dbapi2.connect(f"file:{{words[-1]}}?mode={{mode}}", uri=True, isolation_level=None)
connection.execute(key)
time.sleep({seconds})
try:
    for line in sys.stdin:
        for row in connection.execute(line):
            print("|".join(map(str, row)))
except dbapi2.Error as error:
    sys.exit(f"Runtime error: {{error}}")
print(json.dumps([words[:-1], sorted(os.environ)]), file=sys.stderr)
"""


def write_program(folder: Path, *, version: str = "4.6.1 community", seconds: float = 0.0) -> str:
    """Write it; return a PATH with it first."""
    folder.mkdir(exist_ok=True)
    file = folder / "sqlcipher"
    file.write_text(PROGRAM.format(python=sys.executable, version=version, seconds=seconds))
    file.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
