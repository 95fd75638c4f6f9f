"""``image.*``: the images of ``docker/``, this bundle's own among them."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.containers import images
from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.tasks._task import is_json, task, wants_color

TAG = "Tag of the images."


@task(
    help={
        "name": "Build only this image, and what it stands on (may be repeated).",
        "tag": TAG,
        "fresh": "Build anew what did not change too: with the packages of today.",
    }
)
def build(c: Context, name: list[str] | None = None, tag: str = "local", fresh: bool = False) -> None:
    """Build the images that changed, side by side."""
    settings = read_settings()
    built = images.build_images(
        settings.require_clone(),
        name or images.NAMES,
        settings.environment,
        tag=tag,
        fresh=fresh,
        say=report.say_progress,
    )
    report.show_images(built, as_json=is_json(c), color=wants_color(c))


@task(help={"tag": TAG}, name="list")
def list_(c: Context, tag: str = "local") -> None:
    """List the images with their sizes, and when they were built."""
    found = images.list_images(read_settings().environment, tag=tag)
    report.show_images(found, as_json=is_json(c), color=wants_color(c))


@task(help={"component": "Only what is supported of this one, as a JSON list."})
def versions(c: Context, component: str = "") -> None:
    """Print docker/versions.json, or one component's versions."""
    known = images.read_versions(read_settings().require_clone())
    if component and "supported" not in known.get(component, {}):
        raise UsageError(component, "has no list of versions", "one of: python, postgres")
    report.print_json(known[component]["supported"] if component else known)


namespace = Collection("image", build, list_, versions)
