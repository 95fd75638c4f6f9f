"""Render an overlay of ``k8s/`` with kustomize: for a cluster with what it needs, for checks with placeholders."""

from strongroom.kubernetes.rendering.programs import Kustomize, find_kustomize
from strongroom.kubernetes.rendering.render import (
    DEVELOPMENT,
    Rendered,
    make_job,
    render_for_check,
    render_overlay,
    render_with_job,
)
from strongroom.kubernetes.rendering.tree import Tree, find_tree

__all__ = [
    "DEVELOPMENT",
    "Kustomize",
    "Rendered",
    "Tree",
    "find_kustomize",
    "find_tree",
    "make_job",
    "render_for_check",
    "render_overlay",
    "render_with_job",
]
