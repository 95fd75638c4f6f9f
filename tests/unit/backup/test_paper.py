"""The operator's page says all that there is to say in system.yaml, and every figure and code that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from strongroom.backup.metrics import MEANINGS, PREFIX
from strongroom.core.backup_entry import BackupEntry, Bucket, Keep, Objectives, ResticStore
from strongroom.core.errors import ExitCode
from strongroom.core.system import System, read_system
from strongroom.tasks.namespace import namespace as every_task


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / ".github" / "BACKUPS.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example(page: str) -> str:
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    return str(text)


def name_fields(value: object) -> Iterator[str]:
    """Yield ``Model.field`` for whatever was said, not left to its default."""
    if isinstance(value, BaseModel):
        for name in value.model_fields_set:
            yield f"{type(value).__name__}.{name}"
            yield from name_fields(getattr(value, name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from name_fields(one)


def test_the_example_is_a_system_and_says_all_that_can_be_said(example: str, tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text(example)
    backup = read_system(tmp_path).backup
    assert backup is not None
    said = set(name_fields(backup))
    models = (BackupEntry, Bucket, ResticStore, Keep, Objectives)
    wanted = {f"{model.__name__}.{name}" for model in models for name in model.model_fields}
    others = {type(one) for one in (backup.postgres, backup.redis, *backup.leave_out, *backup.checks)}
    wanted |= {f"{one.__name__}.{name}" for one in others for name in one.model_fields}  # type: ignore[attr-defined]
    assert wanted <= said


def test_the_defaults_that_it_names_are_those(example: str) -> None:
    backup = System.model_validate(yaml.safe_load(example)).backup
    assert backup is not None
    assert (backup.keep, backup.objectives) == (Keep(), Objectives())


def test_every_figure_is_in_the_table_with_its_labels(page: str) -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (.*?) \|", page, re.MULTILINE)
    told = {name for names, _ in rows for name in re.findall(r"`(\w+)`", names)}
    assert told >= MEANINGS.keys()
    assert f"`{PREFIX}`" in page


def test_every_code_that_a_backup_may_end_with_is_in_the_table(page: str) -> None:
    codes = re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE)
    listed = [int(code) for row in codes for code in row.split(", ")]
    assert listed == sorted(set(ExitCode) - {ExitCode.BUG, ExitCode.INTERRUPTED, ExitCode.TERMINATED})


def test_every_task_is_named(page: str) -> None:
    missing = [name for name in every_task.task_names if name.startswith("backup.") and name not in page]
    assert missing == []


def test_where_it_leads_there_is_something(page: str, repository: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert links
    assert [link for link in links if not (repository / ".github" / link).is_file()] == []
