"""Keys in Secrets Manager: by moto as far as it goes, and AWS's real error codes by botocore's Stubber."""

from __future__ import annotations

import json
import traceback
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.stub import Stubber

from strongroom.core.errors import StrongroomError
from strongroom.core.secret import Secret
from strongroom.keys import ProvidedKeys, State
from strongroom.keys.errors import (
    KeyConflictError,
    KeyDeletedError,
    KeyDeniedError,
    KeyFormatError,
    KeyNotFoundError,
    KeyUnusableError,
    LoginExpiredError,
    LoginRefusedError,
    ProviderBusyError,
    ProviderMisnamedError,
    ProviderUntrustedError,
)
from tests.integration.keys.servers import certify, find_port, playing
from tests.unit.keys.providers import CANARY, OTHER, Site

THIRD = "5ca1ab1e" * 8
ACCESS = "AKIACANARY4711", "secret-access-canary-4711"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ACCESS[1])
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def admin(moto: str) -> Any:
    return boto3.client("secretsmanager", endpoint_url=moto, region_name="eu-central-1")


def site_of(folder: Path, endpoint: str, **more: Any) -> Site:
    entry = {"provider": "aws", "region": "eu-central-1", "endpoint": endpoint, "encoding": "hex", **more}
    return Site(folder=folder, entries={"vault": entry})


def fail(site: Site, kind: type[StrongroomError], act: Callable[[Any], object] | None = None) -> StrongroomError:
    """Return the error, after looking for secrets in all that could be printed of it."""
    keys = site.open()
    with pytest.raises(kind) as caught:
        (act or (lambda keys: keys["vault"]))(keys)
    assert type(caught.value) is kind
    said = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert not [secret for secret in (CANARY, OTHER, *ACCESS) if secret in said]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert caught.value.hint
    return caught.value


def test_the_seeds_own_secret_is_read(admin: Any, moto: str, tmp_path: Path) -> None:
    made = admin.create_secret(Name="aragora/encryption-key", SecretString=CANARY)
    key = site_of(tmp_path, moto, secret="aragora/encryption-key").open().fetch("vault")
    assert (key.secret.reveal(), key.id) == (CANARY, f"vault@{made['VersionId']}")
    assert key.created is not None
    by_arn = site_of(tmp_path, moto, secret=made["ARN"]).open()
    assert by_arn["vault"].reveal() == CANARY


def test_a_key_may_be_bytes_or_a_member_of_a_json_object(admin: Any, moto: str, tmp_path: Path) -> None:
    admin.create_secret(Name="bytes", SecretBinary=bytes.fromhex(CANARY))
    admin.create_secret(Name="text-in-bytes", SecretBinary=CANARY.encode())
    admin.create_secret(Name="object", SecretString=json.dumps({"key": CANARY, "number": 7}))
    assert site_of(tmp_path, moto, secret="bytes", encoding="raw").open()["vault"].reveal() == CANARY
    assert site_of(tmp_path, moto, secret="text-in-bytes").open()["vault"].reveal() == CANARY
    assert site_of(tmp_path, moto, secret="object", field="key").open()["vault"].reveal() == CANARY
    assert "is not hex" in fail(site_of(tmp_path, moto, secret="object"), KeyFormatError).fact
    assert (
        "no field other (of 2)" in fail(site_of(tmp_path, moto, secret="object", field="other"), KeyNotFoundError).fact
    )
    assert "is no text" in fail(site_of(tmp_path, moto, secret="object", field="number"), KeyFormatError).fact
    assert "is text" in fail(site_of(tmp_path, moto, secret="object", encoding="raw"), KeyFormatError).fact
    admin.create_secret(Name="plain", SecretString=CANARY)
    assert "is no JSON object" in fail(site_of(tmp_path, moto, secret="plain", field="key"), KeyFormatError).fact


def states(keys: ProvidedKeys) -> dict[str, State]:
    return {one.version: one.state for one in keys.list_versions("vault")}


@pytest.mark.parametrize(
    "more",
    [{}, {"field": "key"}, {"encoding": "raw"}, {"encoding": "base64"}],
    ids=["text", "member", "bytes", "base64"],
)
def test_a_rotation_keeps_every_key_that_is_not_retired(
    admin: Any, moto: str, tmp_path: Path, request: pytest.FixtureRequest, more: dict[str, str]
) -> None:
    name = f"rotated-{request.node.callspec.id}"
    keys = site_of(tmp_path, moto, secret=name, **more).open()
    first = keys.create("vault", Secret(CANARY))
    second = keys.put_pending("vault", Secret(OTHER))
    assert (keys["vault"].reveal(), keys[f"vault@{second}"].reveal()) == (CANARY, OTHER)
    assert states(keys) == {first: State.ACTIVE, second: State.PENDING}
    keys.promote("vault", second)
    keys.promote("vault", second)
    third = keys.put_pending("vault", Secret(THIRD))
    keys.promote("vault", third)
    assert (keys["vault"].reveal(), keys[f"vault@{first}"].reveal()) == (THIRD, CANARY)
    assert keys["vault@AWSPREVIOUS"].reveal() == OTHER
    # AWS's own labels are on two versions only; the first one stays by ours.
    stages = {
        one["VersionId"]: one["VersionStages"] for one in admin.list_secret_version_ids(SecretId=name)["Versions"]
    }
    assert f"strongroom-{first}" in stages[first]
    assert "AWSPENDING" not in stages[third]
    assert states(keys) == {first: State.PREVIOUS, second: State.PREVIOUS, third: State.ACTIVE}
    keys.retire("vault", first)
    keys.retire("vault", second)
    assert states(keys) == {first: State.GONE, second: State.GONE, third: State.ACTIVE}


def test_other_members_of_an_object_stay(admin: Any, moto: str, tmp_path: Path) -> None:
    admin.create_secret(Name="members", SecretString=json.dumps({"key": CANARY, "else": "mine"}))
    keys = site_of(tmp_path, moto, secret="members", field="key").open()
    keys.promote("vault", keys.put_pending("vault", Secret(OTHER)))
    current = admin.get_secret_value(SecretId="members", VersionStage="AWSCURRENT")
    assert json.loads(current["SecretString"]) == {"key": OTHER, "else": "mine"}


def test_what_is_there_is_not_made_again_and_one_is_pending_at_a_time(admin: Any, moto: str, tmp_path: Path) -> None:
    site = site_of(tmp_path, moto, secret="twice")
    keys = site.open()
    first = keys.create("vault", Secret(CANARY))
    assert fail(site, KeyConflictError, lambda keys: keys.create("vault", Secret(OTHER))).exit_code == 6
    second = keys.put_pending("vault", Secret(OTHER))
    with pytest.raises(KeyConflictError, match=f"version {second} is pending already"):
        keys.put_pending("vault", Secret(THIRD))
    with pytest.raises(KeyConflictError, match="is the active one"):
        keys.retire("vault", first)
    keys.retire("vault", second)
    keys.put_pending("vault", Secret(THIRD))
    with pytest.raises(KeyNotFoundError):
        keys.promote("vault", "no-such-version-in-this-secret-at-all")


def test_a_label_that_aws_left_on_the_active_version_is_no_rotation(admin: Any, moto: str, tmp_path: Path) -> None:
    keys = site_of(tmp_path, moto, secret="left").open()
    first = keys.create("vault", Secret(CANARY))
    admin.update_secret_version_stage(SecretId="left", VersionStage="AWSPENDING", MoveToVersionId=first)
    assert states(keys) == {first: State.ACTIVE}
    keys.put_pending("vault", Secret(OTHER))


def test_what_is_missing_deleted_or_away_is_told_apart(admin: Any, moto: str, tmp_path: Path) -> None:
    error = fail(site_of(tmp_path, moto, secret="nothing"), KeyNotFoundError)
    assert ("there is no secret nothing" in error.fact, error.exit_code) == (True, 12)
    admin.create_secret(Name="there", SecretString=CANARY)
    site = site_of(tmp_path, moto, secret="there", version="0b9f4f0e-0000-4000-8000-000000000000")
    assert "there has no such version" in fail(site, KeyNotFoundError).fact
    fail(site_of(tmp_path, moto, secret="there", version="AWSPREVIOUS"), KeyNotFoundError)
    admin.create_secret(Name="deleted", SecretString=CANARY)
    admin.delete_secret(SecretId="deleted")
    error = fail(site_of(tmp_path, moto, secret="deleted"), KeyDeletedError)
    assert "aws secretsmanager restore-secret --secret-id deleted" in error.hint
    error = fail(site_of(tmp_path, f"http://127.0.0.1:{find_port()}", secret="there"), ProviderBusyError)
    assert ("cannot be connected to" in error.fact, error.exit_code) == (True, 5)


def test_credentials_region_and_profile_that_are_missing_are_named(
    moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fail(site_of(tmp_path, moto, secret="a", profile="nobody"), ProviderMisnamedError).exit_code == 2
    site = site_of(tmp_path, moto, secret="a")
    site.entries = {"vault": {**site.entries["vault"], "region": None, "endpoint": None}}
    assert "say region:" in fail(site, ProviderMisnamedError).hint
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = fail(site_of(tmp_path, moto, secret="a"), LoginRefusedError)
    assert ("no AWS credentials" in error.fact, error.exit_code) == (True, 12)


def test_an_endpoint_of_the_environment_is_not_taken_up(
    moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    site = site_of(tmp_path, moto, secret="a")
    site.entries = {"vault": {**site.entries["vault"], "endpoint": None}}
    provider: Any = site.open()._provider("vault")
    assert provider._client().meta.endpoint_url == "https://secretsmanager.eu-central-1.amazonaws.com"


def test_wrong_tls_is_a_wrong_setting(tmp_path: Path) -> None:
    context, authority = certify(tmp_path / "tls", "localhost")
    _, strange = certify(tmp_path / "strange", "localhost")
    with playing(context) as server:
        here = f"https://localhost:{server.port}"
        error = fail(site_of(tmp_path, here, secret="a", ca_file=str(strange)), ProviderUntrustedError)
        assert error.exit_code == 2
        assert server.asked == []
        answer = {"VersionId": "v" * 32, "SecretString": CANARY, "ARN": "arn", "Name": "a"}
        server.say((200, answer))
        assert site_of(tmp_path, here, secret="a", ca_file=str(authority)).open()["vault"].reveal() == CANARY


def test_a_list_without_versions_has_none(tmp_path: Path) -> None:
    with playing() as server:
        site = site_of(tmp_path, f"http://127.0.0.1:{server.port}", secret="a")
        assert site.open().list_versions("vault") == ()


def test_a_denial_of_moto_is_one(moto: str, tmp_path: Path) -> None:
    def reset(allowed: str) -> None:
        asked = urllib.request.Request(
            f"{moto}/moto-api/reset-auth", data=allowed.encode(), headers={"Content-Type": "text/plain"}
        )
        with urllib.request.urlopen(asked, timeout=10):
            pass

    reset("0")
    try:
        assert fail(site_of(tmp_path, moto, secret="a"), KeyDeniedError).exit_code == 12
    finally:
        reset("inf")


# Real codes: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and CommonErrors.
CODES = [
    ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.", KeyNotFoundError, 12, 1),
    ("ResourceNotFoundException", "can't find the specified secret value for VersionId: x", KeyNotFoundError, 12, 1),
    (
        "ResourceNotFoundException",
        "can't find the specified secret value for staging label: x",
        KeyNotFoundError,
        12,
        1,
    ),
    ("InvalidRequestException", "because it was marked for deletion.", KeyDeletedError, 12, 1),
    ("DecryptionFailure", "can't decrypt the protected secret text", KeyUnusableError, 12, 1),
    ("AccessDeniedException", f"User: {ACCESS[0]} is not authorized", KeyDeniedError, 12, 1),
    ("ExpiredTokenException", "The security token is expired", LoginExpiredError, 12, 1),
    ("UnrecognizedClientException", "The security token is invalid", LoginRefusedError, 12, 1),
    ("InvalidSignatureException", "Signature expired", LoginRefusedError, 12, 1),
    ("MissingAuthenticationTokenException", "Missing", LoginRefusedError, 12, 1),
    ("ThrottlingException", "Rate exceeded", ProviderBusyError, 5, 3),
    ("InternalServiceError", "An error occurred", ProviderBusyError, 5, 3),
    ("ServiceUnavailable", "later", ProviderBusyError, 5, 3),
    ("LimitExceededException", "too many labels", KeyConflictError, 6, 1),
    ("ResourceExistsException", "exists", KeyConflictError, 6, 1),
    ("InvalidParameterException", "Staging label AWSCURRENT is attached to version x", KeyConflictError, 6, 1),
    ("InvalidParameterException", f"odd {CANARY}", ProviderMisnamedError, 2, 1),
]


@pytest.mark.parametrize(
    ("code", "message", "kind", "exit_code", "times"), CODES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CODES)]
)
def test_each_code_of_aws_has_its_class_and_only_what_may_pass_is_asked_again(
    tmp_path: Path, code: str, message: str, kind: type[StrongroomError], exit_code: int, times: int
) -> None:
    site = site_of(tmp_path, "https://localhost:1", secret="shop/key")

    def ask(keys: Any) -> object:
        provider = keys._provider("vault")
        with Stubber(provider._client()) as stubber:
            for _ in range(3):
                status = 400 if times == 1 else 503
                stubber.add_client_error("get_secret_value", code, message, http_status_code=status)
            try:
                return keys["vault"]
            finally:
                assert len(stubber._queue) == 3 - times

    error = fail(site, kind, ask)
    assert error.exit_code == exit_code
    if kind is KeyDeniedError:
        assert '"secretsmanager:GetSecretValue"' in error.hint
        assert "arn:aws:secretsmanager:*:*:secret:shop/key-*" in error.hint


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (403, KeyDeniedError, 12),
        (500, ProviderBusyError, 5),
        (429, ProviderBusyError, 5),
        (418, ProviderMisnamedError, 2),
    ],
)
def test_a_code_that_nobody_knows_is_judged_by_its_status(
    tmp_path: Path, status: int, kind: type[StrongroomError], exit_code: int
) -> None:
    with playing() as server:
        server.say((status, {"__type": "SomethingNew", "message": CANARY}))
        assert fail(site_of(tmp_path, f"http://127.0.0.1:{server.port}", secret="a"), kind).exit_code == exit_code


RAISED = [
    (exceptions.UnauthorizedSSOTokenError(), LoginExpiredError),
    (exceptions.CredentialRetrievalError(provider="p", error_msg=ACCESS[1]), LoginRefusedError),
    (exceptions.PartialCredentialsError(provider="p", cred_var="v"), LoginRefusedError),
    (exceptions.ReadTimeoutError(endpoint_url="https://a"), ProviderBusyError),
    (exceptions.ConnectTimeoutError(endpoint_url="https://a"), ProviderBusyError),
    (exceptions.ConnectionClosedError(endpoint_url="https://a"), ProviderBusyError),
    (exceptions.ParamValidationError(report=CANARY), ProviderMisnamedError),
    (exceptions.InvalidRegionError(region_name="nowhere!"), ProviderMisnamedError),
    (ValueError("Invalid endpoint: https://"), ProviderMisnamedError),
]


@pytest.mark.parametrize(("raised", "kind"), RAISED, ids=[type(raised).__name__ for raised, _ in RAISED])
def test_what_botocore_raises_before_an_answer_has_its_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, kind: type[StrongroomError]
) -> None:
    site = site_of(tmp_path, "https://localhost:1", secret="a")

    def give_up(_: object) -> Any:
        raise raised

    monkeypatch.setattr("strongroom.keys.aws.provider.AwsProvider._client", give_up)
    fail(site, kind)
