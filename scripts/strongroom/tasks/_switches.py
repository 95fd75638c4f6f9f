"""The flags that every task takes, found wherever they stand on the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.core.errors import UsageError

SWITCHES = {
    "json": "Print the result as JSON.",
    "no_color": "Print without colours.",
    "debug": "Show the traceback behind an error.",
    "development": "Let a way to a server pass that verifies too little, and say so.",
}
LOG_FORMS = ("text", "json")
VALUES = {
    "summary": ("FILE", "Append to a file, as Markdown, what came of it: for $GITHUB_STEP_SUMMARY."),
    "log": ("FORM", "How stderr speaks: text, or json (one object a line, for Pods). [text]"),
}
GLOBAL_FLAGS = (*SWITCHES, *VALUES)
_TYPED = {"--" + name.replace("_", "-"): name for name in GLOBAL_FLAGS}


def describe_switches() -> list[tuple[str, str]]:
    """Return how the flags of every task are typed, and what each means."""
    rows = {name: (typed, SWITCHES[name]) for typed, name in _TYPED.items() if name in SWITCHES}
    rows |= {name: (f"{typed} {VALUES[name][0]}", VALUES[name][1]) for typed, name in _TYPED.items() if name in VALUES}
    return [rows[name] for name in ("json", "summary", "log", "no_color", "debug", "development")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the flags of every task say, and the line without them."""

    switches: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(SWITCHES, False))
    summary: Path | None = None
    log: str = "text"
    rest: tuple[str, ...] = ()
    fault: UsageError | None = None
    """What is wrong with them."""

    def require_sound(self) -> None:
        """Raise UsageError where something is wrong with them; by then stderr speaks as it was told to."""
        if self.fault is not None:
            raise self.fault


def take_switches(argv: Sequence[str]) -> Taken:
    """Take our flags off a line, program name first; what follows ``--`` is left alone. Never raises."""
    end = argv.index("--") if "--" in argv else len(argv)
    switches, values, rest = dict.fromkeys(SWITCHES, False), dict[str, str](), list[str]()
    missing = list[str]()
    words = list(argv[:end])
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word in _TYPED and _TYPED[word] in switches:
            switches[_TYPED[word]] = True
        elif name in _TYPED and _TYPED[name] in VALUES:
            if not equals and words and not words[0].startswith("--"):
                value = words.pop(0)
            values[_TYPED[name]] = value
            missing += [] if value else [name]
        else:
            rest.append(word)
    log = values.get("log", "text")
    return Taken(
        switches=switches,
        summary=Path(values["summary"]) if values.get("summary") else None,
        log=log if log in LOG_FORMS else "text",
        rest=(*rest, *argv[end:]),
        fault=_find_fault(missing, log),
    )


def _find_fault(missing: Sequence[str], log: str) -> UsageError | None:
    if missing:
        return UsageError(missing[0], "needs a value", "./inv --help")
    if log not in LOG_FORMS:
        return UsageError("--log", f"must be one of {', '.join(LOG_FORMS)} (got {log!r})")
    return None
