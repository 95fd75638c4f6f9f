"""Ways through the network: what a task needs to reach, its policies let it, and the other side lets it in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strongroom.kubernetes.checking.needs import Need, list_needs
from strongroom.kubernetes.checking.scene import Finding, Pod, Scene, Thing
from strongroom.kubernetes.checking.selecting import fits, list_selected
from strongroom.kubernetes.checking.systems import find_system, list_works
from strongroom.kubernetes.content import Content, dig, mapping, mappings, texts

_DOMAIN = ".svc.cluster.local"
_DNS = 53
_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a need leads to: Pods of this rendering, or a host that only its name is known of."""

    host: str
    port: int
    """Of the Pod where there is one: policies are about what a Service leads to."""
    pods: Sequence[Pod] = ()
    service: Thing | None = None
    namespace: str = ""
    """Of a server in the cluster; nothing for one outside."""


def demand_ways_out(scene: Scene) -> Iterator[Finding]:
    """Demand that some policy lets a Pod reach each server that its task needs, and lets it ask for its address."""
    for work in list_works(scene):
        system = find_system(scene, work)
        needs = [] if system is None else list(dict.fromkeys(list_needs(work, system)))
        for need in needs:
            place = locate(scene, need, work.pod.thing.namespace)
            named = f"{need.what} at {need.host}:{need.port}"
            if place.service is not None and place.port == 0:
                fact = f"{place.service.title} has no port {need.port}, which {need.what} needs"
                yield Finding(object=work.pod.thing.title, field="egress", fact=fact, remedy="correct the port")
            elif _is_missing(scene, work.pod, need, place):
                known = scene.close_to("Service", work.pod.thing.namespace)
                fact = f"there is no Service {need.host}, which {need.what} needs (there are: {known})"
                yield work.pod.thing.says("egress", fact, "correct the host, or say its namespace: NAME.NAMESPACE.svc")
            elif not may_leave(scene, work.pod, place):
                fact = f"no policy lets it reach {named}"
                remedy = f"egress of TCP {place.port} in a NetworkPolicy that selects it"
                yield work.pod.thing.says("egress", fact, remedy)
            else:
                yield from _judge_entry(scene, work.pod, place, named)
        if any(not _is_address(need.host) for need in needs) and not _may_ask(scene, work.pod):
            fact = "no policy lets it ask DNS for the hosts that it needs"
            yield work.pod.thing.says("egress", fact, "egress of UDP and TCP 53 to kube-system")


def _is_missing(scene: Scene, pod: Pod, need: Need, place: Place) -> bool:
    """Tell whether a server should be behind a Service of our own namespace, and there is none."""
    is_name = "." not in need.host and not _is_address(need.host)
    return is_name and place.service is None and scene.is_ours(pod.thing.namespace)


def locate(scene: Scene, need: Need, namespace: str) -> Place:
    """Find where a server is: behind a Service of this rendering, in another namespace, or outside."""
    words = need.host.removesuffix(".").removesuffix(_DOMAIN).removesuffix(".svc").split(".")
    is_inside = len(words) == 1 or need.host.endswith((".svc", _DOMAIN))
    where = words[1] if is_inside and len(words) > 1 else namespace
    service = scene.find("Service", words[0], where) if is_inside else None
    if service is None:
        return Place(host=need.host, port=need.port, namespace=where if is_inside else "")
    pods = list_selected(scene, {"matchLabels": mapping(service.find("spec.selector"))}, where)
    port = _find_port(service, pods, need.port)
    return Place(host=need.host, port=port, pods=pods, service=service, namespace=where)


def _find_port(service: Thing, pods: Sequence[Pod], port: int) -> int:
    """Return the port of the Pods that a Service's port leads to; 0 where it has no such port."""
    for one in mappings(service.find("spec.ports")):
        if one.get("port") != port:
            continue
        target = one.get("targetPort", port)
        if isinstance(target, int):
            return target
        named = (
            found.get("containerPort")
            for pod in pods for container in pod.containers for found in mappings(container.content.get("ports"))
            if found.get("name") == target
        )  # fmt: skip
        return next((number for number in named if isinstance(number, int)), port)
    return 0


def may_leave(scene: Scene, pod: Pod, place: Place, protocol: str = "TCP") -> bool:
    """Tell whether a Pod may reach a place: without a policy for it everything is allowed."""
    policies = _list_policies(scene, pod, "Egress")
    rules = [rule for policy in policies for rule in mappings(policy.find("spec.egress"))]
    return not policies or any(_opens(rule, pod, place, protocol) for rule in rules)


def _opens(rule: Content, pod: Pod, place: Place, protocol: str) -> bool:
    peers = mappings(rule.get("to"))
    return _takes_port(rule, place.port, protocol) and (not peers or any(_is_peer(peer, pod, place) for peer in peers))


def _takes_port(rule: Content, port: int, protocol: str) -> bool:
    ports = mappings(rule.get("ports"))
    for one in ports:
        first = one.get("port")
        last = one.get("endPort", first)
        is_within = first is None or (isinstance(first, int) and isinstance(last, int) and first <= port <= last)
        if one.get("protocol", "TCP") == protocol and (is_within or isinstance(first, str)):
            return True
    return not ports


def _is_peer(peer: Content, pod: Pod, place: Place) -> bool:
    block = mapping(peer.get("ipBlock"))
    if block:
        return _holds(block, place)
    if place.pods:
        return any(_is_selected(peer, pod.thing.namespace, target) for target in place.pods)
    if not place.namespace:
        return False
    if "namespaceSelector" not in peer:
        return place.namespace == pod.thing.namespace
    wanted = mapping(dig(peer, "namespaceSelector.matchLabels")).get(_NAMESPACE, place.namespace)
    return bool(wanted == place.namespace)


def _is_selected(peer: Content, own: str, target: Pod) -> bool:
    """Tell whether a peer means a Pod of this rendering."""
    where = peer.get("namespaceSelector")
    is_there = target.thing.namespace == own
    if where is not None:
        is_there = fits(where, {_NAMESPACE: target.thing.namespace})
    return is_there and fits(peer.get("podSelector"), target.labels)


def _holds(block: Content, place: Place) -> bool:
    """Tell whether a block of addresses holds a host; one with a name alone may have any address."""
    if not _is_address(place.host):
        return True
    try:
        network, host = ipaddress.ip_network(str(block.get("cidr"))), ipaddress.ip_address(place.host)
        excepted = [ipaddress.ip_network(str(one)) for one in block.get("except") or ()]
    except ValueError:
        return False
    return host in network and not any(host in one for one in excepted)


def _judge_entry(scene: Scene, pod: Pod, place: Place, named: str) -> Iterator[Finding]:
    """Find Pods of ours that shut out one who needs them."""
    for target in place.pods:
        policies = _list_policies(scene, target, "Ingress")
        rules = [rule for policy in policies for rule in mappings(policy.find("spec.ingress"))]
        opened = any(_takes_port(rule, place.port, "TCP") and _lets_in(rule, target, pod) for rule in rules)
        if policies and not opened:
            fact = f"no policy lets {pod.thing.title} in, which needs {named}"
            remedy = f"ingress of TCP {place.port} from its labels"
            yield target.thing.says("ingress", fact, remedy)


def _lets_in(rule: Content, target: Pod, pod: Pod) -> bool:
    peers = mappings(rule.get("from"))
    return not peers or any("ipBlock" in peer or _is_selected(peer, target.thing.namespace, pod) for peer in peers)


def _may_ask(scene: Scene, pod: Pod) -> bool:
    place = Place(host="kube-dns.kube-system.svc", port=_DNS, namespace="kube-system")
    return may_leave(scene, pod, place, "UDP")


def _list_policies(scene: Scene, pod: Pod, way: str) -> list[Thing]:
    """Return the policies that close a way of a Pod, but for what they name."""
    found = []
    for thing in scene.list_kind("NetworkPolicy"):
        kinds = texts(thing.find("spec.policyTypes")) or ["Ingress", *(["Egress"] if thing.find("spec.egress") else [])]
        is_for_it = thing.namespace == pod.thing.namespace and fits(thing.find("spec.podSelector"), pod.labels)
        if is_for_it and way in kinds:
            found.append(thing)
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
