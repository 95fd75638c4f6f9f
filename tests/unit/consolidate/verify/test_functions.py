"""What SQLite says of instants while it joins is what is derived row by row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlcipher3 import dbapi2 as sqlcipher

from strongroom.consolidate.verify.functions import register_functions
from strongroom.consolidate.verify.instants import read_instant, write_instant
from strongroom.consolidate.verify.relations import transformed
from strongroom.consolidate.verify.values import encode_text
from strongroom.core.plan.models import TransformModel

EDGES = [
    *(edge + step for edge in (0, 10**11, 10**14, 253402300800) for step in (-1, 0, 1)),
    *(253402300800 * parts - 1 for parts in (1000, 10**6)),
    *(253402300800 * parts for parts in (1000, 10**6)),
    *(1700000000 * parts + rest for parts in (1000, 10**6) for rest in (0, 1, 999)),
    -(1 << 63),
    (1 << 63) - 1,
]
ZONES = st.sampled_from(["", "Z", "+00:00", "+02:00", "-11:30"])
TIMES = st.one_of(
    st.builds("{:%Y-%m-%dT%H:%M:%S}{}".format, st.datetimes(), ZONES),
    st.builds(str, st.datetimes()),
    st.sampled_from(["", "soon", " 2024-01-01", "2024-01-01\n", "0000-01-01", "2024-02-30", "2024-01-01\udcff00:00"]),
)


@pytest.mark.parametrize("unit", ["auto", "s", "ms", "us"])
@given(st.one_of(st.sampled_from(EDGES), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False)))
def test_a_join_writes_numbers_as_instants_as_python_does(unit: str, number: float) -> None:
    wanted = write_instant(number, unit)
    way = TransformModel.model_validate({"epoch": unit, "to": "iso8601_utc"})
    with closing(sqlite3.connect(":memory:")) as connection:
        register_functions(connection)
        sql = f"SELECT {transformed(way, 't.o', 't.n', '0')} FROM (SELECT ? AS n, ? AS o) AS t"
        is_done = connection.execute(sql, (number, wanted if isinstance(wanted, str) else "none")).fetchone()[0]
        assert bool(is_done) is isinstance(wanted, str)
        assert not connection.execute(sql, (number, "1970-01-01T00:00:07Z")).fetchone()[0] or number in (7, 7.0)


@given(TIMES, TIMES)
@example("2024-01-01T00:00", "2024-01-01T00:00Z")
@example("2024-01-01T00:00+02:00", "2024-01-01T00:00-02:00")
def test_a_join_tells_the_later_and_the_earlier_of_two_texts(one: str, other: str) -> None:
    first, second = read_instant(one), read_instant(other)
    with closing(sqlite3.connect(":memory:")) as connection:
        register_functions(connection)
        given = encode_text(one), encode_text(other)
        later, earlier = connection.execute("SELECT proof_newest(?1, ?2), proof_oldest(?1, ?2)", given).fetchone()
    assert later == (second is not None and (first is None or second > first))
    assert earlier == (second is not None and (first is None or second < first))


@pytest.mark.parametrize("library", [sqlite3, sqlcipher], ids=["system", "bundled"])
@pytest.mark.parametrize("name", ["trim", "casefold"])
@given(st.text(alphabet="aB \0\u00e9\u00a0", max_size=6))
def test_a_join_changes_a_text_whole_or_leaves_it_to_python(library: ModuleType, name: str, text: str) -> None:
    wanted = text.strip() if name == "trim" else text.casefold()
    with closing(library.connect(":memory:")) as connection:
        connection.text_factory = bytes
        register_functions(connection)
        said = connection.execute(f"SELECT proof_{name}(?)", (text.encode(),)).fetchone()[0]
    assert said in ({wanted.encode()} if "\0" not in text else {None, wanted.encode()})
