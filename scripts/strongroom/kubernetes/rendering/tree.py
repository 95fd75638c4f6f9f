"""The folder ``k8s/``: its overlays, its jobs, and the files of secrets that an overlay needs."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.yaml_text.documents import load_documents

PLACEHOLDER = "strongroom-placeholder"
"""What a check writes where a secret belongs."""
_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_BELOW = ("resources", "components", "bases")
_README = "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Manifests: ``overlays/NAME``, ``jobs/NAME``, and what these stand on."""

    root: Path

    @property
    def overlays(self) -> tuple[str, ...]:
        """The names of the overlays. Read-only."""
        return _list_kustomizations(self.root / "overlays")

    @property
    def jobs(self) -> tuple[str, ...]:
        """The names of the Jobs that run once, when a person wants it. Read-only."""
        return _list_kustomizations(self.root / "jobs")

    def find_overlay(self, name: str) -> Path:
        """Return an overlay's folder. Raises UsageError naming the known ones."""
        if name not in self.overlays:
            raise UsageError("--overlay", f"there is no {name} (known: {', '.join(self.overlays) or 'none'})")
        return self.root / "overlays" / name


def find_tree(clone: Path) -> Tree:
    """Return the manifests of a clone. Raises ConfigurationError where there are none."""
    if not (clone / "k8s" / "overlays").is_dir():
        raise ConfigurationError(clone / "k8s", "has no overlays/", "put it back from the repository")
    return Tree(root=clone / "k8s")


def list_secret_files(folder: Path) -> tuple[Path, ...]:
    """Return the files that the secrets of an overlay are made of, also below it, in order. Read-only.

    Raises ConfigurationError for a kustomization that cannot be read.
    """
    found = [
        (place / named).resolve()
        for place, content in _walk(folder.resolve(), set())
        for generator in content.get("secretGenerator") or ()
        for named in _list_files(generator)
    ]
    return tuple(dict.fromkeys(found))


def list_missing_jobs(tree: Tree, overlay: str, jobs: Sequence[str]) -> tuple[str, ...]:
    """Return those of some jobs that an overlay does not offer by itself. Read-only."""
    reached = {place for place, _ in _walk(tree.find_overlay(overlay).resolve(), set())}
    return tuple(name for name in jobs if (tree.root / "jobs" / name).resolve() not in reached)


def advise_on(file: Path) -> str:
    """Say how a secret's file is made: where a README beside it says so, there."""
    readme = next((folder / _README for folder in file.parents[:2] if (folder / _README).is_file()), None)
    if readme is not None:
        return f"{readme} says how"
    return f"(umask 077; mkdir -p {file.parent}; cat > {file}), or the component external-secrets"


@contextmanager
def lay_out(tree: Tree, overlay: str, jobs: Sequence[str] = (), *, placeholders: bool = False) -> Iterator[Tree]:
    """Give a private copy of a tree in which an overlay takes some jobs along; the tree itself where nothing changes.

    With ``placeholders`` each secret's file that is missing is there, and holds no secret. The copy is removed.
    """
    if not jobs and not placeholders:
        yield tree
        return
    with tempfile.TemporaryDirectory(prefix="strongroom-k8s-") as scratch:
        copy = Tree(root=Path(scratch) / "k8s")
        shutil.copytree(tree.root, copy.root)
        folder = copy.find_overlay(overlay)
        if jobs:
            add_jobs(folder, jobs)
        for file in list_secret_files(folder) if placeholders else ():
            if not file.is_file():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{file.name}={PLACEHOLDER}\n" if file.suffix == ".env" else f"{PLACEHOLDER}\n")
        yield copy


def add_jobs(folder: Path, jobs: Sequence[str]) -> None:
    """Let an overlay take jobs along as resources of its own, so that all its patches reach them."""
    file, content = read_kustomization(folder)
    resources = [*(content.get("resources") or ()), *(f"../../jobs/{name}" for name in jobs)]
    file.write_text(json.dumps({**content, "resources": list(dict.fromkeys(resources))}), encoding="utf-8")


def read_kustomization(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    """Return a folder's kustomization, and its file. Read-only. Raises ConfigurationError where there is none."""
    file = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if file is None:
        raise ConfigurationError(folder, f"has no {_FILES[0]}", "put it back from the repository")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(file, f"cannot be read ({error})") from None
    return file, next(iter(load_documents(text, file)), {})


def _list_kustomizations(folder: Path) -> tuple[str, ...]:
    return tuple(sorted({file.parent.name for name in _FILES for file in folder.glob(f"*/{name}")}))


def _walk(folder: Path, seen: set[Path]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield a kustomization and all that it stands on, each once."""
    if folder in seen:
        return
    seen.add(folder)
    _, content = read_kustomization(folder)
    yield folder, content
    for name in _BELOW:
        for entry in content.get(name) or ():
            if (folder / entry).is_dir():
                yield from _walk((folder / entry).resolve(), seen)


def _list_files(generator: Mapping[str, Any]) -> Iterator[str]:
    yield from (named.rpartition("=")[2] for named in generator.get("files") or ())
    yield from generator.get("envs") or ()
    yield from filter(None, [generator.get("env")])
