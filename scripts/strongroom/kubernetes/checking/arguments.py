"""What containers are told to do: a task that there is, with flags that it has, and values that these take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from strongroom.kubernetes.checking.scene import Container, Finding, KnownFlag, Pod, Scene
from strongroom.kubernetes.content import texts

_VARIABLE = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_]*\)")
_NUMBERS = {"int": r"-?\d+", "float": r"-?\d+(\.\d+)?"}
_FOR_PEOPLE = ("consolidate.decide", "sqlcipher.shell", "stack.", "image.", "engine.", "check.", "test", "bench.")
"""Tasks that ask a person, or that need an engine: none for a Pod."""


def demand_tasks_and_flags(scene: Scene) -> Iterator[Finding]:
    """Demand a task of ours in our images, with the flags that it needs and none that it has not."""
    for pod in scene.pods:
        for container in pod.containers:
            command = texts(container.content.get("command"))
            if command and command[0] in scene.tasks:
                fact = f"{command[0]} is run in the place of the image's own entrypoint, and is no program"
                yield pod.says_of(container, "command", fact, "say it under args:")
            if container.runs_a_task:
                yield from _judge_line(scene, pod, container)


def _judge_line(scene: Scene, pod: Pod, container: Container) -> Iterator[Finding]:
    words = container.arguments
    if not words:
        yield pod.says_of(container, "args", "is not said: the list of tasks would be printed", "args: [TASK, --flags]")
        return
    task = words[0]
    if task not in scene.tasks:
        close = difflib.get_close_matches(task, scene.tasks, 1)
        fact = f"there is no task {task}" + (f", did you mean {close[0]}?" if close else "")
        yield pod.says_of(container, "args[0]", fact, "./inv --list shows them")
        return
    if task.startswith(_FOR_PEOPLE):
        yield pod.says_of(container, "args[0]", f"{task} is not for a Pod", "run it on your own machine")
    yield from _judge_flags(pod, container, task, scene.tasks[task])


def _judge_flags(pod: Pod, container: Container, task: str, flags: Mapping[str, KnownFlag]) -> Iterator[Finding]:
    said, words = set[str](), container.arguments
    number = 1
    while number < len(words):
        name, has_value, value = words[number].partition("=")
        flag, field = flags.get(name), f"args[{number}]"
        number += 1
        if flag is None:
            yield pod.says_of(container, field, _say_unknown(task, name, flags), f"./inv {task} --help shows them")
            continue
        said.add(name)
        if flag.takes and not has_value:
            value = words[number] if number < len(words) else ""
            number += 1
        fact = _judge_value(name, flag, value, is_given=bool(has_value))
        if fact is not None:
            yield pod.says_of(container, field, fact, f"./inv {task} --help shows what it takes")
    missing = sorted(name for name, flag in flags.items() if flag.is_required and name not in said)
    if missing:
        yield pod.says_of(container, "args", f"{task} needs {' and '.join(missing)}", f"./inv {task} --help")


def _say_unknown(task: str, name: str, flags: Mapping[str, KnownFlag]) -> str:
    close = difflib.get_close_matches(name, flags, 1)
    return f"{task} has no flag {name}" + (f", did you mean {close[0]}?" if close else "")


def _judge_value(name: str, flag: KnownFlag, value: str, *, is_given: bool) -> str | None:
    if not flag.takes:
        return f"{name} takes no value (got {value})" if is_given else None
    if not value or value.startswith("--"):
        return f"{name} needs a value"
    form = _NUMBERS.get(flag.takes)
    if form is not None and not _VARIABLE.search(value) and not re.fullmatch(form, value):
        return f"{name} must be a number (got {value})"
    return None


def forbid_trials_by_the_clock(scene: Scene) -> Iterator[Finding]:
    """Forbid a CronJob that starts by itself and only tries out."""
    for job in scene.jobs:
        for container in job.pod.containers:
            if job.thing.find("spec.suspend") is not True and "--dry-run" in container.arguments:
                number = container.arguments.index("--dry-run")
                fact = f"{container.arguments[0]} --dry-run does nothing, time after time"
                yield job.pod.says_of(container, f"args[{number}]", fact, "remove --dry-run")


def demand_one_count(scene: Scene) -> Iterator[Finding]:
    """Demand that the indexes of a Job are as many as its task is told of."""
    for job in scene.jobs:
        for container in job.pod.containers:
            found = re.search(r"(?:^|\n)--of[=\n](\d+)", "\n".join(container.arguments))
            completions = job.spec.get("completions", 1)
            if found is not None and int(found[1]) != completions:
                fact = f"--of is {found[1]}, and the Job has {completions} completions"
                yield job.says("completions", fact, "the same number in both")
