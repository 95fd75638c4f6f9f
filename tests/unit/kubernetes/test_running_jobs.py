"""What a Job's controller goes by, without an engine: defaults, contradictions, rules, names, variables, files."""

from __future__ import annotations

import base64
import io
import tarfile
from datetime import UTC, datetime
from typing import Any

import pytest

from strongroom.core.errors import ConfigurationError, StrongroomError, UsageError
from strongroom.core.exit_codes import ExitCode
from strongroom.kubernetes.policy import make_rules
from strongroom.kubernetes.running.boxes import find_one_user, read_limits, read_security
from strongroom.kubernetes.running.environment import expand
from strongroom.kubernetes.running.failing import judge_failure, read_rules
from strongroom.kubernetes.running.files import File, pack_files
from strongroom.kubernetes.running.identity import name_pod, read_resource
from strongroom.kubernetes.running.objects import find_workload
from strongroom.kubernetes.running.outcome import ContainerEnd, PodEnd
from strongroom.kubernetes.running.quantities import read_bytes, read_quantity
from strongroom.kubernetes.running.spec import read_job_spec
from strongroom.kubernetes.running.tokens import TokenRequest, make_token
from tests.integration.containers.k8s_site import read_claims, write_claims

NOW = datetime(2026, 11, 27, 12, 30, 5, 250000, tzinfo=UTC)


def job(pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main"}], **(pod or {})}}
    return {"kind": "Job", "metadata": {"name": "job", "namespace": "ops"}, "spec": {"template": template, **spec}}


def end(code: int, name: str = "main", condition: str = "") -> PodEnd:
    container = ContainerEnd(name=name, exit_code=code, reason="", seconds=0)
    return PodEnd(
        name="pod", index=None, succeeded=not code, reason="", message="", seconds=0, containers=(container,),
        condition=condition,
    )  # fmt: skip


def test_a_job_has_the_defaults_of_a_cluster() -> None:
    spec, place = read_job_spec(job())
    assert (spec.completions, spec.parallelism, spec.backoff_limit, spec.grace) == (1, 1, 6, 30.0)
    assert (spec.deadline, spec.restarts, spec.rules, place) == (None, False, (), "Job job: spec")
    indexed, _ = read_job_spec(job(completionMode="Indexed", completions=3, backoffLimitPerIndex=1))
    assert (indexed.backoff_limit, indexed.backoff_per_index) == ((1 << 31) - 1, 1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"pod": {"restartPolicy": "Always"}}, "must be Never or OnFailure"),
        ({"pod": {"restartPolicy": None, "containers": []}}, "containers: is empty"),
        ({"completionMode": "Indexed"}, "completions: is missing"),
        ({"parallelism": 3}, "completions: is missing"),
        ({"parallelism": 0, "completions": 1}, "no Pod ever runs"),
        ({"backoffLimit": -1}, "must be a whole number from 0"),
        ({"backoffLimit": True}, "must be a whole number from 0"),
        ({"backoffLimitPerIndex": 1}, "needs completionMode: Indexed"),
        ({"maxFailedIndexes": 1}, "needs backoffLimitPerIndex"),
        ({"podFailurePolicy": {"rules": [{"action": "Fail"}]}}, "must be one of FailJob"),
        ({"podFailurePolicy": {"rules": [{"action": "FailJob"}]}}, "either onExitCodes or onPodConditions"),
        (
            {"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [0]}}]}},
            "holds 0",
        ),
        (
            {"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "Is", "values": [1]}}]}},
            "In or NotIn",
        ),
        (
            {
                "podFailurePolicy": {
                    "rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1]}}]
                }
            },
            "FailIndex needs backoffLimitPerIndex",
        ),
        (
            {
                "pod": {"restartPolicy": "OnFailure"},
                "podFailurePolicy": {"rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [1]}}]},
            },
            "needs restartPolicy: Never",
        ),
        (
            {
                "podFailurePolicy": {
                    "rules": [
                        {"action": "Count", "onExitCodes": {"containerName": "x", "operator": "In", "values": [1]}}
                    ]
                }
            },
            "names no container",
        ),
    ],
)
def test_what_a_cluster_would_refuse_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_job_spec(job(**spec))


def test_the_first_rule_that_fits_a_failure_decides() -> None:
    rules = read_rules(
        {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3, 4]}},
                {"action": "FailIndex", "onExitCodes": {"containerName": "main", "operator": "NotIn", "values": [5]}},
            ]
        },
        "policy",
    )
    assert judge_failure(rules, end(3))[0] == "FailJob"
    assert judge_failure(rules, end(3, condition="DisruptionTarget"))[0] == "Ignore"
    assert judge_failure(rules, end(7))[0] == "FailIndex"
    assert judge_failure(rules, end(7, name="other")) == ("Count", "")
    assert judge_failure(rules, end(5)) == ("Count", "")


@pytest.mark.parametrize("code", [code for code in ExitCode if code.job])
def test_our_own_codes_are_answered_as_their_table_says(code: ExitCode) -> None:
    rules = read_rules({"rules": list(make_rules())}, "policy")
    assert judge_failure(rules, end(int(code)))[0] == {"retry": "Count", "fail": "FailJob"}[code.job]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$(A)$(B)-$(C)", "12-$(C)"),
        ("$$(A) $$$(A) $A ${A}", "$(A) $1 $A ${A}"),
        ("$( $() $(A", "$( $() $(A"),
        ("$(EMPTY)|", "|"),
    ],
)
def test_references_are_expanded_as_the_kubelet_does_it(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2", "EMPTY": ""}) == expanded


@pytest.mark.parametrize(
    ("text", "count"),
    [("1Ki", 1024), ("1.5G", 1_500_000_000), ("100m", 1), ("1e3", 1000), ("7", 7), ("2E", 2 * 10**18)],
)
def test_quantities_are_read(text: str, count: int) -> None:
    assert read_bytes(text, "here") == count


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1GiB", "0x10", "1kI"])
def test_what_is_no_quantity_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="is no quantity"):
        read_quantity(text, "here")


def test_limits_are_those_of_the_engine() -> None:
    assert read_limits({"resources": {"limits": {"memory": "1Mi", "cpu": "1500m"}}}, "here") == {
        "mem_limit": 1 << 20,
        "memswap_limit": 1 << 20,
        "nano_cpus": 1_500_000_000,
        "cpu_shares": 1536,
    }
    assert read_limits({}, "here") == {"cpu_shares": 2}


def test_names_are_those_that_a_controller_gives() -> None:
    pod = name_pod("job", "ops", {"serviceAccountName": "worker"}, {"labels": {"a": "b"}}, 3)
    assert pod.name.startswith("job-3-")
    assert (pod.hostname, pod.account) == ("job-3", "worker")
    assert pod.read("metadata.annotations['batch.kubernetes.io/job-completion-index']", "") == "3"
    assert pod.read("metadata.labels['a']", "") == "b"
    assert pod.read("metadata.labels", "").splitlines()[0] == 'a="b"'
    with pytest.raises(UsageError, match="is not known here"):
        pod.read("spec.nothing", "here")
    assert len(name_pod("j" * 60, "ops", {}, {}, None).name) <= 63


def test_a_resource_is_handed_on_in_units_of_its_divisor_rounded_up() -> None:
    containers = {"main": {"resources": {"limits": {"memory": "1025Mi", "cpu": "250m"}}}}
    for reference, said in (
        ({"resource": "limits.memory", "divisor": "1Gi"}, "2"),
        ({"resource": "requests.memory"}, str(1025 << 20)),
        ({"resource": "limits.cpu"}, "1"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "250"),
    ):
        assert read_resource(reference, containers, "main", "here") == said
    for wrong in ({"resource": "limits.nothing"}, {"resource": "limits.ephemeral-storage"}):
        with pytest.raises(UsageError):
            read_resource(wrong, containers, "main", "here")


def test_a_container_s_own_fields_come_before_its_pod_s_and_one_set_to_nothing_does_not() -> None:
    pod = {"securityContext": {"runAsUser": 5, "runAsGroup": 6, "runAsNonRoot": True}}
    own = {"name": "a", "securityContext": {"runAsUser": 0, "runAsGroup": None}}
    found = read_security(own, pod)
    assert (found.user, found.group, found.must_not_be_root) == (0, 6, True)


def test_one_user_of_all_containers_is_found() -> None:
    assert find_one_user({"securityContext": {"runAsUser": 5}, "containers": [{"name": "a"}]}) == 5
    other = {"name": "b", "securityContext": {"runAsUser": 6}}
    assert find_one_user({"securityContext": {"runAsUser": 5}, "containers": [{"name": "a"}, other]}) is None


def test_a_workload_is_found_with_what_was_rendered_in_its_namespace() -> None:
    def map_in(namespace: str | None, **data: Any) -> dict[str, Any]:
        return {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": namespace}, **data}

    data = {"data": {"text": "ä"}, "binaryData": {"bytes": base64.b64encode(b"\xff\x00").decode()}}
    found, objects = find_workload([job(), map_in("other"), map_in("ops", **data)], "job")
    assert (found["kind"], objects.namespace) == ("Job", "ops")
    assert objects.read_config_map("c") == {"text": "ä".encode(), "bytes": b"\xff\x00"}
    assert objects.read_texts("ConfigMap", "c") == {"text": "ä".encode()}
    assert objects.read_secret("c") is None
    with pytest.raises(UsageError, match=r"there is no other \(known: job\)"):
        find_workload([job()], "other")
    with pytest.raises(ConfigurationError, match="stands twice"):
        find_workload([job(), map_in("ops"), map_in("ops")], "job")
    broken = {"kind": "Secret", "metadata": {"name": "s", "namespace": "ops"}, "data": {"k": "%"}}
    with pytest.raises(ConfigurationError, match="Secret s: k: is no base64"):
        find_workload([job(), broken], "job")[1].read_secret("s")


def test_no_value_of_a_secret_stands_in_what_is_shown_of_objects() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s", "namespace": "ops"}, "data": {"k": "Y2FuYXJ5LTk3MTE="}}
    _, objects = find_workload([job(), secret], "job")
    assert "Y2FuYXJ5" not in repr(objects)
    assert "canary" not in repr(File(content=b"canary-9711", mode=0o400))


def test_an_archive_has_the_links_folders_owners_and_modes_of_the_kubelet() -> None:
    files = {"a": File(content=b"1", mode=0o400), "d/e/f": File(content=b"22", mode=0o600, user=7)}
    with tarfile.open(fileobj=io.BytesIO(pack_files({"v": files, "empty": {}}, NOW, 10))) as archive:
        members = {member.name: member for member in archive}
    found = {name.removeprefix("v/"): member for name, member in members.items()}
    moment = "..2026_11_27_12_30_05.250000"
    assert found["..data"].linkname == moment
    assert (found["a"].linkname, found["d"].linkname) == ("..data/a", "..data/d")
    assert (found[moment].mode, found[f"{moment}/d/e"].mode) == (0o2755, 0o2755)
    file = found[f"{moment}/d/e/f"]
    assert (file.mode, file.uid, file.gid, file.size) == (0o640, 7, 10, 2)
    assert found[f"{moment}/a"].mode == 0o440
    assert [name for name in members if name.startswith("empty/")] == [f"empty/{moment}", "empty/..data"]


def test_a_token_is_for_its_pod_and_audience_and_ends() -> None:
    pod = name_pod("job", "ops", {}, {}, None)
    request = TokenRequest(sign=write_claims, now=NOW)
    claims = read_claims(make_token({"path": "t", "audience": "vault"}, pod, request, "here"))
    assert (claims["aud"], claims["exp"] - claims["nbf"]) == (["vault"], 3600)
    assert claims["sub"] == "system:serviceaccount:ops:default"
    for asked, sign in (({"expirationSeconds": 599}, write_claims), ({}, None)):
        with pytest.raises(StrongroomError, match=r"serviceAccountToken"):
            make_token(asked, pod, TokenRequest(sign=sign, now=NOW), "here")
