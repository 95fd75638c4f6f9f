"""CREATE INDEX and CHECK: what needs SQL of SQLite to mean the same in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot.tokenizer_core import Token, TokenType

from strongroom.core.quoting import quote
from strongroom.load.draft.clauses import UnreadableError, part_words, word_of
from strongroom.load.draft.comparing import collate
from strongroom.load.draft.expressions import translate, translate_condition
from strongroom.load.draft.model import Drafted
from strongroom.load.draft.names import NameBook, shorten
from strongroom.load.draft.tables import Shape, write_part
from strongroom.load.draft.terms import UntranslatableError
from strongroom.sqlite.schema import Index


def create_checks(shape: Shape, told: list[str]) -> Iterator[Drafted]:
    """Yield the CHECKs of a table; ``told`` gains those that do not come along."""
    names = NameBook(())
    for check in shape.clauses.checks:
        try:
            condition = translate_condition(check.condition, shape)
        except UntranslatableError as error:
            told.append(f"{shape.name}: CHECK ({_flatten(check.condition)}) does not come along: it {error}")
            continue
        name = names.choose(check.name) if check.name else names.choose("ck", shape.name)
        yield Drafted(
            statement=f"ALTER TABLE {quote(shape.name)} ADD CONSTRAINT {quote(name)} CHECK ({condition})",
            subject=f"check {shape.name}.{name}",
            is_optional=True,
        )


def create_indexes(shape: Shape, book: NameBook, told: list[str]) -> Iterator[Drafted]:
    """Yield the indexes that CREATE INDEX made; ``told`` gains those that do not come along, and new names."""
    for index in shape.table.indexes:
        if index.origin != "c":
            continue
        try:
            on, is_plain = _write_index(shape, index)
        except UntranslatableError as error:
            told.append(f"{shape.name}.{index.name}: the index does not come along: it {error}")
            continue
        name = index.name if shorten(index.name) == index.name else book.choose(index.name)
        if name != index.name:
            told.append(f"{shape.name}.{index.name}: the index is called {name}")
        unique = "UNIQUE " if index.unique else ""
        yield Drafted(
            statement=f"CREATE {unique}INDEX {quote(name)} ON {quote(shape.name)} {on}",
            subject=f"index {shape.name}.{name}",
            is_optional=not (index.unique and is_plain),
        )


def _write_index(shape: Shape, index: Index) -> tuple[str, bool]:
    """Return the parts and the condition of an index, and whether both are of columns only."""
    written, where = _split_index(index.sql or "")
    if len(written) != len(index.parts):
        raise UntranslatableError("cannot be parsed")
    parts = []
    for text, (column, is_descending, collation) in zip(written, index.parts, strict=True):
        part = write_part(shape, column, collation) if column else _write_expression(shape, text, collation)
        parts.append(f"{part} DESC" if is_descending else part)
    condition = f" WHERE {translate_condition(where, shape)}" if where else ""
    return f"({', '.join(parts)}){condition}", bool(index.columns) and not where


def _write_expression(shape: Shape, text: str, collation: str) -> str:
    term = translate(text, shape)
    sql = collate(term.sql, collation.upper(), is_ordered=False) if term.kind == "text" else term.sql
    return f"({sql})"


def _split_index(sql: str) -> tuple[list[str], str]:
    """Return the text of each part of a CREATE INDEX, and that of its condition."""
    try:
        words = part_words(sql)
    except UnreadableError as error:
        raise UntranslatableError("cannot be parsed") from error
    opening = next(at for at, word in enumerate(words) if word.token_type is TokenType.L_PAREN)
    depth, start, parts = 0, opening + 1, []
    for at in range(opening, len(words)):
        kind = words[at].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth == 0 or (depth == 1 and kind is TokenType.COMMA):
            parts.append(_text_of(words[start:at], sql))
            start = at + 1
        if depth == 0:
            break
    rest = words[start:]
    return parts, sql[rest[0].end + 1 :] if rest else ""


def _text_of(words: Sequence[Token], sql: str) -> str:
    """Return the text of a part without its order and collation, which pragmas tell."""
    kept = list(words)
    if kept and word_of(kept[-1]) in {"ASC", "DESC"}:
        kept.pop()
    if len(kept) > 2 and word_of(kept[-2]) == "COLLATE":  # noqa: PLR2004  # an expression, the word and the name
        del kept[-2:]
    return sql[kept[0].start : kept[-1].end + 1] if kept else ""


def _flatten(text: str) -> str:
    return " ".join(text.split())
