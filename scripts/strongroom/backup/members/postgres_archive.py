"""What a dump says of itself, read with ``pg_restore``: what it declares, where sequences stand, how to make anew."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.backup.documents import TableRecord
from strongroom.backup.members.postgres_figures import Relation, record_sequence
from strongroom.core.errors import DifferencesError
from strongroom.postgres.clients import Clients

_ENTRY = re.compile(r"^(?P<id>\d+); \d+ \d+ (?P<rest>.*)$")
_BLOCK = re.compile(r"(?m)^--\n-- Name: (?P<name>.*); Type: (?P<kind>[A-Z ]+); Schema: (?P<schema>.*); Owner: .*\n--\n")
_UNSTEADY = re.compile(
    r"(?m)^(?:\\(?:un)?restrict .*|SET default_(?:tablespace|table_access_method) = .*;"
    r"|CREATE DATABASE .*;|-- PostgreSQL database dump complete|--)$"
)
"""Lines that depend on the order of the rest, on the program, and on locales that another machine may lack."""
_CONNECT = re.compile(r"(?m)^\\(?:encoding|connect) ")
"""From here on it is about the way to run what follows."""
_SETVAL = re.compile(r"(?m)^SELECT pg_catalog\.setval\(E?'((?:[^']|'')*)', (-?\d+), (true|false)\);$")
_PART = r'(?:"(?:[^"]|"")*"|[^\s".]+)'
_QUALIFIED = re.compile(rf"({_PART})\.({_PART})")
_CREATE = re.compile(rf"^CREATE DATABASE ({_PART}) ")
_ABOUT_DATABASE = ("DATABASE", "DATABASE PROPERTIES")
_REFRESH = "MATERIALIZED VIEW DATA"
_DEFAULT_RIGHTS = "DEFAULT ACL"
_NEUTRAL = '"the database"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A dump in pg_dump's directory format."""

    path: Path
    clients: Clients

    def list_entries(self) -> tuple[str, ...]:
        """Return the lines of its table of contents. Raises DifferencesError for a dump that cannot be read."""
        lines = self._run("--list").splitlines()
        return tuple(line for line in lines if _ENTRY.match(line))

    def read_schema(self) -> dict[str, str]:
        """Return what it declares, by kind and name, the same for a database of any name."""
        text = self._run("--schema-only", "--create", "--no-tablespaces", "--file=-")
        return normalise_schema(text)

    def read_sequences(self) -> dict[str, TableRecord]:
        """Return where its sequences stand."""
        wanted = [line for line in self.list_entries() if " SEQUENCE SET " in line]
        if not wanted:
            return {}
        text = self._run("--use-list=/dev/stdin", "--file=-", given="\n".join(wanted))
        return dict(
            record_sequence(_split(name.replace("''", "'")), int(last), is_called=called == "true")
            for name, last, called in _SETVAL.findall(text)
        )

    def write_making(self, database: str) -> tuple[str, str]:
        """Return the SQL that makes its database under another name, and what is to be run once it is filled."""
        text = self._run("--schema-only", "--create", "--file=-")
        making, dressing = "", []
        for found, body in _split_blocks(text):
            if found["kind"] == "DATABASE":
                making = next(line for line in body.splitlines() if _CREATE.match(line))
            if _is_about_database(found):
                dressing.append(body)
        name = _CREATE.match(making)
        if name is None:
            raise DifferencesError(self.path, "does not say how its database is made", "take another set")
        new = '"' + database.replace('"', '""') + '"'
        rest = _rename("\n".join(dressing), name[1], new)
        lines = [line for line in rest.splitlines() if not line.startswith(("CREATE DATABASE", "\\", "--"))]
        return f"CREATE DATABASE {new} {making[name.end() :]}", "\n".join(lines)

    def _run(self, *arguments: str, given: str = "") -> str:
        said = self.clients.run_alone("pg_restore", [*arguments, self.path], standard_input=given.encode())
        if not said.is_success:
            lines = said.stderr.decode(errors="replace").splitlines() or [f"exit code {said.exit_code}"]
            raise DifferencesError(self.path, f"cannot be read: {lines[0]}", "take another set")
        return said.stdout.decode(errors="surrogateescape")


def normalise_schema(text: str) -> dict[str, str]:
    """Cut the SQL that makes a schema into its parts, by kind and name, in words that only the content decides."""
    blocks, database = list(_split_blocks(text)), ""
    for found, body in blocks:
        made = re.search(rf"(?m){_CREATE.pattern}", body) if found["kind"] == "DATABASE" else None
        database = made[1] if made is not None else database
    parts: dict[str, list[str]] = {}
    for found, body in blocks:
        if found["kind"] == _REFRESH:
            continue
        schema, name = "" if found["schema"] == "-" else found["schema"], found["name"]
        settled = _UNSTEADY.sub("", body).strip()
        if found["kind"] == _DEFAULT_RIGHTS:  # the server orders them by numbers that it gave the roles
            settled = "\n".join(sorted(settled.splitlines()))
        if _is_about_database(found):
            settled, name = _rename(settled, database, _NEUTRAL), ""
        parts.setdefault(" ".join(filter(None, (found["kind"], schema, name))), []).append(settled)
    return {title: "\n".join(sorted(bodies)) for title, bodies in parts.items()}


def hash_schema(parts: Mapping[str, str]) -> str:
    """Return the SHA-256 of all that a database declares, in hex."""
    text = "\0".join(f"{title}\0{body}" for title, body in sorted(parts.items()) if body)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def compare_schemas(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterable[str]:
    """Yield a line for each thing that is declared otherwise."""
    for title in sorted(wanted.keys() | found.keys()):
        was, now = wanted.get(title, ""), found.get(title, "")
        if was != now:
            yield f"{title} {'is gone' if not now else 'was not there' if not was else 'is declared otherwise'}"


def choose_entries(entries: Iterable[str], table: Relation) -> tuple[str, ...]:
    """Return what of a dump's contents fills one table, and what keeps its rows apart: keys, but no references."""
    chosen = []
    for line in entries:
        found = _ENTRY.match(line)
        rest = found["rest"] if found is not None else ""
        mine = f"{table.schema} {table.name} "
        if rest.startswith((f"TABLE DATA {mine}", f"CONSTRAINT {mine}")):
            chosen.append(line)
    return tuple(chosen)


def _split_blocks(text: str) -> Iterable[tuple[Mapping[str, str], str]]:
    found = list(_BLOCK.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=True):
        yield match.groupdict(), _CONNECT.split(text[match.end() : end])[0]


def _is_about_database(found: Mapping[str, str]) -> bool:
    return found["kind"] in _ABOUT_DATABASE or found["name"].startswith("DATABASE ")


def _rename(text: str, old: str, new: str) -> str:
    """Give a database another name in the statements that pg_dump writes about it."""
    before = r"(?m)^((?:ALTER|COMMENT ON|SECURITY LABEL .* ON) DATABASE |(?:GRANT|REVOKE) .* ON DATABASE )"
    text = re.sub(f"{before}{re.escape(old)}(?=[ ;])", lambda found: f"{found[1]}{new}", text)
    return re.sub(rf"(?m)^(ALTER ROLE .* IN DATABASE ){re.escape(old)}(?= )", lambda found: f"{found[1]}{new}", text)


def _split(name: str) -> Relation:
    found = _QUALIFIED.fullmatch(name)
    if found is None:
        raise DifferencesError(name, "is no name of a sequence that is understood", "use the newest version of this")
    schema, own = (part[1:-1].replace('""', '"') if part.startswith('"') else part for part in found.groups())
    return Relation(schema, own)
