"""Build the images whose recipe changed, side by side, and list those that are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom import __version__
from strongroom.containers.images.recipe import (
    BASE,
    BUILD,
    NAMES,
    REPOSITORY,
    STANDS_ON,
    Recipe,
    list_needed,
    pack,
    read_recipe,
    read_versions,
)
from strongroom.containers.images.rootfs import ORIGIN, provide_rootfs
from strongroom.core.errors import StrongroomError, UnreachableError
from strongroom.core.programs import run_program
from strongroom.engine import (
    Client,
    Image,
    connect,
    count_room_left,
    explain_failure,
    find_endpoint,
    find_image,
    find_plugin,
    name_engine,
    remove_untagged,
)

_RECIPE = "strongroom.recipe"
_OCI = "org.opencontainers.image"
"""https://specs.opencontainers.org/image-spec/annotations/"""
_ABOUT = {f"{_OCI}.version": __version__, f"{_OCI}.licenses": "MIT", f"{_OCI}.vendor": "Strongroom"}
_INDEX = "PIP_INDEX_URL"
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name certificate authorities of the machine's own network."""
_SIDE_BY_SIDE = 3
_LAST_LINES = 3
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STEP = re.compile(r"#\d+ \d+\.\d+ (.*)")
"""What a step said, behind its number and its seconds."""
_SECONDS = 1800.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One image."""

    name: str
    image: str
    size: int
    """In bytes."""
    seconds: float
    """What its build took; 0 for one that was there."""
    created: str
    """When it was built, in UTC: of that day are Debian's updates in it."""
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
    recipes = {name: read_recipe(root, name) for name in (*names, *list_needed(names))}
    needed = list_needed(names)
    with connect(environment) as client:
        builder = _Builder(client=client, root=root, environment=environment, tag=tag, fresh=fresh, say=say)
        done = {name: builder.build(recipes[name]) for name in (BASE, BUILD)}
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            waiting: dict[str, Future[Built]] = {
                name: pool.submit(builder.build, recipes[name])
                for name in needed
                if name not in done and name not in STANDS_ON
            }
            done |= {name: future.result() for name, future in waiting.items()}
        done |= {name: builder.build(recipes[name]) for name in needed if name in STANDS_ON}
    return tuple(done[name] for name in needed)


def list_images(environment: Mapping[str, str], *, tag: str) -> tuple[Built, ...]:
    """Return the images of ours that are there. Read-only. Raises UnreachableError."""
    with connect(environment) as client:
        found = {name: find_image(client, f"{REPOSITORY}/{name}:{tag}") for name in NAMES}
    return tuple(_describe(name, tag, image, was_there=True) for name, image in found.items() if image is not None)


def find_here(environment: Mapping[str, str], name: str, *, tag: str) -> str | None:
    """Return one of our images by its whole name; None where no engine of this machine has it. Read-only."""
    image = f"{REPOSITORY}/{name}:{tag}"
    if not find_endpoint(environment).startswith("unix://"):
        return None
    with suppress(UnreachableError), connect(environment) as client:
        return None if find_image(client, image) is None else image
    return None


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
        elif recipe.name in STANDS_ON:
            below = STANDS_ON[recipe.name]
            parents[below.upper()] = f"{REPOSITORY}/{below}:{self.tag}"
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
        now = datetime.now(UTC).isoformat(timespec="seconds")  # of that day are Debian's updates in it
        labels = {_RECIPE: digest, **_ABOUT, f"{_OCI}.title": f"{REPOSITORY}/{recipe.name}", f"{_OCI}.created": now}
        seconds = self._run(recipe, image, parents, labels | ({ORIGIN: origin} if origin else {}))
        built = _describe(recipe.name, self.tag, self.client.images.get(image), was_there=False, seconds=seconds)
        if there is not None:
            remove_untagged(self.client, there)
        self.say(f"{recipe.name}: {built.size / 1e6:.0f} MB in {built.seconds:.0f} s")
        return built

    def _run(self, recipe: Recipe, image: str, parents: Mapping[str, str], labels: Mapping[str, str]) -> float:
        """Let BuildKit build, and raise its own words when it cannot; return how many seconds it took.

        What the machine's network needs reaches single steps as secrets, and is in no layer and no history.
        """
        words = ["docker", "buildx", "build", "--builder", "default", "--progress", "plain", "--tag", image]
        for name, value in {**recipe.arguments, **parents}.items():
            words += ["--build-arg", f"{name}={value}"]
        for name, value in labels.items():
            words += ["--label", f"{name}={value}"]
        if self.environment.get(_INDEX):
            words += ["--secret", f"id=index,env={_INDEX}"]
        named = (self.environment.get(name) for name in _CERTIFICATES)
        authorities = next((name for name in named if name and Path(name).is_file()), None)
        if authorities is not None:
            words += ["--secret", f"id=authorities,src={authorities}"]
        words += ["--no-cache"] if self.fresh else []
        ended = run_program(
            [*words, "-"], environment=name_engine(self.environment), timeout=_SECONDS,
            standard_input=pack(recipe.files),
        )  # fmt: skip
        if not ended.is_success and find_plugin("buildx", self.environment) is None:
            hint = "install docker-buildx (on Debian, as root: ./inv engine.ensure --install)"
            raise UnreachableError("docker buildx", "is not installed", hint)
        if not ended.is_success:
            said = (ended.stderr or ended.stdout).decode(errors="replace")
            raise _explain(recipe.name, said, count_room_left(self.client))
        return ended.seconds


def _explain(name: str, said: str, left: int | None) -> StrongroomError:
    """Return the error that says what a build step said last; without any, what the builder said."""
    lines = [_COLOUR.sub("", line).strip() for line in said.splitlines()]
    steps = [found[1].strip() for found in map(_STEP.fullmatch, lines) if found is not None and found[1].strip()]
    last = steps[-_LAST_LINES:] or [line for line in lines if line][-1:] or ["no reason given"]
    return explain_failure(f"image {name}", said, f"cannot be built: {' | '.join(last)}", left=left)


def _describe(name: str, tag: str, image: Image, *, was_there: bool, seconds: float = 0) -> Built:
    return Built(
        name=name,
        image=f"{REPOSITORY}/{name}:{tag}",
        size=int(image.attrs["Size"]),
        seconds=round(seconds, 1),
        created=str(image.attrs["Created"])[:19] + "Z",
        origin=image.labels.get(ORIGIN, ""),
        was_there=was_there,
    )
