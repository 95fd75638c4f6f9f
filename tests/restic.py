"""restic for tests: installed where it is missing, and repositories that open at once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from strongroom.backup.stores.restic_program import require_restic
from strongroom.core.errors import ConfigurationError, VersionError
from strongroom.engine.debian import install_packages
from tests.turns import turn

SUITE = "trixie"
"""The Debian release whose restic the ops image has too; it runs on the one before."""


def provide_restic() -> None:
    """Have a restic on PATH that the product knows: Debian's is installed where there is none, once at a time."""
    with turn("packages"):
        try:
            require_restic(os.environ)
        except (ConfigurationError, VersionError):
            install_packages(["restic"], os.environ, suite=SUITE)
            require_restic(os.environ)


def run_restic(repository: Path, password: str, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run restic as a person would, with a password on standard input."""
    line = ["restic", "--repo", repository, "--no-cache", "--password-file", "/dev/stdin", *words]
    return subprocess.run(line, input=password.encode(), capture_output=True, check=False, timeout=120)


def lighten(repository: Path, *passwords: str) -> None:
    """Let these passwords, and no others, open a repository at once; restic's own keys make that take 0.6 s of CPU.

    A key file holds the repository's own key, sealed (AES-256 in counter mode, Poly1305-AES) with what scrypt makes of
    the password: https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac
    """
    master = _read_master_key(repository, passwords[0])
    folder = repository / "keys"
    for file in folder.iterdir():
        file.unlink()
    for password in passwords:
        _write_key(folder, password, master)


def make_light(repository: Path, password: str) -> None:
    """Make an empty repository that a password opens at once; ``restic init`` measures for 2.5 s of CPU what is slow.

    It differs from one of restic's in that, and in its polynomial, which is that of restic's own reference.
    """
    for name in ("data", "index", "keys", "locks", "snapshots"):
        (repository / name).mkdir(parents=True)
    encrypt, own, nonce = os.urandom(32), os.urandom(16), os.urandom(16)
    about = {"version": 2, "id": os.urandom(32).hex(), "chunker_polynomial": "25b468838dcb75"}
    (repository / "config").write_bytes(_seal(encrypt + own + nonce, json.dumps(about).encode()))
    master = {"mac": {"k": _encode(own), "r": _encode(nonce)}, "encrypt": _encode(encrypt)}
    _write_key(repository / "keys", password, json.dumps(master).encode())


def _write_key(folder: Path, password: str, master: bytes) -> None:
    salt = os.urandom(64)
    parts = {"created": "2026-01-01T00:00:00Z", "username": "test", "hostname": "test", "kdf": "scrypt"}
    key = hashlib.scrypt(password.encode(), salt=salt, n=2, r=1, p=1, dklen=64)
    content = {"N": 2, "r": 1, "p": 1, "salt": _encode(salt), "data": _encode(_seal(key, master))}
    text = json.dumps({**parts, **content}).encode()
    (folder / hashlib.sha256(text).hexdigest()).write_bytes(text)


def leave_lock(repository: Path, password: str, host: str) -> Path:
    """Leave the lock of a restic that was killed on another machine a moment ago, as it stood alone with all data."""
    master = json.loads(_read_master_key(repository, password))
    key = b"".join(base64.b64decode(part) for part in (master["encrypt"], master["mac"]["k"], master["mac"]["r"]))
    lock = {"time": datetime.now(UTC).isoformat(), "exclusive": True, "hostname": host, "username": "ops", "pid": 7}
    content = _seal(key, json.dumps(lock).encode())
    path = repository / "locks" / hashlib.sha256(content).hexdigest()
    path.write_bytes(content)
    return path


def _read_master_key(repository: Path, password: str) -> bytes:
    asked = run_restic(repository, password, "cat", "masterkey")
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


def _seal(key: bytes, plain: bytes) -> bytes:
    start = os.urandom(16)
    hidden = Cipher(algorithms.AES(key[:32]), modes.CTR(start)).encryptor().update(plain)
    once = Cipher(algorithms.AES(key[32:48]), modes.ECB()).encryptor().update(start)  # a single block: Poly1305-AES
    return start + hidden + Poly1305.generate_tag(key[48:] + once, hidden)


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
