"""Stray databases and hard-coded paths on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from strongroom.core.errors import ExitCode
from strongroom.examine.guard import Reference
from strongroom.report.screen import print_json


def show_audit(references: Sequence[Reference], *, as_json: bool) -> None:
    """Print every place, and how many there are of each database."""
    databases = {name: _count(references, name) for name in sorted({one.database for one in references})}
    files = len({one.file for one in references})
    if as_json:
        listed = [{**asdict(one), "database": one.database} for one in references]
        print_json({"total": len(references), "files": files, "databases": databases, "references": listed})
        return
    for one in references:
        print(f"{one.file}:{one.line}: {one.path}")
    for name, counts in sorted(databases.items(), key=lambda item: -item[1]["references"]):
        print(f"{name}: {counts['references']} references in {counts['files']} files")
    print(f"{len(references)} references in {files} files to {len(databases)} databases")


def _count(references: Sequence[Reference], database: str) -> dict[str, int]:
    files = [one.file for one in references if one.database == database]
    return {"references": len(files), "files": len(set(files))}


def show_guard(stray: Sequence[str], references: Sequence[Reference], *, as_json: bool) -> int:
    """Print what should not be there; return 6 when there is anything."""
    code = ExitCode.REFUSED if stray or references else ExitCode.DONE
    if as_json:
        print_json({"stray": list(stray), "references": [asdict(one) for one in references], "exit": code})
        return code
    for path in stray:
        print(f"stray database: {path}")
    for one in references:
        said = f"{one.setting} names {one.path}, which is no target" if one.setting else f"{one.path} is hard-coded"
        print(f"{one.file}:{one.line}: {said}")
    print(f"{len(stray)} stray databases, {len(references)} paths that should not be there")
    return code


def show_moved(names: Sequence[str], target: str, *, dry_run: bool, as_json: bool) -> None:
    """Print which databases were moved."""
    if as_json:
        print_json({"moved": list(names), "target": target, "dry_run": dry_run})
        return
    for name in names:
        print(name)
    print(f"{'would move' if dry_run else 'moved'} {len(names)} databases into {target}")
