"""What a change must pass: lint, types and tests, each alone; ``test`` runs them all."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.tasks._audit import audit_lock, list_locks
from strongroom.tasks._task import is_dry, task

LINT = (
    "ruff check --output-format=concise .",
    "ruff format --check --output-format=concise .",
    "yamllint --strict .",
    "sqlfluff lint --disable-progress-bar sql",
    "shellcheck inv .ci/run scripts/cleanup_runtime_artifacts.sh scripts/rollback_database.sh scripts/backup_dbs.sh",
    "shellcheck docker/*/entrypoint docker/*/healthcheck docker/*/install-* docker/*/reload docker/base/check-seldom",
    "shellcheck docker/base/take-certificate",
    "shellcheck .github/workflows/check-binaries .github/workflows/release-notes .github/workflows/kubernetes-run",
    "shellcheck k8s/overlays/dev/take-secrets",
    "hadolint docker/*/Dockerfile",
    "actionlint .github/workflows/*.yml",
    "zizmor --offline --no-progress --quiet .github/workflows",
)
COMPOSE = ("COMPOSE_PROJECT_NAME=lint STRONGROOM_OWNER=lint docker compose config --quiet",)
"""What only the docker command can lint."""
TYPES = ("mypy",)
SCHEMAS = "tests/integration/containers/test_schema*.py"
HELP_NIGHTLY = {"nightly": "Try far more examples, as the nightly run does."}


@task
def lint(c: Context) -> int:
    """Lint Python, YAML, SQL, shell and the workflows."""
    return run_parts(c, {"lint": (*LINT, *COMPOSE)})


@task
def types(c: Context) -> int:
    """Check the types of tasks.py and scripts, strictly."""
    return run_parts(c, {"types": TYPES})


@task(help={**HELP_NIGHTLY, "fast": "Try a few examples of each property only."})
def unit(c: Context, nightly: bool = False, fast: bool = False) -> int:
    """Test each module by itself, in seconds."""
    return run_parts(c, {"unit": (pytest_command("tests/unit", nightly=nightly, fast=fast),)})


@task(help=HELP_NIGHTLY)
def integration(c: Context, nightly: bool = False) -> int:
    """Test modules together, on real databases."""
    return run_parts(c, {"integration": (pytest_command("tests/integration", nightly=nightly),)})


@task(help=HELP_NIGHTLY)
def e2e(c: Context, nightly: bool = False) -> int:
    """Test whole tasks, as a user runs them."""
    return run_parts(c, {"e2e": (pytest_command("tests/e2e", nightly=nightly),)})


@task(help=HELP_NIGHTLY)
def postgres(c: Context, nightly: bool = False) -> int:
    """Test schemas, also on STRONGROOM_TEST_POSTGRES."""
    return run_parts(c, {"postgres": (pytest_command(SCHEMAS, nightly=nightly),)})


@task(help=HELP_NIGHTLY)
def faults(c: Context, nightly: bool = False) -> int:
    """Kill, truncate, flip bytes, fill disks; then look."""
    return run_parts(c, {"faults": (pytest_command("tests/faults", nightly=nightly),)})


@task
def audit(c: Context) -> None:
    """Look for known vulnerabilities in what is locked."""
    settings = read_settings()
    for lock in list_locks(settings.require_clone()):
        report.Screen().conclude(f"{lock}: {audit_lock(lock, settings.environment)} packages, none known")


@task(
    help={
        "seed": "Chooses which faults are planted.",
        "sample": "Plant only so many that count (CI: 9); 0 plants all, and keeps the table.",
        "loads": "In the code of loads, whose tests ask the server that STRONGROOM_TEST_POSTGRES names.",
    }
)
def mutants(c: Context, seed: int = 10, sample: int = 0, loads: bool = False) -> int:
    """Plant faults in our own code; demand that all are noticed."""
    command = f"python -m tests.mutants --seed={seed} --sample={sample}{' --loads' * loads}"
    return run_parts(c, {"mutants": (command,)}) if is_dry(c) else _run(c, command)


def pytest_command(
    folder: str = "", *, nightly: bool = False, fast: bool = False, reports: Path | None = None, processes: int = 1
) -> str:
    """Write the command that tests a folder, or all of them; ``reports`` gets a JUnit file."""
    several = f"--numprocesses={processes} --dist=loadscope" if processes > 1 else ""
    profile = "nightly" if nightly else "fast" if fast else "ci"
    junit = f"--junitxml={shlex.quote(str((reports / 'junit.xml').absolute()))}" if reports else ""
    return " ".join(f"python -m pytest --hypothesis-profile={profile} {several} {junit} {folder}".split())


def run_parts(c: Context, parts: dict[str, tuple[str, ...]]) -> int:
    """Run every command of every part, also after a failure; print which failed; return 0 or 1."""
    if is_dry(c):
        print(f"would run {'; '.join(command for commands in parts.values() for command in commands)}")
        return 0
    started = time.monotonic()
    failed = [
        f"{name} ({command})" for name, commands in parts.items() for command in commands if not _passes(c, command)
    ]
    seconds = time.monotonic() - started
    screen = report.Screen()
    screen.conclude(f"failed: {', '.join(failed)}" if failed else f"passed: {', '.join(parts)} in {seconds:.1f} s")
    sys.stdout.flush()
    return int(bool(failed))


def _passes(c: Context, command: str) -> bool:
    return _run(c, command) == 0


def _run(c: Context, command: str) -> int:
    """Run one command in the repository with the tools of .venv; its output is the user's to see."""
    print(f"$ {command}", flush=True)
    tools = shlex.quote(str(Path(sys.executable).parent))
    line = f'cd {shlex.quote(str(read_settings().require_clone()))} && PATH={tools}:"$PATH" {command}'
    result = c.run(line, warn=True, in_stream=False, pty=sys.stdout.isatty())
    return int(result.exited)


namespace = Collection("check", lint, types, unit, integration, e2e, faults, postgres, mutants, audit)
