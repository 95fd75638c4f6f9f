"""Our Invoke Program: what ``./inv``, the image's entrypoint and the tests run.

Invoke's parse errors become exit 2 in our words, the flags of every task stand anywhere on the line, no exit
code of a child leaks into our table, and the list is the front door.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from invoke.collection import Collection
from invoke.completion.complete import print_completion_script
from invoke.config import Config
from invoke.env import Environment
from invoke.exceptions import Exit, Failure, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program

from strongroom import __version__, report
from strongroom.core.config import in_development
from strongroom.core.errors import ExitCode, StrongroomError, UsageError
from strongroom.tasks._listing import (
    list_first_lines,
    print_columns,
    print_global_flags,
    show_task,
    show_tasks,
    show_tasks_as_json,
)
from strongroom.tasks._switches import GLOBAL_FLAGS, SWITCHES, VALUES, Taken, take_switches
from strongroom.tasks._task import OpsTask, report_failure

CORE_FLAGS = {
    "complete": "",
    "dry": "Write nothing: --dry-run for every task, and no command is run.",
    "help": "Show this, or the flags of one task.",
    "list": "Show the tasks, or those of one namespace.",
    "list-depth": "",
    "list-format": "",
    "print-completion-script": "Print the completion script of bash, zsh or fish.",
    "version": "Print the version.",
}
SHORT_FLAGS = {"help": "h", "list": "l"}
WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "": False,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


class StrictEnvironment(Environment):
    """Invoke's ``INVOKE_*`` variables, read strictly: there ``INVOKE_RUN_DRY=false`` would be true."""

    def _cast(self, old: object, new: str) -> object:
        if not isinstance(old, bool):
            return super()._cast(old, new)
        if new.lower() not in WORDS:
            raise UsageError("INVOKE_*", f"a switch in the environment must be true or false (got {new!r})")
        return WORDS[new.lower()]


class OpsConfig(Config):
    """Settings of one command line; no file of the machine or the user takes part."""

    @staticmethod
    def global_defaults() -> dict[str, Any]:
        """Return Invoke's defaults with our flags, and the shell that every system has."""
        defaults = Config.global_defaults()
        defaults["run"]["shell"] = "/bin/sh"
        defaults["strongroom"] = dict.fromkeys(SWITCHES, False)
        return defaults

    def load_shell_env(self) -> None:
        """Read ``INVOKE_*`` with booleans that mean what they say."""
        self.merge()
        self._set(_env=StrictEnvironment(config=self._config, prefix=self._env_prefix).load())
        self.merge()


class OpsProgram(Program):
    """``inv``: one collection of tasks, our flags, our errors, our list."""

    def __init__(self, namespace: Collection, read_outline: Callable[[], Mapping[str, str]] | None = None) -> None:
        """Serve the tasks of one collection; each learns its dotted name.

        ``read_outline`` names all that there are, with what they do, where the collection is a part of them.
        """
        super().__init__(
            version=__version__,
            namespace=namespace,
            name="inv",
            binary="./inv",
            binary_names=["inv"],
            config_class=OpsConfig,
        )
        self.taken = Taken()
        self._read_outline = read_outline or (lambda: list_first_lines(namespace))
        for name in namespace.task_names:
            found = namespace[name]
            if isinstance(found, OpsTask):
                found.dotted_name = name

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002  # Invoke's signature
        """Run a command line and leave the process with its exit code."""
        code = self.main(sys.argv if argv is None else argv)
        if exit:
            sys.exit(code)

    def main(self, argv: Sequence[str]) -> int:
        """Run a command line, program name first; print what went wrong and return the exit code.

        A summary is written however it ends.
        """
        self.taken, began = take_switches(argv), time.monotonic()
        summary = self.taken.summary
        with (
            report.steady_output(),
            report.speaking(self.taken.log),
            report.open_page(keeps_parts=summary is not None) as page,
        ):
            with in_development(is_said=self.taken.switches["development"]):
                code = self._lead()
            if summary is not None and (failed := report.write_summary(summary, page, code)) is not None:
                report.say_note(summary, failed)
            report.say_end(page.last.task, code, time.monotonic() - began)
        return code

    def _lead(self) -> int:
        """Run the line that is left; return its exit code."""
        try:
            self.taken.require_sound()
            if self.taken.summary is not None:
                report.open_summary(self.taken.summary)
            self._run_tasks(list(self.taken.rest))
            sys.stdout.flush()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last line: bugs show their traceback
            return self._report(self._explain(error))
        return 0

    def create_config(self) -> None:
        """Start from our defaults; ``lazy`` keeps /etc/invoke.* and ~/.invoke.* out."""
        self.config = OpsConfig(lazy=True)

    def core_args(self) -> list[Argument]:
        """Return the few flags of Invoke's that mean something here, and ours."""
        kept = [argument for argument in super().core_args() if argument.names[0] in CORE_FLAGS]
        for argument in kept:
            name = argument.names[0]
            argument.names = (name, SHORT_FLAGS[name]) if name in SHORT_FLAGS else (name,)
            argument.help = CORE_FLAGS[name]
        switches = [Argument(name=name.replace("_", "-"), kind=bool, default=False) for name in SWITCHES]
        return kept + switches + [Argument(name=name) for name in VALUES]

    def parse_core(self, argv: list[str] | None) -> None:
        """Let Invoke read the line without our switches."""
        self.normalize_argv(argv or [])
        self.parse_core_args()
        if self.args.version.value:
            self.print_version()
            raise Exit
        shell = self.args["print-completion-script"].value
        if shell:
            print_completion_script(shell=shell, names=self.binary_names)
            raise Exit

    def update_config(self, merge: bool = True) -> None:
        """Hand our switches and ``--dry`` to the tasks; no runtime file is read."""
        overrides: dict[str, Any] = {"strongroom": dict(self.taken.switches)}
        if self.args.dry.value:
            overrides["run"] = {"dry": True}
        self.config.load_overrides(overrides, merge=merge)

    def no_tasks_given(self) -> None:
        """Show the list: it is the front door."""
        self.list_tasks()
        raise Exit

    def print_version(self) -> None:
        """Print the version that plan locks and reports carry."""
        print(f"strongroom {__version__}")

    def print_help(self) -> None:
        """Print the flags of the program, then the tasks."""
        print(f"Usage: {self.binary} <task> [--flags]\n\nFlags:")
        print_columns([(f"--{name}", text) for name, text in CORE_FLAGS.items() if text])
        print()
        print_global_flags()
        print()
        self.list_tasks()

    def print_task_help(self, name: str) -> None:
        """Print what a task does and its flags."""
        show_task(name, self.collection[name], self.binary)

    def list_tasks(self) -> None:
        """Print the tasks, or those of one namespace."""
        if self.taken.switches["json"]:
            show_tasks_as_json(self.scoped_collection, self.list_root or "")
            return
        start = f"{self.list_root}." if self.list_root else ""
        shown = {name: text for name, text in self._read_outline().items() if name.startswith(start)}
        show_tasks(shown, self.binary)

    def _run_tasks(self, argv: list[str]) -> None:
        try:
            self.create_config()
            self.parse_core(argv)
            self.parse_collection()
            self.parse_tasks()
            self.parse_cleanup()
            self.update_config()
            self.execute()
        except Exit as end:  # Invoke's way to be done early, or to refuse with a message
            if end.message:
                fact = end.message.rstrip("!")
                raise UsageError("command line", fact, f"{self.binary} --list") from None

    def _report(self, error: BaseException) -> int:
        code = report_failure(error, self.binary, debug=self.taken.switches["debug"])
        if code is None:
            report.say_bug(error)
            return ExitCode.BUG
        return code

    def _explain(self, error: BaseException) -> BaseException:
        """Say what Invoke raises in our words; a child's exit code is not ours."""
        if isinstance(error, ParseError):
            return self._explain_line(error)
        if isinstance(error, Failure):
            return StrongroomError(error.result.command, f"ended with exit code {error.result.exited}")
        return error

    def _explain_line(self, error: ParseError) -> UsageError:
        name = error.context.name if error.context else None
        hint = f"{self.binary} {name} --help" if name else f"{self.binary} --list"
        text = str(error)
        if unknown := re.fullmatch(r"No idea what (['\"])(.*)\1 is!", text):
            return self._explain_word(unknown[2], name, hint)
        if empty := re.match(r"Flag <Argument: (\w[\w-]*)", text):
            return UsageError("--" + empty[1].replace("_", "-"), "needs a value", hint)
        return UsageError("command line", text.rstrip("!").strip(), hint)

    def _explain_word(self, word: str, name: str | None, hint: str) -> UsageError:
        """Name an unknown flag or task, and the one that was probably meant."""
        if word.startswith("-"):
            fact = f"no such flag of {name}" if name else "no such flag"
        else:
            fact = f"no such task, and no value of a flag of {name}" if name else "no such task"
        near = get_close_matches(word, self._words_for(name), n=1)
        return UsageError(word, fact, f"did you mean {near[0]}?" if near else hint)

    def _words_for(self, task_name: str | None) -> list[str]:
        flags = getattr(self.collection[task_name], "flags", ()) if task_name else ()
        return [
            *self._read_outline(),
            *(flag.text for flag in flags),
            *(f"--{name}" for name, text in CORE_FLAGS.items() if text),
            *(f"--{name.replace('_', '-')}" for name in GLOBAL_FLAGS),
        ]
