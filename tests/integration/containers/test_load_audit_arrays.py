"""Arrays and decimals in the proof: of what stands as it must nothing is said, and any other element is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.containers.audit_site import SCHEMA, Audit, make_empty, open_audit
from tests.integration.containers.schema_site import name_server

DIGITS = "0.1234567890123456789012"
ROUNDED = "0.12345678901234568"
HEX = "0b5c4ea1-7f3d-4b12-9e0a-3d8c6f1a2b4c"
ODD = (
    r"""["NULL", "null", null, "", " ", "a\"b", "a\\b", "\\\"", "{a,b}", "a,b", "\n\t\u0001", "é\u00e9", "'", """
    r""""\\u0000"]"""
)
ODD_ELEMENTS = ["NULL", "null", None, "", " ", 'a"b', "a\\b", '\\"', "{a,b}", "a,b", "\n\t\1", "éé", "'", "\\u0000"]
CASES = (
    ("numeric", DIGITS, DIGITS, (ROUNDED, f"{DIGITS}1", "NULL")),
    ("numeric", f"123456789012345678901{DIGITS}", f"123456789012345678901{DIGITS}", ("123456789012345680000",)),
    ("numeric[]", f"[{DIGITS}]", f"{{{DIGITS}}}", (f"{{{ROUNDED}}}", f"{{{DIGITS},NULL}}", "{}")),
    ("numeric[]", f'["{DIGITS}", 1E+2, -0.0]', f"{{{DIGITS},100,0.0}}", (f"{{{ROUNDED},100,0}}", f"{{{DIGITS},100}}")),
    ("numeric(6,2)[]", "[1.5, null]", "{1.50,NULL}", ("{1.51,NULL}", "{NULL,1.50}", "{1.5,0}")),
    ("jsonb[]", f'[{DIGITS}, "{{}}"]', f'{{{DIGITS},"{{}}"}}', (f'{{{ROUNDED},"{{}}"}}', f"{{{DIGITS},[]}}")),
    ("jsonb[]", '["null", null, "[1.0]"]', '{"null",NULL,[1]}', ("{NULL,NULL,[1]}", '{"null","null",[1]}')),
    ("json[]", '["{\\"a\\": 1, \\"b\\": 2}"]', '{"{\\"b\\": 2, \\"a\\": 1.0}"}', ('{"{\\"a\\": 1}"}', "{NULL}")),
    ("bigint[]", "[9223372036854775807, true, null]", "{9223372036854775807,1,NULL}",
     ("{9223372036854775806,1,NULL}", "{9223372036854775807,1,0}", "{9223372036854775807,NULL,1}")),
    ("smallint[]", "[-32768]", "{-32768}", ("{-32767}", "{{-32768}}", "[0:0]={-32768}", "[2:2]={-32768}")),
    ("double precision[]", "[0.1, -0.0, 5e-324, 1]", "{0.1,-0,5e-324,1}",
     ("{0.1,0,5e-324,1}", "{0.10000000000000002,-0,5e-324,1}", "{0.1,-0,0,1}", "{0.1,-0,5e-324,NaN}")),
    ("real[]", "[0.5, -0.0]", "{0.5,-0}", ("{0.5,0}", "{0.50000006,-0}")),
    ("boolean[]", '[true, 0, null, "FALSE"]', "{t,f,NULL,f}", ("{t,f,f,f}", "{t,f,NULL}", "{f,f,NULL,f}")),
    ("timestamptz[]", '["2024-01-01 10:00:00.123456+02:00", null]', '{"2024-01-01 08:00:00.123456+00",NULL}',
     ('{"2024-01-01 08:00:00.123457+00",NULL}', "{infinity,NULL}", '{"2024-01-01 08:00:00.123456 BC",NULL}')),
    ("timestamp[]", '["2024-01-01"]', '{"2024-01-01 00:00:00"}', ('{"2024-01-01 00:00:01"}', "{-infinity}")),
    ("date[]", '["2024-02-29"]', "{2024-02-29}", ("{2024-03-01}", "{infinity}", '{"2024-02-28 BC"}')),
    ("uuid[]", f'["{HEX.upper()}"]', f"{{{HEX}}}", (f"{{{HEX[:-1]}d}}", f"{{{HEX},{HEX}}}")),
    ("varchar(3)[]", '["abc"]', "{abc}", ("{ab}", '{"ab "}', "{ABC}")),
)  # fmt: skip


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "arrays", tmp_path_factory.mktemp("arrays"))


@pytest.fixture
def empty(room: Audit, tmp_path: Path) -> Audit:
    return make_empty(room, tmp_path)


def fill(audit: Audit, typed: str, mine: object, server: object) -> None:
    """Put one value into a table that has a key, and into one that has none."""
    audit.do(
        f"CREATE TABLE {SCHEMA}.keyed (id bigint PRIMARY KEY, what {typed})",
        f"CREATE TABLE {SCHEMA}.bag (what {typed})",
    )
    audit.change_source("CREATE TABLE keyed (id INTEGER PRIMARY KEY, what TEXT)", "CREATE TABLE bag (what TEXT)")
    with audit.open_source() as source, audit.connect() as connection:
        source.execute("INSERT INTO keyed VALUES (1, ?)", (mine,))
        source.execute("INSERT INTO bag VALUES (?)", (mine,))
        source.commit()
        connection.execute(f"INSERT INTO {SCHEMA}.keyed VALUES (1, %s)".encode(), (server,))
        connection.execute(f"INSERT INTO {SCHEMA}.bag VALUES (%s)".encode(), (server,))


def list_wrong(audit: Audit) -> set[str]:
    """Return the tables of which a difference is said."""
    return {line.partition(":")[0].removeprefix("shop.") for line in audit.prove().differences}


@pytest.mark.sample(4)
@pytest.mark.parametrize(("typed", "mine", "server", "others"), CASES, ids=[f"{one[0]} {one[1][:20]}" for one in CASES])
def test_each_element_counts(empty: Audit, typed: str, mine: str, server: str, others: tuple[str, ...]) -> None:
    fill(empty, typed, mine, server)
    assert list_wrong(empty) == set()
    for other in others:
        value = None if other == "NULL" else other
        with empty.connect() as connection:
            for table in ("keyed", "bag"):
                connection.execute(f"UPDATE {SCHEMA}.{table} SET what = %s".encode(), (value,))
        assert list_wrong(empty) == {"keyed", "bag"}, other


def test_texts_in_an_array_may_hold_anything(empty: Audit) -> None:
    fill(empty, "text[]", ODD, ODD_ELEMENTS)
    assert list_wrong(empty) == set()
    changed = [
        [*ODD_ELEMENTS[:place], other, *ODD_ELEMENTS[place + 1 :]]
        for place, element in enumerate(ODD_ELEMENTS)
        for other in {"NULL", None, "", "a\\\\b", f"{element}x"} - {element}
    ]
    with empty.open_source() as source, empty.connect() as connection:
        for number, elements in enumerate(changed, 2):
            source.execute("INSERT INTO keyed VALUES (?, ?)", (number, ODD))
            connection.execute(f"INSERT INTO {SCHEMA}.keyed VALUES (%s, %s)".encode(), (number, elements))
        source.commit()
    assert empty.prove().tables["shop.keyed"].unexplained == len(changed) > 60
