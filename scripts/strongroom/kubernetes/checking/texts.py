"""Files inside of ConfigMaps: read by somebody, so they must be what their names say."""

from __future__ import annotations

import json
from collections.abc import Iterator

from strongroom.core.errors import ConfigurationError
from strongroom.core.yaml_text.documents import load_documents
from strongroom.kubernetes.checking.scene import Finding, Scene
from strongroom.kubernetes.content import mapping


def demand_readable_files(scene: Scene) -> Iterator[Finding]:
    """Demand JSON of a file that is named so, one object a line of JSON lines, YAML of the others."""
    for thing in scene.list_kind("ConfigMap"):
        for key, text in mapping(thing.find("data")).items():
            fact = _judge(key, str(text))
            if fact is not None:
                yield thing.says(f"data[{key}]", fact, "correct the file that it is made of")


def _judge(key: str, text: str) -> str | None:
    try:
        if key.endswith(".json"):
            json.loads(text)
        elif key.endswith(".jsonl"):
            for number, line in enumerate(text.splitlines(), 1):
                if line.strip() and not isinstance(json.loads(line), dict):
                    return f"line {number} is no object"
        elif key.endswith((".yaml", ".yml")):
            load_documents(text, "")
    except json.JSONDecodeError as error:
        return f"is no JSON ({error})"
    except ConfigurationError as error:
        return f"is no YAML (line {str(error.subject).strip(':')}: {error.fact})"
    return None
