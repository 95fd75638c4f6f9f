"""Where servers are said to be, and whether policies of the network let a Pod reach them."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.core.errors import ExitCode, UnreachableError
from strongroom.kubernetes.checking import Scene, schemas
from strongroom.kubernetes.checking.egress import locate, may_leave
from strongroom.kubernetes.checking.needs import Need, read_address

NAMESPACE = "kubernetes.io/metadata.name"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("postgresql://db.corp:6432/app?sslmode=verify-full", "db.corp", 6432),
        ("postgresql://app@db.corp/app", "db.corp", 5432),
        ("postgresql:///app?host=db.corp&port=6432", "db.corp", 6432),
        ("host=db.corp port=6432 dbname=app", "db.corp", 6432),
        ("host=db.corp", "db.corp", 5432),
        ("rediss://user@redis", "redis", 6379),
        ("https://s3.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com", 443),
        ("https://[2001:db8::1]:8200", "2001:db8::1", 8200),
    ],
)
def test_an_address_names_a_server(text: str, host: str, port: int) -> None:
    assert read_address("it", text) == Need(what="it", host=host, port=port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:///run/redis.sock",
        "postgresql:///app?host=/run/postgresql",
        "dbname=app",
        "https://a:b",
        "gopher://a",
        "service=a",
    ],
)
def test_an_address_without_a_server_names_none(text: str) -> None:
    assert read_address("it", text) is None


def pod(name: str, **labels: str) -> dict[str, Any]:
    ports = [{"name": "sql", "containerPort": 5433}]
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "ours", "labels": labels},
        "spec": {"containers": [{"name": name, "ports": ports}]},
    }  # fmt: skip


SERVICE = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "ours"},
    "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432, "targetPort": "sql"}]},
}  # fmt: skip


def is_open(host: str, *rules: dict[str, Any], port: int = 5432) -> bool:
    """Tell whether the Pod ``job`` reaches a host, where everything else is denied."""
    policies = [
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
         "metadata": {"name": f"p{number}", "namespace": "ours"},
         "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule] if rule else []}}
        for number, rule in enumerate(({}, *rules))
    ]  # fmt: skip
    scene = Scene(
        objects=[pod("job", app="job"), pod("db", app="db"), SERVICE, *policies], needs_digests=False, tasks={}
    )
    place = locate(scene, Need(what="it", host=host, port=port), "ours")
    return may_leave(scene, scene.pods[0], place)


def to(*peers: dict[str, Any], **port: Any) -> dict[str, Any]:
    return {"to": list(peers), "ports": [port] if port else []}


DB = {"podSelector": {"matchLabels": {"app": "db"}}}
EVERYWHERE = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}
FAR = {"namespaceSelector": {"matchLabels": {NAMESPACE: "far"}}}


@pytest.mark.parametrize(
    ("host", "rule", "is_so"),
    [
        ("db", to(DB, port=5433), True),  # a policy is about the Pod's port, not the Service's
        ("db", to(DB, port=5432), False),
        ("db.ours.svc.cluster.local", to(DB, port=5433), True),
        ("db.ours.svc", to(DB, port=5433, protocol="UDP"), False),
        ("db", to(DB, port=5000, endPort=6000), True),
        ("db", to(DB, port=5434, endPort=6000), False),
        ("db", to(DB, port="sql"), True),
        ("db", to(DB), True),
        ("db", to(port=5433), True),
        ("db", to({"podSelector": {"matchLabels": {"app": "other"}}}, port=5433), False),
        ("db", to({"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["db"]}]}}), True),
        ("db", to({"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}), True),
        (
            "db",
            to({"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}}),
            False,
        ),
        ("db", to({**FAR, **DB}, port=5433), False),
        ("db.far.svc", to(FAR, port=5432), True),
        ("db.far.svc", to({"namespaceSelector": {"matchLabels": {NAMESPACE: "near"}}}, port=5432), False),
        ("db.far.svc", to(DB, port=5432), False),
        ("db.corp", to(DB, port=5432), False),
        ("db.corp", to(FAR, port=5432), False),
        ("db.corp", to(EVERYWHERE, port=5432), True),
        ("db.corp", to(EVERYWHERE, port=6432), False),
        ("10.1.2.3", to({"ipBlock": {"cidr": "10.0.0.0/8"}}, port=5432), True),
        ("10.1.2.3", to({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, port=5432), False),
        ("192.0.2.7", to({"ipBlock": {"cidr": "10.0.0.0/8"}}, port=5432), False),
        ("2001:db8::1", to({"ipBlock": {"cidr": "2001:db8::/32"}}, port=5432), True),
    ],
)
def test_a_policy_lets_a_pod_reach_a_server_or_not(host: str, rule: dict[str, Any], is_so: bool) -> None:
    assert is_open(host, rule) is is_so
    assert not is_open(host)
    assert is_open(host, to(port=1), rule) is is_so


def test_without_the_schemas_the_way_on_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_name: str) -> object:
        raise ModuleNotFoundError

    monkeypatch.setattr(schemas, "files", none)
    with pytest.raises(UnreachableError) as caught:
        list(schemas.demand_sound_shapes(Scene(objects=[], needs_digests=False, tasks={})))
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert "pip install kubernetes-validate" in caught.value.hint
