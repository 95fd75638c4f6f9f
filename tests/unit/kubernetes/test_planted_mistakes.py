"""Mistakes planted into the rendering of overlay dev: each is found, and named with its object and its field.

Most of them Kubernetes' own schemas do not see, nor a server before a night is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.yaml_text.documents import load_documents
from strongroom.kubernetes.checking import Finding, Scene, Tasks, judge_rendering
from strongroom.kubernetes.checking.rules import RULES, RULES_OF_PODS
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
def _judge(name: str) -> Mapping[str, Sequence[Finding]]:
    """Return by rule what is said of a mistake."""
    (mistake,) = [one for one in MISTAKES if one.name == name]
    scene = Scene(objects=plant(_sound(), mistake), needs_digests=mistake.overlay != "dev", tasks=_tasks())
    found = {_name(rule): list(rule(scene)) for rule in RULES}
    return found | {_name(rule): [one for pod in scene.pods for one in rule(pod)] for rule in RULES_OF_PODS}


def _name(rule: Callable[..., object]) -> str:
    return f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}"


def _find(mistake: Mistake) -> list[Finding]:
    """Return what is said of a mistake, where it must be said."""
    return [
        one for found in _judge(mistake.name).values() for one in found
        if one.object.startswith(mistake.object) and mistake.field in one.field and mistake.says in one.fact
    ]  # fmt: skip


def test_the_rendering_is_sound_before_anything_is_planted() -> None:
    assert judge_rendering(_sound(), "dev", _tasks()) == ()


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_a_planted_mistake_is_found(mistake: Mistake) -> None:
    everything = [one for found in _judge(mistake.name).values() for one in found]
    assert _find(mistake), f"only {[(one.object, one.field, one.fact) for one in everything]}"
    assert all(one.remedy for one in everything)


def test_every_rule_is_broken_by_a_mistake() -> None:
    broken = {rule for mistake in MISTAKES for rule, found in _judge(mistake.name).items() if found}
    assert broken == {_name(rule) for rule in (*RULES, *RULES_OF_PODS)}


def test_few_mistakes_are_seen_by_schemas_alone(capsys: pytest.CaptureFixture[str]) -> None:
    seen, rows = [], []
    for mistake in MISTAKES:
        is_seen = bool(_judge(mistake.name)[_name(demand_sound_shapes)])
        seen += [mistake.name] * is_seen
        said = _find(mistake)[0]
        rows.append(f"{'schema' if is_seen else 'rules':6} {mistake.name}: {said.object} {said.field}: {said.fact}")
    with capsys.disabled():
        print("", *rows, f"{len(rows)} mistakes, {len(seen)} of them seen by schemas", sep="\n")
    assert len(rows) == len({mistake.name for mistake in MISTAKES}) >= 40
    assert seen == [mistake.name for mistake in planted_settings.SEEN_BY_SCHEMAS]
    assert len(seen) <= 8
