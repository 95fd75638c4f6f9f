"""The commands of .github/AT-REST.md: cryptsetup's are run on a file, AWS's are held against its services' models."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

SECONDS = 120
CRYPTSETUP = shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin:/bin")
OURS = {"--query", "--output", "--region", "--profile"}
"""Flags that every command of AWS's takes."""


def read_lines(repository: Path) -> list[str]:
    page = (repository / ".github" / "AT-REST.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


@pytest.mark.skipif(CRYPTSETUP is None, reason="the page needs cryptsetup")
def test_the_commands_of_luks_make_a_disk_that_its_keys_open(repository: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as stream:
        stream.truncate(32 << 20)
    (tmp_path / "second.key").write_text("the second one")
    lines = [line for line in read_lines(repository) if line.startswith(("umask", "openssl", "cryptsetup"))]
    assert len(lines) == 12
    answers = [follow(line, disk) for line in lines]
    assert any("0: crypt" in answer and "cipher: aes-xts-plain64" in answer for answer in answers)
    assert [open_disk(disk, tmp_path / name) for name in ("data.key", "second.key", "new.key")] == [False, True, True]
    assert (tmp_path / "sdb1.header").stat().st_size
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("*.key") if path.name != "second.key"} == {0}


def follow(line: str, disk: Path) -> str:
    """Run a line where the disk is a file; opening it is tried only: no device is made.

    Passphrases are derived quickly: as they should be takes ten seconds and a gigabyte each time.
    """
    line = re.sub(r"\b(luksFormat|luksAddKey)\b", r"\1 --pbkdf pbkdf2 --pbkdf-force-iterations 1000", line)
    line = line.replace("/dev/sdb1 data", "/dev/sdb1 --test-passphrase") if line.endswith("/dev/sdb1 data") else line
    ended = subprocess.run(
        ["/bin/sh", "-eu", "-c", f"umask 077; {line.replace('/dev/sdb1', str(disk))}"],
        cwd=disk.parent,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin", "HOME": str(disk.parent)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def open_disk(disk: Path, key: Path) -> bool:
    words = [str(CRYPTSETUP), "open", "--test-passphrase", "--key-file", str(key), str(disk)]
    return subprocess.run(words, capture_output=True, timeout=SECONDS, check=False).returncode == 0


def test_every_command_of_aws_is_one_that_its_service_takes(repository: Path) -> None:
    found = [read_command(line) for line in read_lines(repository) if line.startswith("aws ")]
    assert {(service, operation) for service, operation, _ in found} == {
        ("elasticache", "CreateReplicationGroup"),
        ("elasticache", "DescribeReplicationGroups"),
        ("rds", "CopyDBSnapshot"),
        ("rds", "CreateDBInstance"),
        ("rds", "CreateDBSnapshot"),
        ("rds", "DeleteDBSnapshot"),
        ("rds", "DescribeDBInstances"),
        ("rds", "RestoreDBInstanceFromDBSnapshot"),
    }
    made = {operation: parameters for _, operation, parameters in found}
    assert made["CreateDBInstance"]["StorageEncrypted"] is True
    assert made["CreateDBInstance"]["PubliclyAccessible"] is False
    group = made["CreateReplicationGroup"]
    assert (group["AtRestEncryptionEnabled"], group["TransitEncryptionEnabled"]) == (True, True)
    for operation in ("CreateDBInstance", "CopyDBSnapshot", "CreateReplicationGroup"):
        assert made[operation]["KmsKeyId"] == "$KEY"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("aws rds make-db-instance", "make-db-instance"),
        ("aws rds create-db-snapshot --db-instance-identifier a", "Missing required parameter"),
        ("aws rds describe-db-instances --storage-encrypted", "--storage-encrypted"),
        ("aws rds describe-db-instances --query 'DBInstances[].Encrypted'", "Encrypted"),
    ],
)
def test_a_command_that_is_none_is_found(line: str, wrong: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(wrong)):
        read_command(line)


def read_command(line: str) -> tuple[str, str, dict[str, Any]]:
    """Return service, operation and parameters of a command; what its model does not know fails."""
    _, service, command, *words = shlex.split(line)
    model = botocore.session.get_session().get_service_model(service)
    operation = {xform_name(name, "-"): name for name in model.operation_names}.get(command)
    assert operation is not None, f"{service} has no {command}"
    shapes = model.operation_model(operation)
    members = {f"--{xform_name(name, '-')}": name for name in shapes.input_shape.members}
    parameters: dict[str, Any] = {}
    while words:
        flag = words.pop(0)
        if flag in OURS:
            check_query(words.pop(0), shapes.output_shape)
            continue
        name = members.get(flag) or members.get(flag.replace("--no-", "--", 1))
        assert name is not None, f"{command} takes no {flag}"
        kind = shapes.input_shape.members[name].type_name
        parameters[name] = flag in members if kind == "boolean" else int(words.pop(0)) if kind == "integer" else (
            words.pop(0))  # fmt: skip
    report = ParamValidator().validate(parameters, shapes.input_shape)
    assert not report.has_errors(), report.generate_report()
    return service, operation, parameters


def check_query(query: str, output: Any) -> None:
    """Every name of a query is one of the answer's."""
    listed, _, fields = query.partition("[].")
    known = output.members[listed].member.members
    unknown = set(re.findall(r"\w+", fields)) - set(known)
    assert not unknown, f"no answer has {unknown}"
