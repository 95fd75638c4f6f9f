"""``k8s.*``: the manifests of ``k8s/``, rendered, checked and run without a cluster, compared with one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import Settings, read_settings
from strongroom.tasks._task import is_json, task, wants_color
from strongroom.tasks.wiring import find_image_here, find_inner_network

if TYPE_CHECKING:
    from strongroom.kubernetes.rendering import Kustomize

OVERLAY = "Folder under k8s/overlays."


@task(help={"overlay": OVERLAY, "job": "Only the Job that this CronJob makes, as kubectl create job does."})
def render(c: Context, overlay: str, job: str | None = None) -> None:
    """Render an overlay, or a Job of it, as YAML."""
    from strongroom.kubernetes.rendering import find_tree, render_overlay

    settings = read_settings()
    tree = find_tree(settings.require_clone())
    report.show_rendered(render_overlay(tree, overlay, job, find_renderer(settings)), as_json=is_json(c))


@task(help={"overlay": f"{OVERLAY[:-1]} (default: all)."})
def check(c: Context, overlay: str | None = None) -> int:
    """Check every overlay and job without a cluster."""
    from strongroom.kubernetes.checking import check_tree
    from strongroom.kubernetes.rendering import find_tree
    from strongroom.tasks._known import describe_tasks
    from strongroom.tasks.namespace import gather

    settings = read_settings()
    tree = find_tree(settings.require_clone())
    names = tree.overlays if overlay is None else (tree.find_overlay(overlay).name,)
    checked = check_tree(tree, names, find_renderer(settings), describe_tasks(gather()))
    return report.show_checked_manifests(checked, as_json=is_json(c), color=wants_color(c))


@task(help={"overlay": OVERLAY, "context": "Of kubeconfig (default: the current one)."})
def diff(c: Context, overlay: str, context: str | None = None) -> int:
    """Show what applying an overlay would change; read-only."""
    from strongroom.kubernetes.comparing import compare
    from strongroom.kubernetes.rendering import find_tree, render_overlay

    settings = read_settings()
    tree = find_tree(settings.require_clone())
    rendered = render_overlay(tree, overlay, None, find_renderer(settings))
    compared = compare(rendered, context, settings.environment, lambda: find_image_here(settings, "build"))
    return report.show_compared(compared, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "job": "Which Job or CronJob.",
        "overlay": OVERLAY,
        "file": "Run what k8s.render wrote into this file instead.",
        "network": "Of the engine (default: the stack's; none: nobody is reached).",
        "claim": "NAME=DIR or NAME=VOLUME: what a PersistentVolumeClaim gets.",
        "image": "NAME=IMAGE: what is run in an image's place.",
        "pause": "Seconds before the first new attempt; each further one waits twice as long.",
        "drain_after": "Seconds after which the first Pod is ended as by the drain of its node.",
    }
)
def run(
    c: Context,
    job: str,
    *,
    overlay: str = "dev",
    file: Path | None = None,
    network: str | None = None,
    claim: list[str] | None = None,
    image: list[str] | None = None,
    pause: float = 10.0,
    drain_after: float | None = None,
) -> int:
    """Run a rendered Job here with Docker, as specified."""
    from strongroom.kubernetes.rendering import find_tree, render_with_job
    from strongroom.kubernetes.running import Request
    from strongroom.tasks._pods import read_pairs, read_rendered, run_pods

    settings = read_settings()
    claims, images = read_pairs("--claim", claim), read_pairs("--image", image)
    if file is not None:
        objects = read_rendered(file)
    else:
        tree = find_tree(settings.require_clone())
        objects = render_with_job(tree, overlay, job, find_renderer(settings)).objects
    chosen = network or find_inner_network(settings) or "none"
    request = Request(
        job=job,
        objects=objects,
        network=None if chosen == "none" else chosen,
        claims=claims,
        images=images,
        drain_after=drain_after,
    )
    return report.show_job_run(run_pods(request, settings, pause), as_json=is_json(c), color=wants_color(c))


def find_renderer(settings: Settings) -> Kustomize:
    """Return the kustomize of this machine, else our image's. Raises UnreachableError."""
    from strongroom.kubernetes.rendering import find_kustomize

    return find_kustomize(settings.environment, lambda: find_image_here(settings, "build"))


namespace = Collection("k8s", render, check, run, diff)
