"""The ways of ``bench.postgres``: ours as they are typed, and what others use, each as well as it can.

Others' programs are for the benchmark alone: pgloader where it is installed, DuckDB and ADBC in an environment that
the benchmark makes for itself. One that is not to be had is left out, and the table says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.consolidate import Say
from tests.bench.postgres_data import TYPED, Consolidated, write_load_system
from tests.bench.postgres_floor import describe_empty, spell_scripts, write_floor, write_structure
from tests.bench.postgres_server import DATABASE, BenchServer

DSN = "STRONGROOM_BENCH_DSN"
ABOUT = {
    "floor": "psql \\copy of ready-made CSV, keys, indexes, ANALYZE; 2 processes",
    "floor_single": "the same in 1 process",
    "load": "postgres.load: snapshot, load, structure, proof",
    "verify": "postgres.verify: every row once more, from a process of its own",
    "pgloader": "pgloader: one run, casts for every type; no ANALYZE, no proof",
    "duckdb": "DuckDB: INSERT … SELECT; structure as the floor's; no proof",
    "adbc": "ADBC and Arrow: binary COPY, jsonb by a stage; structure as the floor's; no proof",
}
OURS = ("load", "verify")
PACKAGES = {
    "duckdb": ("duckdb==1.4.4", "duckdb-ext-sqlite==1.4.4.20260205", "duckdb-ext-postgres==1.4.4.20260205"),
    "adbc": ("adbc-driver-sqlite==1.13.0", "adbc-driver-postgresql==1.13.0", "pyarrow==26.0.1"),
}
_HERE = Path(__file__).parent
_PGLOADER = """LOAD DATABASE FROM sqlite://{database}
INTO postgresql://postgres:{password}@unix:{socket}:5432/{into}
SET timezone TO 'UTC', search_path TO '{target}'
CAST {casts};
"""


def find_peers(directory: Path, say: Say) -> dict[str, Path]:
    """Return the programs that others' ways need, those that are to be had; installed in ``directory`` if they must."""
    found = {}
    pgloader = shutil.which("pgloader")
    if pgloader is not None:
        found["pgloader"] = Path(pgloader)
    for name, packages in PACKAGES.items():
        python = directory / f"peer-{name}" / "bin" / "python"
        if python.exists() or _install(python, packages, say):
            found[name] = python
    return found


def _install(python: Path, packages: tuple[str, ...], say: Say) -> bool:
    part = python.parents[1].with_suffix(".part")
    venv.create(part, clear=True, with_pip=True)
    words = [str(part / "bin" / "python"), "-m", "pip", "install", "--quiet", "--only-binary=:all:", *packages]
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        say(f"{', '.join(packages)}: not installed, so not measured: {said[-1] if said else done.returncode}")
        return False
    part.rename(python.parents[1])
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where all ways run, one after another: the data, a server, a folder, and what others need."""

    root: Path
    data: Consolidated
    server: BenchServer
    peers: Mapping[str, Path]

    @property
    def target(self) -> Path:
        """The directory of the databases, of which ours keeps its things below."""
        return self.root / "target"

    @property
    def names(self) -> list[str]:
        """Return the ways that can be measured, in turn."""
        return [name for name in ABOUT if name in self.peers or name.startswith("floor") or name in OURS]

    def prepare(self, name: str, *kept: str) -> None:
        """Empty the server but for the schemas that are kept, and make what a way expects to be there."""
        if name == "verify":
            return
        self.server.clear(*kept)
        if name == "load":
            shutil.rmtree(self.target / ".strongroom", ignore_errors=True)
            return
        made = [f'CREATE SCHEMA "{target}"' for target in self.data.targets]
        self.server.do(*made, *(describe_empty(self.data.tables) if name in PACKAGES else ()))

    def spell(self, name: str) -> list[str]:
        """Return a way as it is started."""
        if name in OURS:
            return self.spell_task(name)
        if name == "pgloader":
            return [str(self.peers[name]), *map(str, self._write_commands())]
        if name in PACKAGES:
            job = f"'{self.peers[name]}' -I '{_HERE / f'postgres_{name}.py'}' '{self._write_job(name)}'"
            structure = spell_scripts(write_structure(self.data, self.root), self.server.dsn, processes=2)
            return ["/bin/bash", "-euo", "pipefail", "-c", f"{job}; {structure}"]
        processes = 1 if name == "floor_single" else 2
        scripts = write_floor(self.data, self.root)
        return ["/bin/bash", "-euo", "pipefail", "-c", spell_scripts(scripts, self.server.dsn, processes=processes)]

    def spell_task(self, verb: str, *words: str) -> list[str]:
        """Return one of our tasks as it is typed."""
        places = ("--system", str(self.root / "system"), "--target", str(self.target))
        return [sys.executable, "-P", "-m", "strongroom", f"postgres.{verb}", *places, *words]

    def _write_job(self, name: str) -> Path:
        job = {
            "dsn": self.server.dsn if name == "duckdb" else self.server.uri,
            "databases": {target: str(self.data.databases / f"{target}.db") for target in self.data.targets},
            "tables": [
                {"target": table.target, "name": table.name, "columns": table.types} for table in self.data.tables
            ],
        }
        path = self.root / f"{name}.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        return path

    def _write_commands(self) -> list[Path]:
        """Write pgloader's commands. (``include no drop`` would leave all indexes and keys out.)"""
        commands = []
        for target in self.data.targets:
            casts = ["type boolean to boolean", "type real to float using float-to-string"]
            for table in self.data.tables:
                if table.target == target:
                    casts += [f"column {table.name}.{name} to {TYPED[name]}" for name in table.types if name in TYPED]
            command = self.root / f"{target}.load"
            command.touch(mode=0o600)
            command.write_text(
                _PGLOADER.format(
                    database=self.data.databases / f"{target}.db",
                    password=self.server.password,
                    socket=self.server.socket,
                    into=DATABASE,
                    target=target,
                    casts=", ".join(casts),
                )
            )
            commands.append(command)
        return commands


def prepare_ground(root: Path, data: Consolidated, server: BenchServer, peers: Mapping[str, Path]) -> Ground:
    """Copy the databases, write the system, and name the server to the children."""
    root.mkdir(parents=True)
    ground = Ground(root=root, data=data, server=server, peers=peers)
    shutil.copytree(data.databases, ground.target)
    write_load_system(data, root / "system", DSN)
    os.environ[DSN] = server.dsn
    return ground
