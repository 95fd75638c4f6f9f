"""Check every overlay with every job; what is wrong in several of them is said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.kubernetes.checking.rules import judge
from strongroom.kubernetes.checking.scene import Finding, Scene, Tasks
from strongroom.kubernetes.checking.schemas import VERSIONS
from strongroom.kubernetes.rendering import DEVELOPMENT, Kustomize, Tree, render_for_check


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What is wrong, and in which overlays."""

    overlays: tuple[str, ...]
    object: str
    field: str
    fact: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check looked at, and what it found."""

    overlays: tuple[str, ...]
    jobs: tuple[str, ...]
    objects: int
    versions: tuple[str, ...]
    findings: tuple[Located, ...]


def check_tree(tree: Tree, overlays: Sequence[str], kustomize: Kustomize, tasks: Tasks) -> Checked:
    """Check overlays as a cluster would get them, placeholders in the place of secrets. Read-only.

    Raises ConfigurationError where kustomize refuses, UnreachableError where the schemas are not installed.
    """
    found: dict[Finding, list[str]] = {}
    count = 0
    for name in overlays:
        objects = render_for_check(tree, name, kustomize).objects
        count += len(objects)
        for finding in judge_rendering(objects, name, tasks):
            found.setdefault(finding, []).append(name)
    return Checked(
        overlays=tuple(overlays),
        jobs=tree.jobs,
        objects=count,
        versions=VERSIONS,
        findings=tuple(
            Located(overlays=tuple(names), object=one.object, field=one.field, fact=one.fact, remedy=one.remedy)
            for one, names in found.items()
        ),
    )


def judge_rendering(objects: Sequence[Mapping[str, Any]], overlay: str, tasks: Tasks) -> tuple[Finding, ...]:
    """Return all that is wrong with an overlay's objects. Read-only. Raises UnreachableError."""
    return judge(Scene(objects=objects, needs_digests=overlay != DEVELOPMENT, tasks=tasks))
