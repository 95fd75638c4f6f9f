"""What is in the images, and what must not be: histories, caches, secrets, programs that change their user."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.containers.images import NAMES, Built, build_images, list_images
from strongroom.containers.images.build import _Builder
from strongroom.containers.images.recipe import Recipe
from strongroom.engine import connect
from tests.servers import TAG

FORBIDDEN = re.compile(
    r"(^|/)(\.(bash|ash|psql|python)_history|\.git|\.env|\.netrc|id_rsa|id_ed25519|build|\.cache/pip)(/|$)"
    r"|^var/lib/apt/lists/.|^var/cache/apt/.*\.(deb|bin)$|^var/log/.*\.log$|^(tmp|root)/.|\.(key|pem|db)$"
)
ALLOWED = re.compile(
    r"^root/\.(bashrc|profile)$|^etc/ssl/|^usr/share/ca-certificates/|cacert\.pem$|^usr/lib/ssl/cert\.pem$|^usr/lib/python3[.\d]*/"
    r"|^opt/venv/lib/python[.\d]+/site-packages/(?!.*\.key$)|^(usr/(share|lib|include)|etc|opt/venv)/.*build(/|$)"
)


def read_members(image: str) -> Iterator[tarfile.TarInfo]:
    """Yield every file of an image, as a container of it begins with."""
    with connect(os.environ) as client:
        container = client.containers.create(image, "true")
        try:
            stream = io.BufferedReader(_Chunks(container.export()))
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                yield from archive
        finally:
            container.remove(v=True)


class _Chunks(io.RawIOBase):
    """An iterator of bytes, as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.left = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self.left = self.left or next(self.chunks, b"")
        count = min(len(buffer), len(self.left))
        buffer[:count], self.left = self.left[:count], self.left[count:]
        return count


@pytest.mark.parametrize("name", [name for name in NAMES if name != "build"])
def test_no_image_holds_what_it_should_not(images: dict[str, Built], name: str) -> None:
    wrong = []
    files = 0
    for member in read_members(images[name].image):
        files += 1
        if member.isfile() and member.mode & 0o6000:
            wrong.append(f"changes its user: {member.name}")
        if not member.isdir() and FORBIDDEN.search(member.name) and not ALLOWED.search(member.name):
            wrong.append(member.name)
    assert files > 1000
    assert wrong == []


def test_no_image_knows_the_network_it_was_built_in(images: dict[str, Built]) -> None:
    with connect(os.environ) as client:
        for name in NAMES:
            image = client.images.get(images[name].image)
            assert "PIP_INDEX_URL" not in str(image.attrs) + str(image.history())
            assert image.labels["org.opencontainers.image.title"] == f"strongroom/{name}"


def test_the_password_of_a_package_index_reaches_a_step_and_stays_nowhere(
    images: dict[str, Built], repository: Path
) -> None:
    steps = (
        b"ARG BASE\nFROM ${BASE}\nRUN --mount=type=secret,id=index "
        b"grep -q canary /run/secrets/index && echo used >/used\n"
    )
    index = "https://somebody:canary-e2f1@index.example/simple"
    with connect(os.environ) as client:
        builder = _Builder(
            client=client, root=repository, environment={**os.environ, "PIP_INDEX_URL": index}, tag=TAG, fresh=True,
            say=print,
        )  # fmt: skip
        image = builder.build(Recipe(name="canary", files={"Dockerfile": steps}, arguments={})).image
        try:
            found = client.images.get(image)
            assert "canary-e2f1" not in str(found.attrs) + str(found.history())
            built = datetime.fromisoformat(found.labels["org.opencontainers.image.created"])
            assert timedelta() <= datetime.now(UTC) - built < timedelta(minutes=10)
            container = client.containers.create(image, "true")
            content = b"".join(container.export())
            container.remove(v=True)
            assert b"used" in content
            assert b"canary-e2f1" not in content
        finally:
            client.images.remove(image, force=True)


def test_debian_s_security_updates_are_in_every_image(images: dict[str, Built]) -> None:
    """Whether packages come from a registry's image or from mmdebstrap, apt knows the suite and nothing waits."""
    asked = "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true"
    with connect(os.environ) as client:
        said = client.containers.run(images["base"].image, ["-c", asked], entrypoint="sh", remove=True)
    assert b"-security" in said


def test_images_run_as_a_numeric_user(images: dict[str, Built]) -> None:
    with connect(os.environ) as client:
        users = {name: client.images.get(images[name].image).attrs["Config"]["User"] for name in NAMES}
    assert {name for name, user in users.items() if not re.fullmatch(r"\d{5}(:\d{5})?", user)} == {"base", "build"}


def test_the_bundle_is_small_and_what_did_not_change_is_not_built_again(
    images: dict[str, Built], repository: Path
) -> None:
    assert images["ops"].size < 450e6
    again = build_images(repository, ["redis"], os.environ, tag=TAG, fresh=False, say=print)
    assert {image.name: image.was_there for image in again} == {"base": True, "build": True, "redis": True}
    assert {image.name for image in list_images(os.environ, tag=TAG)} == set(NAMES)
