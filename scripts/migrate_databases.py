"""The old front door: same flags as ever, opened by ``./inv consolidate.*``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

_INV = Path(__file__).resolve().parent.parent / "inv"


def translate(arguments: list[str]) -> list[str]:
    """Turn the old flags into today's command line, the program's name first.

    ``--source-dir`` defaults to ``ARAGORA_DATA_DIR`` and its aliases, the target to the source.
    """
    parser = argparse.ArgumentParser(prog="migrate_databases.py", description="Consolidate Aragora's databases.")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen; write nothing")
    parser.add_argument("--rollback", action="store_true", help="put the previous state back")
    parser.add_argument("--validate", action="store_true", help="prove the result (always done; alone: prove it again)")
    parser.add_argument("--source-dir", help="directory of the legacy files")
    parser.add_argument("--target-dir", help="directory of the consolidated databases (default: the source)")
    given = parser.parse_args(arguments)
    source = given.source_dir or _data_directory()
    target = given.target_dir or source
    if given.rollback:
        places = ["--target", target, "--source", source]
        return ["consolidate.rollback", *places, *(["--dry-run"] if given.dry_run else [])]
    if given.validate and not given.dry_run and (Path(target) / ".strongroom" / "current.json").is_file():
        return ["consolidate.verify", "--target", target]
    return [
        "consolidate.run",
        "--system",
        "aragora",
        "--source",
        source,
        "--target",
        target,
        *(["--dry-run"] if given.dry_run else []),
    ]


def _data_directory() -> str:
    names = ("ARAGORA_DATA_DIR", "ARAGORA_NOMIC_DIR", "NOMIC_DIR")
    return next((os.environ[name] for name in names if os.environ.get(name)), ".nomic")


if __name__ == "__main__":
    os.execv(_INV, [str(_INV), *translate(sys.argv[1:])])  # noqa: S606  # no shell is wanted
