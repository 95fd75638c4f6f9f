"""Every field of a workload is carried out, means nothing here, or is refused by name: none is passed over."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import UsageError
from strongroom.kubernetes.running.fields import TYPES, judge_fields

SCHEMAS = {
    "AppArmorProfile": "apparmorprofile-v1",
    "Capabilities": "capabilities-v1",
    "ConfigMapVolumeSource": "configmapvolumesource-v1",
    "Container": "container-v1",
    "CronJob": "cronjob-batch-v1",
    "CronJobSpec": "cronjobspec-batch-v1",
    "DownwardAPIProjection": "downwardapiprojection-v1",
    "DownwardAPIVolumeFile": "downwardapivolumefile-v1",
    "DownwardAPIVolumeSource": "downwardapivolumesource-v1",
    "EmptyDirVolumeSource": "emptydirvolumesource-v1",
    "EnvFromSource": "envfromsource-v1",
    "EnvSource": "secretenvsource-v1",
    "EnvVar": "envvar-v1",
    "EnvVarSource": "envvarsource-v1",
    "HostAlias": "hostalias-v1",
    "Job": "job-batch-v1",
    "JobSpec": "jobspec-batch-v1",
    "JobTemplateSpec": "jobtemplatespec-batch-v1",
    "KeySelector": "secretkeyselector-v1",
    "KeyToPath": "keytopath-v1",
    "ObjectFieldSelector": "objectfieldselector-v1",
    "ObjectMeta": "objectmeta-meta-v1",
    "PersistentVolumeClaimSpec": "persistentvolumeclaimspec-v1",
    "PersistentVolumeClaimVolumeSource": "persistentvolumeclaimvolumesource-v1",
    "PodDNSConfig": "poddnsconfig-v1",
    "PodDNSConfigOption": "poddnsconfigoption-v1",
    "PodFailurePolicy": "podfailurepolicy-batch-v1",
    "PodFailurePolicyOnExitCodesRequirement": "podfailurepolicyonexitcodesrequirement-batch-v1",
    "PodFailurePolicyOnPodConditionsPattern": "podfailurepolicyonpodconditionspattern-batch-v1",
    "PodFailurePolicyRule": "podfailurepolicyrule-batch-v1",
    "PodOS": "podos-v1",
    "PodSecurityContext": "podsecuritycontext-v1",
    "PodSpec": "podspec-v1",
    "PodTemplateSpec": "podtemplatespec-v1",
    "ProjectedSource": "secretprojection-v1",
    "ProjectedVolumeSource": "projectedvolumesource-v1",
    "ResourceFieldSelector": "resourcefieldselector-v1",
    "ResourceRequirements": "resourcerequirements-v1",
    "SeccompProfile": "seccompprofile-v1",
    "SecretVolumeSource": "secretvolumesource-v1",
    "SecurityContext": "securitycontext-v1",
    "ServiceAccountTokenProjection": "serviceaccounttokenprojection-v1",
    "Volume": "volume-v1",
    "VolumeMount": "volumemount-v1",
    "VolumeProjection": "volumeprojection-v1",
}
OPEN = {"ResourceList", "ResourceRequests"}
"""Maps of the API, of which the table names what it knows."""
VERSIONS = ("1.29.0", "1.36.0")


def read_fields(version: str, schema: str) -> set[str]:
    folder = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema" / f"v{version}-local-strict"
    found: dict[str, Any] = json.loads((folder / f"{schema}.json").read_text(encoding="utf-8"))["properties"]
    return set(found)


def workload(**pod: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "main"}], **pod}
    return {"kind": "Job", "metadata": {"name": "job"}, "spec": {"template": {"spec": spec}}}


def with_container(**fields: Any) -> dict[str, Any]:
    return workload(containers=[{"name": "main", **fields}])


def test_every_type_is_held_against_the_api() -> None:
    assert set(TYPES) == set(SCHEMAS) | OPEN


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_field_of_the_api_stands_in_the_table_and_no_other(kind: str) -> None:
    oldest, newest = (read_fields(version, SCHEMAS[kind]) if _exists(version, kind) else set() for version in VERSIONS)
    assert newest - set(TYPES[kind]) == set()
    assert set(TYPES[kind]) - newest - oldest == set()


def _exists(version: str, kind: str) -> bool:
    folder = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema" / f"v{version}-local-strict"
    return (folder / f"{SCHEMAS[kind]}.json").is_file()


def test_a_field_that_leads_on_leads_to_a_type_that_is_known() -> None:
    led = {field.kind for fields in TYPES.values() for field in fields.values() if field.kind}
    assert led <= set(TYPES)


def test_what_is_refused_or_void_says_why() -> None:
    for kind, fields in TYPES.items():
        for name, field in fields.items():
            assert not (field.refused and field.void), f"{kind}.{name}"
            assert not (field.kind and (field.refused or field.void)), f"{kind}.{name}"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (workload(hostNetwork=True), "spec.template.spec.hostNetwork"),
        (workload(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "spec.template.spec.volumes[v].hostPath"),
        (
            workload(volumes=[{"name": "v", "emptyDir": {"medium": "HugePages"}}]),
            "spec.template.spec.volumes[v].emptyDir.medium",
        ),
        (
            with_container(securityContext={"privileged": True}),
            "spec.template.spec.containers[main].securityContext.privileged",
        ),
        (
            with_container(securityContext={"seccompProfile": {"type": "Localhost", "localhostProfile": "x"}}),
            "spec.template.spec.containers[main].securityContext.seccompProfile.type",
        ),
        (
            with_container(livenessProbe={"exec": {"command": ["true"]}}),
            "spec.template.spec.containers[main].livenessProbe",
        ),
        (workload(initContainers=[{"name": "i", "restartPolicy": "Always"}]), "spec.template.spec.initContainers[i]"),
        (with_container(resources={"limits": {"nvidia.com/gpu": "1"}}), "resources.limits.nvidia.com/gpu"),
        (with_container(imagePulPolicy="Never"), "spec.template.spec.containers[main].imagePulPolicy"),
        ({"kind": "Job", "metadata": {"name": "job"}, "spec": {"suspend": True}}, "spec.suspend"),
    ],
)
def test_what_is_not_carried_out_is_refused_by_its_name(content: dict[str, Any], place: str) -> None:
    with pytest.raises(UsageError) as caught:
        judge_fields(content, "Job", "Job job")
    assert place in caught.value.subject
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "pod",
    [
        {"hostNetwork": False, "shareProcessNamespace": False, "hostUsers": True, "os": {"name": "linux"}},
        {"topologySpreadConstraints": [], "schedulingGates": [], "overhead": {}, "subdomain": None},
        {"volumes": [{"name": "v", "emptyDir": {"medium": ""}}]},
    ],
)
def test_a_field_that_asks_for_nothing_else_than_is_done_is_let_pass(pod: dict[str, Any]) -> None:
    assert judge_fields(workload(**pod), "Job", "Job job") == {}


def test_fields_that_mean_nothing_here_are_named_with_the_reason() -> None:
    pod = {"nodeSelector": {"a": "b"}, "priorityClassName": "high"}
    cron = {"kind": "CronJob", "spec": {"schedule": "1 2 * * *", "jobTemplate": {"spec": workload(**pod)["spec"]}}}
    void = judge_fields(cron, "CronJob", "CronJob job")
    assert list(void) == [
        "CronJob job.spec.schedule",
        "CronJob job.spec.jobTemplate.spec.template.spec.nodeSelector",
        "CronJob job.spec.jobTemplate.spec.template.spec.priorityClassName",
    ]
    assert all(void.values())
