"""Tokens that stand for those of a cluster: JWTs, signed by a key of the stack (ES256, RFC 7518).

Who is to let Pods in knows ``service-account.pub``: whoever plays the cluster's TokenReview, or a vault by itself, with
the method ``jwt`` (``jwt_validation_pubkeys``) mounted where its Kubernetes login is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from strongroom.core.errors import GuardError
from strongroom.core.files import write_text

KEY, PUBLIC = "service-account.key", "service-account.pub"
_BYTES = 32
"""Of each half of a signature."""


def sign_claims(folder: Path, claims: Mapping[str, object]) -> str:
    """Return a token of claims, signed by the key of a folder.

    Where there is none it is made, with its public half beside it for whoever reviews tokens. Raises GuardError for a
    file that is no key of ours.
    """
    key = _provide_key(folder)
    head = {"alg": "ES256", "typ": "JWT"}
    text = ".".join(_encode(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    halves = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_encode(b''.join(half.to_bytes(_BYTES, 'big') for half in halves))}"


def _provide_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    file = folder / KEY
    if not file.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        write_text(file, made.private_bytes(*form).decode())
        public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        write_text(folder / PUBLIC, made.public_key().public_bytes(*public).decode(), mode=0o644)
    hint = "remove it: another one is made"
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise GuardError(file, "is no key", hint) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != ec.SECP256R1.name:
        raise GuardError(file, "is no key of ours", hint)
    return key


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
