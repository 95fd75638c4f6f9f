"""Selectors that mean nothing: a policy for nobody protects nobody, and says nothing of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress

from strongroom.kubernetes.checking.scene import Finding, Pod, Scene, Thing
from strongroom.kubernetes.checking.selecting import describe, fits, list_selected
from strongroom.kubernetes.content import Content, dig, mapping, mappings, numbered, texts

_REMEDY = "correct the labels, or remove it"
_METADATA = ipaddress.ip_address("169.254.169.254")
_CONTROLLERS = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")


def demand_policies_for_somebody(scene: Scene) -> Iterator[Finding]:
    """Demand that a policy of the network or of disruptions is about a Pod of ours."""
    for thing in scene.list_kind("NetworkPolicy", "PodDisruptionBudget"):
        field = "spec.podSelector" if thing.kind == "NetworkPolicy" else "spec.selector"
        selector = thing.find(field)
        if not list_selected(scene, selector, thing.namespace):
            yield thing.says(field, f"no Pod here has {describe(selector)}", _REMEDY)
        elif thing.kind == "PodDisruptionBudget":
            for pod in list_selected(scene, selector, thing.namespace):
                if pod.thing.kind in ("CronJob", "Job"):
                    fact = f"means {pod.thing.title}: a budget does not guard what runs to its end"
                    yield thing.says(field, fact, "leave it out: podFailurePolicy ignores disruptions")


def demand_peers(scene: Scene) -> Iterator[Finding]:
    """Demand that a peer in the same namespace is a Pod of ours; others' Pods cannot be seen here."""
    for thing in scene.list_kind("NetworkPolicy"):
        for way, side in (("egress", "to"), ("ingress", "from")):
            for number, rule in numbered(thing.find(f"spec.{way}")):
                for place, peer in numbered(rule.get(side)):
                    selector = peer.get("podSelector")
                    is_here = (
                        "namespaceSelector" not in peer and selector is not None and scene.is_ours(thing.namespace)
                    )
                    if is_here and not list_selected(scene, selector, thing.namespace):
                        field = f"spec.{way}[{number}].{side}[{place}].podSelector"
                        yield thing.says(field, f"no Pod here has {describe(selector)}", _REMEDY)


def demand_services_with_pods(scene: Scene) -> Iterator[Finding]:
    """Demand that a Service leads to a Pod, and to a port of it."""
    for thing in scene.list_kind("Service"):
        selector = mapping(thing.find("spec.selector"))
        pods = list_selected(scene, {"matchLabels": selector}, thing.namespace) if selector else []
        if selector and not pods:
            fact = f"no Pod here has {describe({'matchLabels': selector})}"
            yield thing.says("spec.selector", fact, _REMEDY)
        for number, port in numbered(thing.find("spec.ports")) if pods else ():
            target = port.get("targetPort", port.get("port"))
            if not any(_has_port(pod, target) for pod in pods):
                fact = f"{target} is no port of {', '.join(sorted(pod.thing.title for pod in pods))}"
                yield thing.says(f"spec.ports[{number}].targetPort", fact, "name a port of the container")


def _has_port(pod: Pod, target: object) -> bool:
    ports = [port for container in pod.containers for port in mappings(container.content.get("ports"))]
    known = [port.get("name") for port in ports] + [port.get("containerPort") for port in ports]
    return target in known or (isinstance(target, int) and not ports)


def demand_neighbours(scene: Scene) -> Iterator[Finding]:
    """Demand that what a Pod wants to be near to, or away from, is there."""
    for pod in scene.pods:
        for kind in ("podAffinity", "podAntiAffinity"):
            for field, term in _list_terms(pod, kind):
                selector = term.get("labelSelector")
                is_elsewhere = term.get("namespaces") or term.get("namespaceSelector") is not None
                if is_elsewhere or not scene.is_ours(pod.thing.namespace):
                    continue
                if not list_selected(scene, selector, pod.thing.namespace):
                    fact = f"no Pod here has {describe(selector)}: it would wait for ever"
                    yield pod.says(f"affinity.{kind}.{field}.labelSelector", fact, _REMEDY)


def _list_terms(pod: Pod, kind: str) -> Iterator[tuple[str, Content]]:
    terms = "requiredDuringSchedulingIgnoredDuringExecution"
    for number, term in numbered(dig(pod.spec, f"affinity.{kind}.{terms}")):
        yield f"{terms}[{number}]", term


def demand_controllers_of_their_own_pods(scene: Scene) -> Iterator[Finding]:
    """Demand that a Deployment and its like mean the Pods that they make."""
    for pod in scene.pods:
        if pod.thing.kind in _CONTROLLERS and not fits(pod.thing.find("spec.selector"), pod.labels):
            fact = f"its own Pods have not {describe(pod.thing.find('spec.selector'))}"
            yield pod.thing.says("spec.selector", fact, "the labels of the template")


def demand_rules_that_count(scene: Scene) -> Iterator[Finding]:
    """Demand that a policy is of the types that it has rules of, and that its blocks of addresses are some."""
    for thing in scene.list_kind("NetworkPolicy"):
        types = thing.find("spec.policyTypes")
        for way, side in (("egress", "to"), ("ingress", "from")):
            rules = numbered(thing.find(f"spec.{way}"))
            if rules and isinstance(types, list) and way.capitalize() not in types:
                fact = f"has rules of {way}, which nobody asks: it is of the type {', '.join(map(str, types))}"
                yield thing.says("spec.policyTypes", fact, f"add {way.capitalize()}")
            for number, rule in rules:
                for place, peer in numbered(rule.get(side)):
                    field = f"spec.{way}[{number}].{side}[{place}].ipBlock"
                    yield from (
                        thing.says(f"{field}.{part}", fact, "as in 10.0.0.0/8, except: [169.254.0.0/16]")
                        for part, fact in _judge_block(peer)
                    )


def _judge_block(peer: Content) -> Iterator[tuple[str, str]]:
    block = mapping(peer.get("ipBlock"))
    try:
        whole = ipaddress.ip_network(str(block["cidr"])) if block else None
    except (KeyError, ValueError):
        yield "cidr", f"is no block of addresses (got {block.get('cidr')})"
        return
    for number, one in enumerate(texts(block.get("except"))):
        try:
            is_inside = whole is not None and ipaddress.ip_network(one).subnet_of(whole)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            is_inside = False
        if not is_inside:
            yield f"except[{number}]", f"{one} is no part of {whole}"
    excepted = texts(block.get("except"))
    is_open = whole is not None and whole.version == _METADATA.version and _METADATA in whole
    if is_open and not any(_METADATA in network for network in _read_networks(excepted)):
        yield "except", f"{whole} holds {_METADATA}, where a cloud gives its nodes' passwords out"


def _read_networks(blocks: list[str]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for one in blocks:
        with suppress(ValueError):
            yield ipaddress.ip_network(one)


def demand_a_default_deny(scene: Scene) -> Iterator[Finding]:
    """Demand, where there are policies of the network, one that closes what no other opens."""
    policies = list(scene.list_kind("NetworkPolicy"))
    for namespace in sorted({thing.namespace for thing in policies if scene.is_ours(thing.namespace)}):
        closed = {
            way for thing in policies
            if thing.namespace == namespace and fits(thing.find("spec.podSelector"), {}) and _is_for_all(thing)
            for way in texts(thing.find("spec.policyTypes")) if not thing.find(f"spec.{way.lower()}")
        }  # fmt: skip
        for way in ("Egress", "Ingress"):
            if way not in closed:
                fact = f"no policy denies {way} to all Pods: what no policy names is open"
                remedy = f"{{podSelector: {{}}, policyTypes: [{way}]}}"
                yield Finding(object=f"Namespace/{namespace}", field="NetworkPolicy", fact=fact, remedy=remedy)


def _is_for_all(thing: Thing) -> bool:
    selector = mapping(thing.find("spec.podSelector"))
    return not selector.get("matchLabels") and not selector.get("matchExpressions")
