"""Tokens of a service account, as a cluster makes them for one Pod: a signed JWT for an audience."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.kubernetes.running.identity import Identity

ISSUER = "https://kubernetes.default.svc.cluster.local"
_SECONDS, _LEAST_SECONDS = 3600, 600
_RENEWED_AT = 0.8
"""Of its time a token is made anew, as the kubelet does it."""
Sign = Callable[[Mapping[str, object]], str]
"""Makes a signed token of claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What signs tokens here, and when."""

    sign: Sign | None
    now: datetime


def find_renewal(volume: Mapping[str, Any]) -> float | None:
    """Return after how many seconds the tokens of a volume are made anew; None where it has none."""
    sources = (volume.get("projected") or {}).get("sources") or ()
    asked = [source["serviceAccountToken"] for source in sources if "serviceAccountToken" in source]
    times = [int(token.get("expirationSeconds") or _SECONDS) for token in asked]
    return min(times) * _RENEWED_AT if times else None


def make_token(asked: Mapping[str, Any], identity: Identity, request: TokenRequest, place: str) -> str:
    """Return a token for a Pod.

    Raises ConfigurationError where nothing here signs one, UsageError for a time that a cluster would not accept.
    """
    seconds = int(asked.get("expirationSeconds") or _SECONDS)
    if seconds < _LEAST_SECONDS:
        raise UsageError(f"{place}.serviceAccountToken.expirationSeconds", f"is below {_LEAST_SECONDS} (got {seconds})")
    if request.sign is None:
        fact = "needs a token, and no key here signs one"
        raise ConfigurationError(f"{place}.serviceAccountToken", fact, "./inv stack.up makes one")
    now = int(request.now.timestamp())
    claims = {
        "aud": [str(asked.get("audience") or ISSUER)],
        "exp": now + seconds,
        "iat": now,
        "iss": ISSUER,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": {
            "namespace": identity.namespace,
            "pod": {"name": identity.name, "uid": identity.uid},
            "serviceaccount": {"name": identity.account, "uid": identity.account_uid},
        },
        "nbf": now,
        "sub": f"system:serviceaccount:{identity.namespace}:{identity.account}",
    }
    return request.sign(claims)
