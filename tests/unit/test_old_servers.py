"""What the oldest server that we support lacks is not asked for as if it were there: other tests meet newer servers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LATER = {
    14: "attcompression rngmultitypid prosqlbody date_bin string_to_table bit_count unistr",
    15: "indnullsnotdistinct pg_publication_namespace daticulocale colliculocale regexp_count regexp_like",
    16: "collicurules daticurules inherit_option set_option any_value pg_split_walfile_name system_user",
    17: "datlocale colllocale json_exists json_scalar json_table to_bin to_oct",
    18: "conenforced conperiod uuidv7 array_sort",
}
"""Names that came with a version of PostgreSQL: columns and tables of its catalogue, and functions."""
BARE = re.compile(rf"(?<!['\"\w])(?<!'pg_catalog\.)({'|'.join(' '.join(LATER.values()).split())})\b(?!['\"])")
"""One of them that is no text: a text may name what is not there, as in ``to_jsonb(a) ->> 'attcompression'``."""
SUBJECTS = ("load", "rotate", "schema", "postgres")


def find_bare(text: str) -> list[str]:
    return BARE.findall(text)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_nothing_is_asked_of_servers_that_older_ones_lack(repository: Path, subject: str) -> None:
    files = sorted((repository / "scripts" / "strongroom" / subject).rglob("*.py"))
    assert files
    found = {file.name: find_bare(file.read_text()) for file in files}
    assert {name: words for name, words in found.items() if words} == {}


def test_what_is_asked_for_as_if_it_were_there_is_seen() -> None:
    assert find_bare("nullif(a.attcompression::text, '')") == ["attcompression"]
    assert find_bare("JOIN pg_catalog.pg_publication_namespace n") == ["pg_publication_namespace"]
    assert find_bare("to_jsonb(a) ->> 'attcompression', to_regclass('pg_catalog.pg_publication_namespace')") == []
