"""Debian's packages: where they come from here, and how they are installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import UnreachableError
from strongroom.core.programs import require_success, run_program

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_RELEASE = Path("/etc/os-release")
_SECONDS = 600.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where this machine's Debian packages come from."""

    uri: str
    suite: str
    """The release of this machine."""
    security: str | None
    """Where Debian's security updates come from; None where apt's configuration names no place."""


def find_mirror(environment: Mapping[str, str]) -> Mirror:
    """Return the mirror that apt uses. Raises UnreachableError where there is no Debian, or no right to install."""
    names = _read_release()
    if names.get("ID") != "debian" or shutil.which("apt-get", path=environment.get("PATH")) is None:
        raise UnreachableError("Debian packages", f"are not for {names.get('PRETTY_NAME', 'this system')}", _BY_HAND)
    if os.geteuid() != 0:
        raise UnreachableError("Debian packages", "can be installed by root only", "run it as root")
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    asked = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    said = require_success(run_program(asked, environment=environment, timeout=60), UnreachableError)
    found = {}
    for line in sorted(set(said.stdout.decode().splitlines()), reverse=True):
        uri, release, component = line.rsplit(" ", 2)
        if component == "main":
            found[release] = uri
    suite = names.get("VERSION_CODENAME", "")
    if suite in found:
        return Mirror(uri=found[suite], suite=suite, security=found.get(f"{suite}-security"))
    raise UnreachableError("Debian packages", "have no source in apt's configuration", "see sources.list(5)")


_BY_HAND = "install Docker by its own instructions"


def _read_release() -> dict[str, str]:
    try:
        lines = _RELEASE.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def install_packages(names: Sequence[str], environment: Mapping[str, str], *, suite: str | None = None) -> None:
    """Install packages, from another suite of the same mirror when one is named; what is there stays.

    Raises UnreachableError, with apt's own words, when that fails.
    """
    mirror = find_mirror(environment)
    with _turn(), tempfile.TemporaryDirectory(prefix="strongroom-apt-") as scratch:
        options = [] if suite in (None, mirror.suite) else _use_suite(Path(scratch), mirror.uri, str(suite))
        quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        for words in (["update"], ["install", "--yes", "--no-install-recommends", *names]):
            ended = run_program(
                ["apt-get", "--quiet", *options, *words], environment=quiet, timeout=_SECONDS, directory=Path("/")
            )
            if not ended.is_success:
                lines = (ended.stderr or ended.stdout).decode(errors="replace").strip().splitlines()
                said = lines[-1] if lines else "apt-get failed"
                raise UnreachableError(f"packages {', '.join(names)}", said, "see to apt, then run again")


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until no other process of ours installs anything: apt would not. Raises UnreachableError after a while."""
    with (Path(tempfile.gettempdir()) / "strongroom-apt.lock").open("w") as lock:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    fact = "somebody else installs packages, and does not end"
                    raise UnreachableError("apt", fact, "see to it, then run again") from None
                time.sleep(_LOOK_SECONDS)
        yield


def _use_suite(scratch: Path, uri: str, suite: str) -> list[str]:
    """Return apt's options for one more suite, in lists of its own: the machine's stay as they are."""
    scratch.chmod(0o755)  # apt's own user reads it
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "sources.list").write_text(f"deb [signed-by={KEYRING}] {uri} {suite} main\n")
    settings = {
        "Dir::Etc::SourceList": scratch / "sources.list",
        "Dir::Etc::SourceParts": os.devnull,
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
