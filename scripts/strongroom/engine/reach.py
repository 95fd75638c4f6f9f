"""Reach a Docker engine, and say plainly why there is none.

The client library is imported where it is used: it takes a tenth of a second, and few commands need it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from strongroom.core.errors import UnreachableError
from strongroom.engine.complaints import ENDED, explain_failure

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image as DockerImage

Client: TypeAlias = "DockerClient"
Image: TypeAlias = "DockerImage"

SYSTEM_SOCKET = Path("/var/run/docker.sock")
_USUAL = "default"
"""The context of the docker command that means no other place."""
_ANSWER_SECONDS = 5.0
_WORK_SECONDS = 600
_GET_ONE = "start Docker, or name it in DOCKER_HOST; on Debian, as root: ./inv engine.ensure --install"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that answers."""

    endpoint: str
    version: str
    storage: str
    cores: int
    memory: int
    """In bytes."""
    system: str


@contextmanager
def connect(environment: Mapping[str, str]) -> Iterator[Client]:
    """Connect to the engine that ``DOCKER_HOST`` names, else to the first that has a socket here.

    Raises UnreachableError when none answers, it refuses this user, or it cannot do later what is asked of it, or is
    gone by then; NoSpaceError.
    """
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    endpoint = find_endpoint(environment)
    _refuse_silent(endpoint)
    try:
        client = docker.DockerClient.from_env(
            environment={**environment, "DOCKER_HOST": endpoint}, timeout=_WORK_SECONDS
        )
        client.ping()
    except (DockerException, OSError) as error:
        raise UnreachableError("Docker engine", f"does not answer at {endpoint} ({error})", _GET_ONE) from error
    try:
        yield client
    except RequestException as error:  # no class of the library's own
        raise explain_failure("Docker engine", ENDED, str(error)) from error
    except DockerException as error:
        said = str(getattr(error, "explanation", None) or error)
        raise explain_failure("Docker engine", said, said) from error
    finally:
        client.close()


def count_room_left(client: Client) -> int | None:
    """Return how many bytes are left where the engine keeps images and volumes; None where that is not here."""
    place = Path(str(client.info().get("DockerRootDir") or ""))
    return shutil.disk_usage(place).free if place.is_absolute() and place.is_dir() else None


def find_image(client: Client, name: str) -> Image | None:
    """Return an image that the engine has, or None."""
    from docker.errors import ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        return None


def remove_untagged(client: Client, image: Image) -> None:
    """Remove an image in whose place another one came, unless a tag or a container still holds it."""
    from docker.errors import DockerException

    with suppress(DockerException):
        if not client.images.get(str(image.id)).tags:
            client.images.remove(str(image.id))


def pull_image(client: Client, name: str) -> None:
    """Pull an image such as ``debian:trixie-slim``, or by its digest, from its registry. Raises UnreachableError."""
    from docker.errors import DockerException

    try:
        client.images.pull(name)
    except DockerException as error:
        said = str(getattr(error, "explanation", None) or error).splitlines()[0]
        raise UnreachableError(f"image {name}", f"cannot be pulled ({said})", "see to the registry") from error


def describe_engine(environment: Mapping[str, str]) -> Engine:
    """Ask the engine what it is. Raises UnreachableError."""
    with connect(environment) as client:
        info = client.info()
    return Engine(
        endpoint=find_endpoint(environment),
        version=str(info["ServerVersion"]),
        storage=str(info["Driver"]),
        cores=int(info["NCPU"]),
        memory=int(info["MemTotal"]),
        system=str(info["OperatingSystem"]),
    )


def list_running(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the containers that run. Raises UnreachableError."""
    with connect(environment) as client:
        return tuple(sorted(str(container.name) for container in client.containers.list()))


def find_endpoint(environment: Mapping[str, str]) -> str:
    """Return where the engine should be: as named, by a context too, else the first socket that is there."""
    named = environment.get("DOCKER_HOST") or _read_context(environment)
    if named:
        return named
    sockets = [SYSTEM_SOCKET]
    if environment.get("XDG_RUNTIME_DIR"):
        sockets.append(Path(environment["XDG_RUNTIME_DIR"]) / "docker.sock")
    if environment.get("HOME"):
        sockets.append(Path(environment["HOME"]) / ".docker" / "run" / "docker.sock")
    return f"unix://{next((path for path in sockets if path.exists()), SYSTEM_SOCKET)}"


def _read_context(environment: Mapping[str, str]) -> str:
    """Return the place that the chosen context of the docker command names; nothing for its default."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "/")) / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    name = environment.get("DOCKER_CONTEXT") or config.get("currentContext") or _USUAL
    if name == _USUAL:
        return ""
    about = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    try:
        return str(json.loads(about.read_text(encoding="utf-8"))["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreachableError(f"docker context {name}", "is not there", "docker context ls; or DOCKER_HOST") from error


def name_engine(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which the docker command means the engine that ``connect`` reaches."""
    return {name: value for name, value in environment.items() if name != "DOCKER_CONTEXT"} | {
        "DOCKER_HOST": find_endpoint(environment)
    }


def _refuse_silent(endpoint: str) -> None:
    """Tell apart what the client's own exceptions mix up: no socket, nobody behind it, no right to it."""
    if not endpoint.startswith("unix://"):
        return
    path = endpoint.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_ANSWER_SECONDS)
        try:
            probe.connect(path)
        except FileNotFoundError as error:
            raise UnreachableError("Docker engine", f"is not here: there is no {path}", _GET_ONE) from error
        except PermissionError as error:
            hint = "add the user to the group docker, or run as root"
            raise UnreachableError("Docker engine", f"refuses this user at {path}", hint) from error
        except OSError as error:
            fact = f"does not answer at {path} ({(error.strerror or str(error)).lower()})"
            raise UnreachableError("Docker engine", fact, _GET_ONE) from error
