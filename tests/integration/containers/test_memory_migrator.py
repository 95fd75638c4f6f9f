"""The memory stores' old door: what it was told as ever, and every row where the application looks for it."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from strongroom.memory_migrator import MemoryMigrator
from tests.integration.containers.memory_site import ALL, CONSENSUS, CRITIQUE, ROWS, Memory, read_figures
from tests.integration.containers.schema_site import PASSWORD, Site

pytestmark = pytest.mark.sample(2, whole=True)

NONE = dict.fromkeys(ROWS, 0)
MADE_BY_HAND = Path("sql/aragora/postgres/stores/001_tables.sql")


@pytest.fixture
def memory(site: Site, tmp_path: Path) -> Memory:
    found = Memory(site=site, folder=tmp_path)
    found.make(CRITIQUE, CONSENSUS)
    return found


def read_blocks(repository: Path, language: str) -> list[str]:
    text = (repository / ".github" / "POSTGRES.md").read_text(encoding="utf-8")
    section = text.partition("\n## The memory stores\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def test_the_commands_of_the_paper_do_what_they_say(memory: Memory, repository: Path) -> None:
    (block,) = read_blocks(repository, "bash")
    text = re.sub(r'"postgresql://[^"]*"', shlex.quote(memory.dsn), block).replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(commands) == 3
    told = [(ALL, 0, 0), (0, 4, 0), (0, 9, 0)]
    for command, expected in zip(commands, told, strict=True):
        program, *line = shlex.split(command)
        assert program == "python"
        done = memory.run(line)
        assert done.returncode == 0, done.stderr
        assert read_figures(done.stdout) == expected
        assert "DATABASE_URL" in done.stderr
    assert memory.count() == ROWS


def test_the_snippet_of_the_paper_runs_as_it_stands(
    memory: Memory, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = read_blocks(repository, "python")
    monkeypatch.chdir(memory.folder)
    text = block.replace("postgresql://user:pass@host/db", memory.dsn)
    code = compile(text, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    capsys.readouterr()
    asyncio.run(cast("Coroutine[Any, Any, None]", eval(code, {})))
    assert capsys.readouterr().out == f"Migrated: {ALL}\nSkipped: 0\nErrors: 0\n"
    assert memory.count() == ROWS


def test_rows_arrive_as_what_they_mean(memory: Memory) -> None:
    done = memory.migrate()
    assert done.code == 0, done.err
    found = memory.read(
        "SELECT id, consensus_reached, confidence, grounded_verdict::text, created_at FROM stores.debates"
    )
    assert [(*row[:4], row[4].isoformat()) for row in sorted(found)] == [
        ("d1", True, 0.1, '{"grade": 1.50}', "2026-01-01T10:00:00+00:00"),
        ("d2", False, None, None, "2026-01-02T08:00:00.123456+00:00"),
    ]
    assert memory.read("SELECT reasoning, acknowledged, data::text FROM stores.dissent") == [("", False, "{}")]
    assert memory.read("SELECT embedding FROM stores.pattern_embeddings") == [(b"\x00\x01\xff",)]
    memory.site.do("INSERT INTO stores.critiques (agent) VALUES ('later')")
    assert memory.read("SELECT max(id) FROM stores.critiques") == [(10,)]


def test_only_the_chosen_store_goes(memory: Memory) -> None:
    done = memory.migrate("--store", "consensus")
    assert done.end == (0, 4, 0, 0), done.err
    assert memory.count() == {**NONE, "consensus": 2, "dissent": 1, "verified_proofs": 1}
    assert "table debates: is none of the chosen stores', stayed behind" in done.out


def test_a_file_with_one_store_goes_as_far_as_it_has_tables(site: Site, tmp_path: Path) -> None:
    memory = Memory(site=site, folder=tmp_path)
    memory.make(CRITIQUE)
    done = memory.migrate()
    assert done.end == (0, 9, 0, 0), done.err
    assert "table consensus: is not in agora_memory.db" in done.out


def test_a_live_row_wins_and_the_others_follow(memory: Memory) -> None:
    assert memory.migrate().code == 0
    memory.site.do(
        "UPDATE stores.debates SET task = 'mine' WHERE id = 'd1'",
        "DELETE FROM stores.agent_reputation",
    )
    memory.make("INSERT INTO debates (id, task) VALUES ('d3', 'new')")
    done = memory.migrate()
    assert done.end == (0, 2, ALL - 1, 0), done.err
    assert memory.read("SELECT id, task FROM stores.debates ORDER BY 1")[0] == ("d1", "mine")
    assert memory.count() == {**ROWS, "debates": 3}


def test_a_row_that_is_there_with_other_values_is_an_error_on_demand(memory: Memory) -> None:
    assert memory.migrate().code == 0
    memory.site.do("UPDATE stores.debates SET task = 'mine' WHERE id = 'd1'")
    memory.make("INSERT INTO debates (id, task) VALUES ('d3', 'new')")
    done = memory.migrate("--no-skip-existing")
    assert done.code == 4, done.out
    assert "stores.debates row 1" in done.out
    assert memory.read("SELECT task FROM stores.debates WHERE id = 'd1'") == [("mine",)]


def test_what_does_not_fit_waits_and_is_told(memory: Memory) -> None:
    memory.make("UPDATE debates SET confidence = 'high' WHERE id = 'd2'")
    done = memory.migrate()
    assert done.end == (4, 0, 0, 2)
    assert memory.count() == NONE
    assert "confidence holds TEXT, which a double does not take" in done.out
    again = memory.migrate("--quarantine-budget", "2")
    assert again.end == (0, ALL - 2, 0, 2), again.err
    assert memory.count() == {**ROWS, "debates": 1, "critiques": 1}


def test_tables_that_the_application_made_itself_are_found_where_its_names_lead(
    memory: Memory, repository: Path
) -> None:
    role = memory.site.make_role("")
    memory.site.do(f"CREATE SCHEMA app AUTHORIZATION {role}", f"ALTER ROLE {role} SET search_path = app")
    name = memory.read("SELECT current_database()")[0][0]
    memory.site.do(f"GRANT CREATE ON DATABASE {name} TO {role}")
    memory.site.do((repository / MADE_BY_HAND).read_text(encoding="utf-8"), role=role)
    dsn = memory.dsn.replace("postgres@", f"{role}@")
    done = memory.migrate(DATABASE_URL=dsn, PGPASSWORD=PASSWORD)
    assert done.end == (0, ALL, 0, 0), done.err
    assert memory.count("app") == ROWS
    assert memory.read("SELECT count(*) FROM pg_namespace WHERE nspname = 'stores'") == [(0,)]
    again = memory.migrate(DATABASE_URL=dsn, PGPASSWORD=PASSWORD)
    assert again.end == (0, 0, ALL, 0), again.err


def test_a_dry_run_writes_nothing(memory: Memory) -> None:
    done = memory.migrate("--dry-run")
    assert done.code == 0, done.err
    assert memory.read("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(stores|strongroom)'") == []
    assert [path.name for path in memory.file.parent.iterdir()] == ["agora_memory.db"]


def test_a_migration_beside_a_running_loop_blocks_nobody(memory: Memory) -> None:
    async def migrate() -> tuple[int, int]:
        ticks = 0
        migrator = MemoryMigrator(sqlite_path=memory.file, postgres_dsn=memory.dsn)
        work = asyncio.create_task(migrator.migrate_all())
        while not work.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return (await work).total_migrated, ticks

    migrated, ticks = asyncio.run(migrate())
    assert migrated == ALL
    assert ticks > 5
