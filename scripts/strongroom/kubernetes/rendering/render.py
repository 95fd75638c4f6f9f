"""Render an overlay, or one Job with all that an overlay gives it; nothing with a placeholder leaves here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import ConfigurationError, GuardError, UsageError
from strongroom.core.yaml_text.documents import dump_document, load_documents
from strongroom.kubernetes.content import dig
from strongroom.kubernetes.rendering.placeholders import find_placeholders
from strongroom.kubernetes.rendering.programs import Kustomize
from strongroom.kubernetes.rendering.tree import Tree, advise_on, lay_out, list_missing_jobs, list_secret_files

DEVELOPMENT = "dev"
"""The overlay whose images need no digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What an overlay is made into."""

    overlay: str
    job: str | None
    """The job that was asked for; None for the overlay itself."""
    text: str
    """YAML, as it is applied."""
    objects: tuple[Mapping[str, Any], ...]


def render_overlay(tree: Tree, overlay: str, job: str | None, kustomize: Kustomize) -> Rendered:
    """Render an overlay as a cluster gets it; with ``job`` only the Job that this CronJob makes. Read-only.

    Raises UsageError for an overlay or a job that is not there, ConfigurationError where a secret's file is missing or
    empty, or kustomize refuses; GuardError for a placeholder, and for an image without a digest outside of ``dev``.
    """
    parts = _render_whole(tree, overlay, job, kustomize)
    if job is not None:
        parts = (_take_job([part.content for part in parts], job),)
    return _refuse_placeholders(parts, overlay, job)


def render_with_job(tree: Tree, overlay: str, job: str, kustomize: Kustomize) -> Rendered:
    """Render an overlay as a cluster gets it, with a job that it may not offer by itself: all that its Pods read.

    Read-only. Raises what ``render_overlay`` raises.
    """
    return _refuse_placeholders(_render_whole(tree, overlay, job, kustomize), overlay, job)


def _render_whole(tree: Tree, overlay: str, job: str | None, kustomize: Kustomize) -> tuple[_Part, ...]:
    tree.find_overlay(overlay)
    more = list_missing_jobs(tree, overlay, [job] if job in tree.jobs else [])
    try:
        require_secrets(tree, overlay, more)
    except ConfigurationError:
        if job is not None and job not in tree.jobs:  # a job that nobody offers needs no secret
            _take_job(render_for_check(tree, overlay, kustomize).objects, job)
        raise
    return _render(tree, overlay, more, kustomize, placeholders=False)


def _refuse_placeholders(parts: Sequence[_Part], overlay: str, job: str | None) -> Rendered:
    objects = tuple(part.content for part in parts)
    first = next(find_placeholders(objects, needs_digests=overlay != DEVELOPMENT), None)
    if first is not None:
        raise GuardError(f"overlay {overlay}", *first)
    return Rendered(overlay=overlay, job=job, text="---\n".join(part.text for part in parts), objects=objects)


def render_for_check(tree: Tree, overlay: str, kustomize: Kustomize) -> Rendered:
    """Render an overlay with every job, as checks and goldens need it: placeholders stand for missing secrets.

    Raises UsageError, and ConfigurationError where kustomize refuses.
    """
    more = list_missing_jobs(tree, overlay, tree.jobs)
    parts = _render(tree, overlay, more, kustomize, placeholders=True)
    objects = tuple(part.content for part in parts)
    return Rendered(overlay=overlay, job=None, text="---\n".join(part.text for part in parts), objects=objects)


def require_secrets(tree: Tree, overlay: str, jobs: Sequence[str]) -> None:
    """Raise ConfigurationError for the first file of a secret that is missing or empty, with the way to make it."""
    folders = [tree.find_overlay(overlay), *(tree.root / "jobs" / job for job in jobs)]
    needed = [file for folder in folders for file in list_secret_files(folder)]
    missing = [file for file in needed if not file.is_file()]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigurationError(missing[0], f"is missing{more}: secrets are made of it", advise_on(missing[0]))
    empty = next((file for file in needed if not file.read_bytes().strip()), None)
    if empty is not None:
        raise ConfigurationError(empty, "is empty: a secret is made of it", advise_on(empty))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One object, as text and as content."""

    text: str
    content: Mapping[str, Any]


def _render(
    tree: Tree, overlay: str, jobs: Sequence[str], kustomize: Kustomize, *, placeholders: bool
) -> tuple[_Part, ...]:
    with lay_out(tree, overlay, jobs, placeholders=placeholders) as laid:
        text = kustomize(laid.root, f"overlays/{overlay}")
    return tuple(_split(text, overlay))


def _split(text: str, overlay: str) -> Iterator[_Part]:
    """Part a stream at its document marks: kustomize indents whatever a text within holds."""
    for document in text.split("\n---\n"):
        for content in load_documents(document, f"overlay {overlay}"):
            yield _Part(text=document.strip("\n") + "\n", content=content)


def _take_job(objects: Sequence[Mapping[str, Any]], job: str) -> _Part:
    """Return the Job of a name, or the one that ``kubectl create job --from=cronjob/NAME`` makes of a CronJob.

    Raises UsageError naming what there is.
    """
    names = {(str(one.get("kind")), str(dig(one, "metadata.name"))): one for one in objects}
    if ("Job", job) in names:
        content = names["Job", job]
    elif ("CronJob", job) in names:
        content = make_job(names["CronJob", job])
    else:
        known = sorted(name for kind, name in names if kind in ("Job", "CronJob"))
        raise UsageError("--job", f"there is no {job} (known: {', '.join(known) or 'none'})")
    return _Part(text=dump_document(content), content=content)


def make_job(cron_job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Job that a person makes of a CronJob, under its name."""
    template = dig(cron_job, "spec.jobTemplate") or {}
    about = {name: dig(template, f"metadata.{name}") for name in ("labels", "annotations")}
    about["annotations"] = {"cronjob.kubernetes.io/instantiate": "manual", **(about["annotations"] or {})}
    metadata = {"name": dig(cron_job, "metadata.name"), "namespace": dig(cron_job, "metadata.namespace"), **about}
    kept = {name: value for name, value in metadata.items() if value}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": kept, "spec": template.get("spec")}
