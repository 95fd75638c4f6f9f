"""The one decorator of all tasks: flags read by their types, our errors as lines and exit codes.

A task is a function with a ``Context`` and flags; it may return an exit code (4: staged, not
published), and everything else that it returns is for tests.
"""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, overload

from invoke.context import Context
from invoke.tasks import Task

from strongroom import report
from strongroom.core.errors import (
    ExitCode,
    NoSpaceError,
    StoppedError,
    StrongroomError,
    TerminatedError,
    UnreachableError,
    UsageError,
    WrongKeyError,
)
from strongroom.core.files import explain_closed_folder
from strongroom.sqlite.libraries import library_errors
from strongroom.tasks._refreshing import forget, refresh_keys
from strongroom.tasks._stop import terminable
from strongroom.tasks._switches import GLOBAL_FLAGS

METAVARS = {"int": "NUMBER", "float": "NUMBER", "Path": "PATH"}

_GOES_ON = "the same command goes on from here"

Body: TypeAlias = Callable[..., object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag of a task, read from the function's signature."""

    name: str
    kind: str
    default: Any
    help: str

    @property
    def text(self) -> str:
        """The flag as it is typed: ``--dry-run``; ``from_`` is ``--from``, which Python keeps for itself."""
        return "--" + self.name.rstrip("_").replace("_", "-")

    @property
    def is_list(self) -> bool:
        """Whether the flag may be given several times."""
        return self.kind.startswith("list[")

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value."""
        return isinstance(self.default, bool)

    @property
    def is_required(self) -> bool:
        """Whether the task cannot run without it."""
        return self.default is inspect.Parameter.empty

    @property
    def usage(self) -> str:
        """The flag with what it takes: ``--source PATH``, ``--[no-]backup``."""
        if self.is_switch:
            return f"--[no-]{self.text[2:]}" if self.default else self.text
        return f"{self.text} {METAVARS.get(self.kind, 'TEXT')}"

    def read(self, value: str) -> Any:
        """Turn the text of the command line into the flag's type."""
        try:
            return {"int": int, "float": float, "Path": Path}.get(self.kind, str)(value)
        except ValueError:
            kind = "a whole number" if self.kind == "int" else "a number"
            raise UsageError(self.text, f"must be {kind} (got {value!r})") from None


class OpsTask(Task[Body]):
    """A task whose flags are typed and named, and whose errors become exit codes."""

    def __init__(self, body: Body, **options: Any) -> None:
        """Take flags by name only, long ones only; lists are found by their annotation."""
        self.flags = _read_flags(body, options.get("help") or {})
        options["iterable"] = [flag.name for flag in self.flags if flag.is_list]
        super().__init__(body, positional=(), auto_shortflags=False, **options)
        self.dotted_name = self.name
        """The name on the command line; the Program fills in the namespace."""

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """Describe a flag to the parser; its annotation decides the type, not its default."""
        flag = next(flag for flag in self.flags if flag.name == name)
        options: dict[str, Any] = super().arg_opts(name, default, taken_names)
        options["help"] = flag.help
        if not flag.is_list and not flag.is_switch:
            options["kind"] = flag.read
        return options

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:
        """Return the parser's arguments; called again, they are the same."""
        help_texts, self.help = self.help, dict(self.help)
        try:
            return super().get_arguments(ignore_unknown_help)
        finally:
            self.help = help_texts

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; our errors and interruptions end the process with their exit code."""
        context = args[0] if args else None
        report.begin_chapter(self.dotted_name)
        try:
            with terminable():
                self._require(kwargs)
                result = self._run(*args, **kwargs)
        except _reportable() as error:
            code = report_failure(error, self.dotted_name, debug=_reads(context, "debug"))
            if code is None:
                raise
            raise SystemExit(code) from error
        except SystemExit as error:
            if error.code == ExitCode.TERMINATED:
                report.say_error(TerminatedError(self.dotted_name, "interrupted (SIGTERM)", _GOES_ON))
            raise
        if isinstance(result, int) and not isinstance(result, bool) and result != 0:
            raise SystemExit(result)
        return result

    def _run(self, *args: Any, **kwargs: Any) -> object:
        """Run the body; once more where a key that was fetched did not open its file, and is another one by now.

        It ended so before it wrote anything, as a key that is missing does.
        """
        forget()
        try:
            return super().__call__(*args, **kwargs)
        except WrongKeyError:
            if not refresh_keys():
                raise
        return super().__call__(*args, **kwargs)

    def _require(self, given: Mapping[str, Any]) -> None:
        missing = [flag.text for flag in self.flags if flag.is_required and given.get(flag.name) in (None, [])]
        if missing:
            raise UsageError(
                self.dotted_name,
                f"needs {' and '.join(missing)}",
                f"./inv {self.dotted_name} --help",
            )


@overload
def task(body: Body, /) -> OpsTask: ...
@overload
def task(
    *, help: Mapping[str, str] | None = None, name: str | None = None, default: bool = False
) -> Callable[[Body], OpsTask]: ...
def task(
    body: Body | None = None,
    /,
    *,
    help: Mapping[str, str] | None = None,  # noqa: A002  # Invoke's word, which task authors know
    name: str | None = None,
    default: bool = False,
) -> OpsTask | Callable[[Body], OpsTask]:
    """Make a function a task; ``help`` says what each flag is for.

    A parameter without a default is a required flag. ``list[str] | None = None`` is a flag that may be
    repeated, ``bool = False`` a switch, ``bool = True`` a switch turned off with ``--no-…``; ``int``,
    ``float`` and ``Path`` are read as such.
    """

    def decorate(function: Body) -> OpsTask:
        return OpsTask(function, help=dict(help or {}), name=name, default=default)

    return decorate if body is None else decorate(body)


def is_json(c: Context) -> bool:
    """Tell whether the result is to be printed as JSON. Read-only."""
    return _reads(c, "json")


def wants_color(c: Context) -> bool:
    """Tell whether colours are allowed; the terminal may still have none. Read-only."""
    return not _reads(c, "no_color")


def is_dry(c: Context, dry_run: bool = False) -> bool:
    """Tell whether nothing may be written: the task's ``--dry-run`` or Invoke's ``--dry``. Read-only."""
    return dry_run or bool(c.config.get("run", {}).get("dry", False))


def report_failure(error: BaseException, subject: str, *, debug: bool = False) -> int | None:
    """Print an error as one line and a hint on stderr; return its exit code, or None for a bug."""
    if isinstance(error, KeyboardInterrupt):
        known: StrongroomError | None = StoppedError(subject, "interrupted (SIGINT)", _GOES_ON)
    else:
        known = name_error(error)
    if known is None:
        return None
    report.say_error(known, trace=error if debug else None)
    return known.exit_code


def name_error(error: BaseException) -> StrongroomError | None:
    """Return an error as one of ours; None for a bug."""
    return error if isinstance(error, StrongroomError) else _name_fact(error)


def _read_flags(body: Body, help_texts: Mapping[str, str]) -> tuple[Flag, ...]:
    parameters = list(inspect.signature(body).parameters.values())[1:]
    taken = [parameter.name for parameter in parameters if parameter.name in GLOBAL_FLAGS]
    if taken:
        raise TypeError(f"{body.__name__}: every task has {taken[0]} already")
    flags = tuple(
        Flag(
            name=parameter.name,
            kind=_kind_of(parameter),
            default=parameter.default,
            help=help_texts.get(parameter.name, ""),
        )
        for parameter in parameters
    )
    lists = [flag for flag in flags if flag.is_list]
    odd = [flag.name for flag in lists if flag.kind != "list[str]" or (flag.default and not flag.is_required)]
    if odd:
        raise TypeError(f"{body.__name__}: {odd[0]} must be list[str] | None = None, or list[str] when required")
    return flags


def _kind_of(parameter: inspect.Parameter) -> str:
    """Return the annotation's last word: ``int`` for ``int | None``, ``Path`` for ``pathlib.Path``."""
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    kind = text.removesuffix(" | None")
    return kind if kind.startswith("list[") else kind.rsplit(".", 1)[-1]


def _name_fact(error: BaseException) -> StrongroomError | None:
    """Name what the system or SQLite said about the machine; what is left is a bug of ours."""
    hint = "free some space; the same command resumes"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(error.filename or "disk", "no space left", hint)
    if isinstance(error, library_errors()) and "database or disk is full" in str(error):
        return NoSpaceError("disk", "no space left for SQLite", hint)
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return UnreachableError("temporary directory", "there is none to write to", "mount one at /tmp, or set TMPDIR")
    if isinstance(error, OSError) and error.filename:
        closed = explain_closed_folder(Path(os.fsdecode(error.filename)), error)
        return closed or UnreachableError(
            error.filename, (error.strerror or str(error)).lower(), "check permissions and mounts"
        )
    return None


def _reportable() -> tuple[type[BaseException], ...]:
    """Return what ``report_failure`` is asked about."""
    return (StrongroomError, OSError, KeyboardInterrupt, *library_errors())


def _reads(context: object, name: str) -> bool:
    """Read one of our flags; a context made by hand has none."""
    if not isinstance(context, Context):
        return False
    return bool(context.config.get("strongroom", {}).get(name, False))
