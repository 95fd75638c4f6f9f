"""Objects of a bucket: what holds, and what is said when the server is away, refuses, or is another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.backup.stores.bucket import BucketObjects
from strongroom.backup.stores.lease import held
from strongroom.core.errors import (
    ConfigurationError,
    KeyMissingError,
    LockedError,
    NoSpaceError,
    NotInitialisedError,
    StrongroomError,
    UnreachableError,
    VersionError,
)
from tests.integration.keys.servers import certify, find_port
from tests.unit.backup.stores.conftest import NOW
from tests.unit.backup.stores.s3 import ACCESS, SECRET, Asked, Said, answering, objects_at, refuse
from tests.unit.backup.stores.test_lease import ELSEWHERE, QUICK

LISTED = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>shop/prod/catalog/a.json</Key></Contents>"
    b"</ListBucketResult>"
)


@pytest.fixture
def objects(moto: str, request: pytest.FixtureRequest) -> BucketObjects:
    return objects_at(moto, prefix=f"shop/{request.node.name}")


def test_objects_are_written_read_listed_and_removed(objects: BucketObjects) -> None:
    names = ["catalog/20261127_120000.json", "catalog/ü +%.json", "evidence/x/1.json"]
    for name in names:
        objects.write(name, name.encode())
    objects.write(names[0], b"another")
    assert objects.read(names[0]) == b"another"
    assert objects.read(names[1]) == names[1].encode()
    assert objects.list("catalog/") == sorted(names[:2])
    for name in (names[0], names[0]):
        objects.delete(name)
    assert objects.read(names[0]) is None
    assert objects.list("") == sorted(names[1:])


def test_of_two_who_create_an_object_one_succeeds(objects: BucketObjects) -> None:
    objects.require_conditions()
    assert objects.create("lease/1.json", b"one")
    assert not objects.create("lease/1.json", b"another")
    assert objects.read("lease/1.json") == b"one"
    assert objects.list("") == ["lease/1.json"]


def test_a_lease_is_held_in_a_bucket_as_in_a_folder(objects: BucketObjects) -> None:
    with held(objects, NOW, task="backup.create", here=ELSEWHERE, pace=QUICK) as lease:
        with pytest.raises(LockedError, match="process 7 on other"), held(objects, NOW, task="backup.prune"):
            pass
        lease.require()
    with held(objects, NOW, task="backup.prune"):
        pass


def test_a_long_list_comes_whole() -> None:
    last = b"<IsTruncated>false</IsTruncated>"
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    pages = [LISTED.replace(last, more), LISTED.replace(b"/a.json", b"/b.json")]
    with answering(lambda asked: Said(body=pages["continuation-token" in asked.path])) as (address, _):
        assert objects_at(address).list("catalog/") == ["catalog/a.json", "catalog/b.json"]


Act = Callable[[BucketObjects], object]
READ: Act = lambda objects: objects.read("a")  # noqa: E731
DELETE: Act = lambda objects: objects.delete("a")  # noqa: E731
LIST: Act = lambda objects: objects.list("catalog/")  # noqa: E731
WRITE: Act = lambda objects: objects.write("a", b"x")  # noqa: E731
CREATE: Act = lambda objects: objects.create("a", b"x")  # noqa: E731


@pytest.mark.parametrize(
    ("said", "act", "error", "says", "times"),
    [
        (refuse(500, "InternalError"), READ, UnreachableError, r"failed to read a \(status 500\)", 3),
        (refuse(503, "SlowDown"), LIST, UnreachableError, "too busy", 3),
        (Said(seconds=0.6), WRITE, UnreachableError, r"did not answer within 0\.3 s, 3 times", 3),
        (Said(body=b"half", promised=9), READ, UnreachableError, "does not answer", 1),
        (Said(body=b"<html>"), LIST, UnreachableError, "failed to list catalog/", 3),
        (refuse(403, "AccessDenied"), DELETE, KeyMissingError, "does not let us delete a", 1),
        (refuse(403, "AccessDenied"), WRITE, KeyMissingError, "does not let us write a", 1),
        (refuse(403, "SignatureDoesNotMatch"), READ, KeyMissingError, "does not accept the credentials", 1),
        (refuse(403, "RequestTimeTooSkewed"), READ, UnreachableError, "clock is not the server's", None),
        (refuse(404, "NoSuchBucket"), LIST, NotInitialisedError, "no such bucket", 1),
        (refuse(301, "PermanentRedirect"), LIST, ConfigurationError, "sends us elsewhere", None),
        (refuse(400, "InvalidRequest"), LIST, ConfigurationError, r"refused to list catalog/ \(InvalidRequest\)", 1),
        (refuse(507, "InsufficientStorage"), WRITE, NoSpaceError, "no space left", None),
        (refuse(501, "NotImplemented"), CREATE, VersionError, "conditional writes", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_server_refuses_is_told_apart(
    said: Said, act: Act, error: type[StrongroomError], says: str, times: int | None
) -> None:
    with answering(lambda _: said) as (address, asked):
        began = time.monotonic()
        with pytest.raises(error, match=says) as raised:
            act(objects_at(address, seconds=0.3))
        assert time.monotonic() - began < 10
        assert len(asked) == times or times is None
    for text in (f"{raised.value} {raised.value.hint}", repr(raised.value)):
        assert ACCESS not in text
        assert SECRET not in text
    assert raised.value.hint


def test_a_server_that_stumbles_is_asked_again() -> None:
    said = iter([refuse(500, "InternalError"), refuse(503, "SlowDown"), Said(body=b"content")])
    with answering(lambda _: next(said)) as (address, _):
        assert objects_at(address).read("a") == b"content"


def test_a_server_that_is_not_there_is_named() -> None:
    address = f"http://127.0.0.1:{find_port()}"
    with pytest.raises(UnreachableError, match=f"{address}/backups/shop/prod: does not answer"):
        objects_at(address).list("")


def test_a_server_that_passes_over_conditions_is_no_place_for_a_store() -> None:
    with answering(lambda _: Said()) as (address, asked):
        with pytest.raises(VersionError, match="two tasks could change the store at once"):
            objects_at(address).require_conditions()
        assert asked[-1].method == "DELETE"


def test_nothing_that_the_machine_knows_of_aws_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile other]\naws_access_key_id = other\nendpoint_url = http://127.0.0.1:1\n")
    for name, value in {
        "AWS_PROFILE": "none",
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_SESSION_TOKEN": "other",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_CA_BUNDLE": "/none",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_MAX_ATTEMPTS": "9",
    }.items():
        monkeypatch.setenv(name, value)
    with answering(lambda _: Said(body=LISTED)) as (address, asked):
        objects_at(address).list("catalog/")
    (only,) = asked
    assert f"Credential={ACCESS}/" in only.headers["Authorization"]
    assert "X-Amz-Security-Token" not in only.headers


def test_a_certificate_counts_only_under_its_authority(tmp_path: Path) -> None:
    context, authority = certify(tmp_path / "tls", "localhost")
    with answering(lambda _: Said(body=LISTED), context) as (address, asked):
        assert objects_at(address, ca_file=str(authority)).list("catalog/") == ["catalog/a.json"]
        with pytest.raises(UnreachableError, match="certificate that we do not trust"):
            objects_at(address).list("catalog/")
        assert len(asked) == 1


def test_a_bucket_that_is_asked_for_is_that_of_its_path() -> None:
    seen = list[Asked]()
    with answering(lambda asked: seen.append(asked) or Said(body=LISTED)) as (address, _):
        objects_at(address).list("catalog/")
    assert seen[0].path.startswith("/backups?list-type=2&prefix=shop%2Fprod%2Fcatalog%2F")
