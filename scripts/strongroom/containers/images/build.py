"""Build the images whose recipe changed, side by side, and list those that are there."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.containers.images.recipe import BASE, BUILD, NAMES, REPOSITORY, Recipe, pack, read_recipe, read_versions
from strongroom.containers.images.rootfs import ORIGIN, provide_rootfs
from strongroom.core.errors import NoSpaceError, UnreachableError
from strongroom.engine import Client, Image, connect, find_image

_RECIPE, _SECONDS_TAKEN = "strongroom.recipe", "strongroom.seconds"
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name certificate authorities of the machine's own network."""
_SIDE_BY_SIDE = 3
_LAST_LINES = 3
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NOISE = ("--->", "Removing intermediate container", "Step ")
"""What the engine says of itself while it builds."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One image."""

    name: str
    image: str
    size: int
    """In bytes."""
    seconds: float
    """What its build took, whenever that was."""
    origin: str
    """Where its root file system came from: registry or mmdebstrap."""
    was_there: bool


def build_images(
    root: Path, names: Sequence[str], environment: Mapping[str, str], *, tag: str, fresh: bool, say: Say
) -> tuple[Built, ...]:
    """Build images, and those that they stand on; one whose recipe did not change is left as it is.

    ``fresh`` builds all of them anew, with the packages of today. Raises UnreachableError, with the last lines of
    a build that fails, NoSpaceError, ConfigurationError for a name that is none.
    """
    recipes = {name: read_recipe(root, name) for name in names}
    needed = [name for name in NAMES if name in recipes or name in (BASE, BUILD)]
    with connect(environment) as client:
        builder = _Builder(client=client, root=root, environment=environment, tag=tag, fresh=fresh, say=say)
        done = {name: builder.build(read_recipe(root, name)) for name in (BASE, BUILD)}
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            waiting: dict[str, Future[Built]] = {
                name: pool.submit(builder.build, recipes[name]) for name in needed if name not in done
            }
            done |= {name: future.result() for name, future in waiting.items()}
    return tuple(done[name] for name in needed)


def list_images(environment: Mapping[str, str], *, tag: str) -> tuple[Built, ...]:
    """Return the images of ours that are there. Read-only. Raises UnreachableError."""
    with connect(environment) as client:
        found = {name: find_image(client, f"{REPOSITORY}/{name}:{tag}") for name in NAMES}
    return tuple(_describe(name, tag, image, was_there=True) for name, image in found.items() if image is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Builds single images on one engine, under one tag."""

    client: Client
    root: Path
    environment: Mapping[str, str]
    tag: str
    fresh: bool
    say: Say

    def build(self, recipe: Recipe) -> Built:
        image, origin, parents = f"{REPOSITORY}/{recipe.name}:{self.tag}", "", {}
        if recipe.name == BASE:
            debian = read_versions(self.root)["debian"]
            rootfs, origin = provide_rootfs(self.client, debian, self.environment, fresh=self.fresh, say=self.say)
            parents["ROOTFS"] = rootfs
        else:
            parents["BASE"] = f"{REPOSITORY}/{BASE}:{self.tag}"
            if recipe.name != BUILD:
                parents["BUILD"] = f"{REPOSITORY}/{BUILD}:{self.tag}"
        ids = {name: str(self.client.images.get(parent).id) for name, parent in parents.items()}
        digest = recipe.digest(ids)
        there = find_image(self.client, image)
        if not self.fresh and there is not None and there.labels.get(_RECIPE) == digest:
            return _describe(recipe.name, self.tag, there, was_there=True)
        self.say(f"{recipe.name}: building")
        began = time.monotonic()
        self._run(recipe, image, parents)
        labels = {_RECIPE: digest, _SECONDS_TAKEN: f"{time.monotonic() - began:.1f}"}
        self._label(image, labels | ({ORIGIN: origin} if origin else {}))
        built = _describe(recipe.name, self.tag, self.client.images.get(image), was_there=False)
        self.say(f"{recipe.name}: {built.size / 1e6:.0f} MB in {built.seconds:.0f} s")
        return built

    def _run(self, recipe: Recipe, image: str, parents: Mapping[str, str]) -> None:
        """Let the engine build, and raise its own words when it cannot."""
        files, arguments = dict(recipe.files), {**recipe.arguments, **parents}
        if recipe.name == BUILD:
            arguments["PIP_INDEX_URL"] = self.environment.get("PIP_INDEX_URL", "")
            files["ca.crt"] = self._read_authorities()
        self._ask(recipe.name, image, files, buildargs=arguments, nocache=self.fresh)

    def _read_authorities(self) -> bytes:
        """Return the certificate authorities of the machine's own network; the build alone trusts them."""
        named = (self.environment.get(name) for name in _CERTIFICATES)
        found = next((Path(name) for name in named if name and Path(name).is_file()), None)
        return found.read_bytes() if found else b""

    def _label(self, image: str, labels: Mapping[str, str]) -> None:
        """Add labels that are known only after the build, as a layer without files."""
        lines = "\n".join(f'LABEL {name}="{value}"' for name, value in labels.items())
        self._ask(image, image, {"Dockerfile": f"FROM {image}\n{lines}\n".encode()})

    def _ask(self, name: str, image: str, files: Mapping[str, Path | bytes], **options: Any) -> None:
        context = io.BytesIO(pack(files))
        lines: list[str] = []
        for said in self.client.api.build(
            fileobj=context, custom_context=True, tag=image, rm=True, forcerm=True, decode=True, **options
        ):
            lines += str(said.get("stream", "")).strip().splitlines()
            if "error" in said:
                _raise(name, str(said["error"]), lines)


def _raise(name: str, error: str, lines: Sequence[str]) -> None:
    told = [_COLOUR.sub("", line).strip() for line in lines]
    last = [line for line in told if line and not line.startswith(_NOISE)][-_LAST_LINES:]
    said = " | ".join(last) or error.strip()
    if "no space left" in f"{said} {error}".lower():
        raise NoSpaceError(f"image {name}", "no space left for the engine", "docker system prune, or a larger disk")
    raise UnreachableError(f"image {name}", f"cannot be built: {said}", "see to it, then run the same command again")


def _describe(name: str, tag: str, image: Image, *, was_there: bool) -> Built:
    return Built(
        name=name,
        image=f"{REPOSITORY}/{name}:{tag}",
        size=int(image.attrs["Size"]),
        seconds=float(image.labels.get(_SECONDS_TAKEN, 0)),
        origin=image.labels.get(ORIGIN, ""),
        was_there=was_there,
    )
