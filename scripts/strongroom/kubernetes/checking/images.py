"""Images: by digest where it counts, never a moving tag, and the one that can do what is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from strongroom.kubernetes.checking.scene import Finding, Pod, Scene

_IMAGE = re.compile(
    r"(?P<name>(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_WITH_SERVERS = "drill"
"""The image in which a drill finds the servers that it restores into."""
_MOVING = ("latest", "main", "master", "edge", "nightly")


def demand_digests(scene: Scene) -> Iterator[Finding]:
    """Demand images that are the same tomorrow."""
    for pod in scene.pods:
        for container in pod.containers:
            image = str(container.content.get("image", ""))
            found = _IMAGE.fullmatch(image)
            if found is None:
                yield pod.says_of(container, "image", f"is no image (got {image or 'nothing'})", "NAME@sha256:DIGEST")
            elif found["digest"] is None and scene.needs_digests:
                fact = f"{image} has no digest: tomorrow it may be another"
                yield pod.says_of(container, "image", fact, "images: with the digest that the release printed")
            elif found["digest"] is None and (found["tag"] is None or found["tag"] in _MOVING):
                yield pod.says_of(container, "image", f"{image} has no tag of its own", "say a tag, or a digest")


def demand_one_version(scene: Scene) -> Iterator[Finding]:
    """Demand that all Pods run the same version of an image: what one writes another reads."""
    places = [(pod, one, str(one.content.get("image"))) for pod in scene.pods for one in pod.containers]
    counted = Counter(image for _, _, image in places)
    for pod, container, image in places:
        name = _name(image)
        usual = max((one for one in counted if _name(one) == name), key=counted.__getitem__)
        if image != usual:
            fact = f"{image} is another {name} than {usual}, which {counted[usual]} others run"
            yield pod.says_of(container, "image", fact, "say the tag or digest once, under the overlay's images:")


def _name(image: str) -> str:
    found = _IMAGE.fullmatch(image)
    return image if found is None else found["name"]


def demand_a_policy_that_can_pull(pod: Pod) -> Iterator[Finding]:
    """Demand that a node which has not the image may pull it."""
    for container in pod.containers:
        if container.content.get("imagePullPolicy") == "Never" and "@" in str(container.content.get("image")):
            fact = "Never: a node that has not the image fails"
            yield pod.says_of(container, "imagePullPolicy", fact, "imagePullPolicy: IfNotPresent")


def demand_servers_for_drills(pod: Pod) -> Iterator[Finding]:
    """Demand, for drills, the image with the servers to restore into."""
    for container in pod.containers:
        found = _IMAGE.fullmatch(str(container.content.get("image", "")))
        is_drill = container.arguments[:1] == ["backup.drill"]
        if found is not None and is_drill and not found["name"].endswith(f"/{_WITH_SERVERS}"):
            fact = f"{found['name']} has no servers to restore into"
            yield pod.says_of(container, "image", fact, f"backup.drill needs the image {_WITH_SERVERS}")
