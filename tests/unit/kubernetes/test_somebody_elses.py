"""What lives in a namespace of somebody else may use what is there already; in our own all must be made."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.kubernetes.checking import Finding, Scene
from strongroom.kubernetes.checking.naming import demand_a_namespace_that_is_there
from strongroom.kubernetes.checking.selections import demand_a_default_deny
from strongroom.kubernetes.checking.volumes import demand_claims_that_are_there

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shop-data"}}]},
}  # fmt: skip
POLICY = {
    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Egress"]},
}  # fmt: skip


def find(*objects: dict[str, Any]) -> set[str]:
    scene = Scene(objects=objects, needs_digests=False, tasks={})
    rules = (demand_a_namespace_that_is_there, demand_a_default_deny, demand_claims_that_are_there)
    found: list[Finding] = [one for rule in rules for one in rule(scene)]
    return {one.field for one in found}


def test_beside_an_application_its_claim_and_its_policies_are_its_own() -> None:
    assert find(POD, POLICY) == set()


def test_in_our_own_namespace_all_must_be_made() -> None:
    assert find(NAMESPACE, POD, POLICY) == {"spec.volumes[0].persistentVolumeClaim.claimName", "NetworkPolicy"}


@pytest.mark.parametrize("more", [[], [NAMESPACE]])
def test_one_that_strayed_is_found_either_way(more: list[dict[str, Any]]) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shoop"}}
    assert "metadata.namespace" in find(*more, POD, POLICY, settings)
