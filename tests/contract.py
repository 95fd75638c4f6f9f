"""What ``--json`` printed, held against the schema that is committed: by every test that runs a command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

    from strongroom.tasks._program import OpsProgram

Main = Callable[["OpsProgram", Sequence[str]], int]


def watch(set_attribute: Callable[[object, str, object], None] = setattr) -> None:
    """Let every command line of this process with ``--json`` be held against the contract."""
    from strongroom.tasks._program import OpsProgram  # noqa: PLC0415  # only where it is asked for

    set_attribute(OpsProgram, "main", _watched(OpsProgram.main))


def find_task(words: Sequence[str]) -> str | None:
    """Return the last task of a command line that has a result; None where there is none, or help is asked for."""
    if {"--help", "--list", "-h", "-l"} & set(words):
        return None
    return next((word for word in reversed(words) if word in _read_schema()["properties"]), None)


def check(task: str, line: str) -> Any:
    """Return the result that a line is; fail where the contract says otherwise."""
    result = json.loads(line)
    wrong = [f"{error.json_path}: {error.message}" for error in _validator().iter_errors({task: result})]
    assert not wrong, f"{task} --json is not what results.schema.json says: {'; '.join(wrong)}"
    return result


def _watched(main: Main) -> Main:
    @wraps(main)
    def watched(program: OpsProgram, argv: Sequence[str]) -> int:
        task = find_task(argv[1:]) if "--json" in argv else None
        if task is None:
            return main(program, argv)
        before, noted = sys.stdout, _Noted(sys.stdout)
        sys.stdout = noted  # type: ignore[assignment]
        try:
            code = main(program, argv)
        finally:
            sys.stdout = before
        assert code or noted.last, f"{task} --json printed nothing"
        if noted.last:
            check(task, noted.last)
        return code

    return watched


class _Noted:
    """Hands on what is printed, and keeps it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._texts: list[str] = []

    def write(self, text: str) -> int:
        self._texts.append(text)
        return self._stream.write(text)

    @property
    def last(self) -> str:
        """The last line."""
        return "".join(self._texts).rstrip("\n").rpartition("\n")[2]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@cache
def _read_schema() -> Any:
    from strongroom.report.contract import FILE  # noqa: PLC0415  # the same

    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # the same

    Draft202012Validator.check_schema(_read_schema())
    return Draft202012Validator(_read_schema())
