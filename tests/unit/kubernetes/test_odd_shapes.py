"""Whatever shape a manifest is in, rules answer with findings, never with a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.yaml_text.documents import load_documents
from strongroom.kubernetes.checking import Finding, Scene
from strongroom.kubernetes.checking.rules import RULES, RULES_OF_PODS
from strongroom.kubernetes.checking.schemas import demand_sound_shapes
from strongroom.tasks._known import describe_tasks
from strongroom.tasks.namespace import namespace

GOLDEN = Path(__file__).parents[2] / "golden" / "k8s" / "dev.yaml"
SOUND = load_documents(GOLDEN.read_text(encoding="utf-8"), GOLDEN)
TASKS = describe_tasks(namespace)
ODD: tuple[Any, ...] = (None, True, -1, 2**70, 1.5, "", "x", "*", "$(", "/", "\x00", [], {}, [None], [1, "x"], ["x", {}], {"x": 1}, {"name": []})  # fmt: skip  # noqa: E501  # a list of odd things


def list_places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if place:
        yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield from list_places(inner, (*place, name))


PLACES = [place for place in list_places(SOUND) if len(place) > 1]


def put(objects: Any, place: tuple[str | int, ...], value: object) -> None:
    for step in place[:-1]:
        if not isinstance(objects, dict | list) or (isinstance(objects, dict) and step not in objects):
            return
        if isinstance(objects, list) and (not isinstance(step, int) or step >= len(objects)):
            return
        objects = objects[step]
    is_there = isinstance(objects, dict) or (
        isinstance(objects, list) and isinstance(place[-1], int) and place[-1] < len(objects)
    )
    if is_there:
        objects[place[-1]] = copy.deepcopy(value)


def judge(objects: list[dict[str, Any]]) -> list[Finding]:
    """Ask all rules but the schemas', which take long and have a test of their own."""
    scene = Scene(objects=objects, needs_digests=True, tasks=TASKS)
    found = [one for rule in RULES if rule is not demand_sound_shapes for one in rule(scene)]
    return found + [one for rule in RULES_OF_PODS for pod in scene.pods for one in rule(pod)]


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD)), min_size=1, max_size=4))
def test_rules_answer_whatever_stands_there(edits: list[tuple[tuple[str | int, ...], object]]) -> None:
    objects = copy.deepcopy(SOUND)
    for place, value in edits:
        put(objects, place, value)
    for finding in judge(objects):
        assert finding.object
        assert finding.field
        assert finding.fact
        assert finding.remedy


@given(st.sampled_from(SOUND), st.data())
def test_schemas_answer_whatever_stands_there(sound: dict[str, Any], data: st.DataObject) -> None:
    content = copy.deepcopy(sound)
    put(content, data.draw(st.sampled_from(list(list_places(content)))), data.draw(st.sampled_from(ODD)))
    found = list(demand_sound_shapes(Scene(objects=[content], needs_digests=False, tasks={})))
    assert json.dumps([(one.object, one.field, one.fact) for one in found])
