"""What stands in a manifest until somebody puts the real thing there: it must never reach a cluster."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from strongroom.kubernetes.content import walk_texts
from strongroom.kubernetes.rendering.tree import PLACEHOLDER

NO_DIGEST = "sha256:" + "0" * 64
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_RESERVED = re.compile(r"(?<![\w.-])(?:[\w-]+\.)*(?:example\.(?:com|org|net)|[\w-]+\.example)(?![\w.-])")
"""Names that are nobody's (RFC 2606)."""
Placeholder = tuple[str, str]
"""A fact, and what to do about it."""


def find_placeholders(objects: Sequence[Mapping[str, Any]], *, needs_digests: bool) -> Iterator[Placeholder]:
    """Yield what is no real value yet. ``needs_digests``: images without a digest, and reserved hosts, are too."""
    for one in objects:
        title = f"{one.get('kind')}/{(one.get('metadata') or {}).get('name')}"
        for path, value in walk_texts(one):
            yield from _judge_text(f"{title} {path}", path, value, needs_digests=needs_digests)
            if one.get("kind") == "Secret" and path.startswith("data.") and PLACEHOLDER in _decode(value):
                yield f"{title} {path} is a placeholder", "put the secret into its file, and render again"


def _judge_text(place: str, path: str, value: str, *, needs_digests: bool) -> Iterator[Placeholder]:
    is_image = re.search(r"ontainers\[\d+\]\.image$", path) is not None
    if NO_DIGEST in value:
        yield f"{place} has a placeholder for its digest", "put the digest that the release printed into images:"
    elif is_image and needs_digests and not _DIGEST.search(value):
        yield f"{place} has no digest ({value})", "put the digest that the release printed into images:"
    said = "\n".join(line for line in value.splitlines() if not line.lstrip().startswith("#"))
    reserved = _RESERVED.search(said) if needs_digests else None
    if reserved is not None:
        yield f"{place} names {reserved[0]}, which is nobody's", "put your own host there"


def _decode(text: str) -> str:
    try:
        return base64.b64decode("".join(text.splitlines()), validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return text
