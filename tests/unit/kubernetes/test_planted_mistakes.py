"""Mistakes planted into the rendering of overlay dev: each is found, and named with its object and its field.

Most of them Kubernetes' own schemas do not see, nor a server before a night is lost.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.yaml_text.documents import load_documents
from strongroom.kubernetes.checking import Finding, Scene, Tasks, judge_rendering
from strongroom.kubernetes.checking.schemas import demand_sound_shapes
from strongroom.tasks._known import describe_tasks
from strongroom.tasks.namespace import namespace
from tests.unit.kubernetes import planted_oddities, planted_pods, planted_schedules, planted_settings
from tests.unit.kubernetes.planting import Mistake, plant

GOLDEN = Path(__file__).parents[2] / "golden" / "k8s" / "dev.yaml"
MISTAKES = (
    *planted_settings.SEEN_BY_SCHEMAS,
    *planted_schedules.MISTAKES,
    *planted_pods.MISTAKES,
    *planted_settings.MISTAKES,
    *planted_oddities.MISTAKES,
)


@cache
def _sound() -> tuple[dict[str, Any], ...]:
    return tuple(load_documents(GOLDEN.read_text(encoding="utf-8"), GOLDEN))


@cache
def _tasks() -> Tasks:
    return describe_tasks(namespace)


@cache
def _judge(name: str) -> tuple[Finding, ...]:
    (mistake,) = [one for one in MISTAKES if one.name == name]
    return judge_rendering(plant(_sound(), mistake), mistake.overlay, _tasks())


def _find(mistake: Mistake) -> list[Finding]:
    """Return what is said of a mistake, where it must be said."""
    return [
        one for one in _judge(mistake.name)
        if one.object.startswith(mistake.object) and mistake.field in one.field and mistake.says in one.fact
    ]  # fmt: skip


def test_the_rendering_is_sound_before_anything_is_planted() -> None:
    assert judge_rendering(_sound(), "dev", _tasks()) == ()


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_a_planted_mistake_is_found(mistake: Mistake) -> None:
    everything = _judge(mistake.name)
    assert _find(mistake), f"only {[(one.object, one.field, one.fact) for one in everything]}"
    assert all(one.remedy for one in everything)


def test_few_mistakes_are_seen_by_schemas_alone(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    rows = []
    for mistake in MISTAKES:
        scene = Scene(objects=plant(_sound(), mistake), needs_digests=False, tasks={})
        is_seen = any(True for _ in demand_sound_shapes(scene))
        seen += [mistake.name] * is_seen
        said = _find(mistake)[0]
        rows.append(f"{'schema' if is_seen else 'rules':6} {mistake.name}: {said.object} {said.field}: {said.fact}")
    with capsys.disabled():
        print("", *rows, f"{len(rows)} mistakes, {len(seen)} of them seen by schemas", sep="\n")
    assert len(rows) == len({mistake.name for mistake in MISTAKES}) >= 40
    assert seen == [mistake.name for mistake in planted_settings.SEEN_BY_SCHEMAS]
    assert len(seen) <= 8
