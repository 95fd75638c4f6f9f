"""Find the places in a code tree that name a database file. Read-only.

In Python only string literals count, docstrings and comments aside; in other languages, quoted texts; in
configuration and shell scripts, any word that is a path to a database. ``app.db`` as an attribute is none.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import UnreachableError

_SUFFIX = r"\.(?:db|db3|sqlite|sqlite3)"
_NAME = re.compile(rf"(?:[\w.~${{}}%/\\:-]*[/\\])?[\w-][\w.-]*{_SUFFIX}(?![\w(])(?!\.\w)")
_QUOTED = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""")
_ASSIGNED = re.compile(r"""([A-Z][A-Z0-9_]*)\s*[=:]-?\s*["']?(?:sqlite:/*)?\Z""")
"""What stands before a variable's value in configuration: NAME=, NAME: or ${NAME:-."""
_LOOKUPS = frozenset(["getenv", "os.getenv", "environ.get", "os.environ.get"])
_SKIPPED = frozenset(
    [".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".strongroom", "dist", "build"]
)
_QUOTING = frozenset(
    [
        ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".go", ".rs", ".java", ".kt", ".c", ".h", ".cc", ".cpp", ".hpp",
        ".cs", ".rb", ".php", ".swift", ".lua",
    ]
)  # fmt: skip
_WORDS = frozenset(
    [
        ".sh", ".bash", ".zsh", ".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".env",
        ".json", ".service", ".sql", ".mk",
    ]
)  # fmt: skip
_WORD_NAMES = ("dockerfile", "makefile", "compose", ".env", "justfile", "procfile")
_LARGEST = 4 << 20
"""Bytes beyond which a file is no source code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One place that names a database file."""

    file: str
    line: int
    path: str
    """As it is written."""
    setting: str | None = None
    """The environment variable of which it is the value, or the default."""

    @property
    def database(self) -> str:
        """Return the file's name alone."""
        return re.split(r"[/\\]", self.path)[-1]


def audit_code(directory: Path) -> tuple[Reference, ...]:
    """Return every reference under a directory, by file and line. Read-only.

    Raises UnreachableError when there is no such directory.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --code DIRECTORY")
    return tuple(reference for file in _list_files(directory) for reference in _read_file(directory, file))


def _list_files(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            file = Path(folder) / name
            if not file.is_symlink() and file.is_file() and file.stat().st_size <= _LARGEST:
                yield file


def _read_file(directory: Path, file: Path) -> Iterator[Reference]:
    suffix, name = file.suffix.lower(), file.name.lower()
    is_words = suffix in _WORDS or name.startswith(_WORD_NAMES)
    if suffix not in _QUOTING and suffix != ".py" and not is_words:
        return
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    found = _in_python(text) if suffix == ".py" else _in_words(text) if is_words else _in_quotes(text)
    inside = file.relative_to(directory).as_posix()
    for line, path, setting in found:
        yield Reference(file=inside, line=line, path=path, setting=setting)


_Found = Iterator[tuple[int, str, str | None]]


def _in_python(text: str) -> _Found:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        yield from _in_quotes(text)
        return
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]
    lines, settings = text.splitlines(), _find_defaults(tree)
    for node in sorted(texts, key=lambda node: (node.lineno, node.col_offset)):
        line = node.lineno
        for found in _NAME.finditer(str(node.value)):
            line = _find_line(lines, found.group(), line, node.end_lineno or line)
            yield line, found.group(), settings.get(id(node))


def _find_defaults(tree: ast.AST) -> dict[int, str]:
    """Return, by the texts in defaults of environment lookups, the names of the variables."""
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in _LOOKUPS or not node.args:
            continue
        variable = node.args[0]
        if isinstance(variable, ast.Constant) and isinstance(variable.value, str):
            defaults = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
            found.update({id(part): variable.value for default in defaults for part in ast.walk(default)})
    return found


def _find_line(lines: list[str], path: str, first: int, last: int) -> int:
    """Return the line on which a text of several lines holds a path; the first where escapes hide it."""
    return next((number for number in range(first, last + 1) if path in lines[number - 1]), first)


def _in_quotes(text: str) -> _Found:
    for quoted in _QUOTED.finditer(text):
        line = text.count("\n", 0, quoted.start()) + 1
        yield from ((line, found.group(), None) for found in _NAME.finditer(quoted.group()[1:-1]))


def _in_words(text: str) -> _Found:
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.partition("#")[0] if line.lstrip().startswith("#") else line
        for found in _NAME.finditer(code):
            yield (number, *_split_setting(code[: found.start()], found.group()))


def _split_setting(before: str, path: str) -> tuple[str, str | None]:
    """Part a path in configuration from the variable to which it belongs, if any."""
    braced, _, default = path.rpartition(":-")
    variable = _ASSIGNED.search(f"{before}{braced}:-" if braced else before)
    return default or path, variable.group(1) if variable else None
