"""Single containers and volumes of an engine, for who runs them without Compose.

What the engine refuses to start is a fact about the container, and is returned; that the engine is gone is an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from strongroom.core.errors import ConfigurationError
from strongroom.engine.reach import Client

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.types import Mount

_NEVER = "0001-01-01"
_TRIES, _TRY_SECONDS = 100, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A volume, or a path of the engine's machine, at a place in a container."""

    target: str
    source: str
    is_path: bool = False
    read_only: bool = False

    def describe(self) -> Mount:
        """Return it in the library's words; nothing of the image is copied into a volume."""
        from docker.types import Mount

        if self.is_path:
            return Mount(self.target, self.source, type="bind", read_only=self.read_only)
        return Mount(self.target, self.source, type="volume", read_only=self.read_only, no_copy=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A container as it is to be made."""

    name: str
    image: str
    labels: Mapping[str, str]
    entrypoint: tuple[str, ...] | None = None
    """None: the image's own."""
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str | None = None
    mounts: tuple[Mounted, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else is asked of the engine, in the library's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a container is at a moment."""

    is_over: bool
    exit_code: int
    is_out_of_memory: bool
    seconds: float
    """From its start to its end; 0 while it runs."""


class RunningBox:
    """A container that was made: started, looked at, ended."""

    def __init__(self, client: Client, container: Container) -> None:
        """Take over a container of the engine."""
        self._client, self._container = client, container
        self.id = str(container.id)

    @property
    def stop_signal(self) -> str:
        """The signal by which its image wants to be asked to end."""
        return str(self._container.attrs["Config"].get("StopSignal") or "SIGTERM")

    def start(self) -> str | None:
        """Start it; return what the engine says where the program cannot be started."""
        from docker.errors import APIError

        try:
            self._container.start()
        except APIError as error:
            return str(error.explanation or error)
        return None

    def look(self) -> Seen:
        """Ask the engine how it is."""
        state = self._client.api.inspect_container(self.id)["State"]
        is_over = state["Status"] in ("exited", "dead")
        return Seen(
            is_over=is_over,
            exit_code=int(state["ExitCode"]),
            is_out_of_memory=bool(state["OOMKilled"]),
            seconds=_count_seconds(state) if is_over else 0.0,
        )

    def attach(self) -> Iterator[bytes]:
        """Listen from now on, before it is started; what it writes comes until it has ended, or is removed.

        Not from its log: of that the last line is not always there when whoever follows it is told of the end.
        """
        return self._listen(self._client.api.attach_socket(self.id, {"stdout": 1, "stderr": 1, "stream": 1}))

    def _listen(self, stream: Any) -> Iterator[bytes]:
        from docker.utils.socket import frames_iter

        # The library closes neither: the answer by which it asked, and the socket behind it.
        with closing(stream._sock), closing(stream._response), suppress(OSError):  # noqa: SLF001
            for _, chunk in frames_iter(stream, tty=False):  # type: ignore[no-untyped-call]
                yield chunk

    def signal(self, name: str) -> None:
        """Send a signal; one that has ended hears nothing."""
        from docker.errors import APIError

        with suppress(APIError):
            self._container.kill(signal=name)

    def execute(self, *words: str) -> tuple[int, str]:
        """Run a program in it as root; return its exit code and what it said."""
        made = self._client.api.exec_create(self.id, list(words), user="0:0")["Id"]
        said: bytes = self._client.api.exec_start(made)
        return int(self._client.api.exec_inspect(made)["ExitCode"]), said.decode(errors="replace")

    def put(self, folder: str, archive: bytes) -> None:
        """Unpack a tar archive in one of its volumes, with the owners and modes that stand in it."""
        self._container.put_archive(folder, archive)

    def count_written(self) -> int:
        """Return how many bytes it wrote into its own layer."""
        found = self._client.api.containers(all=True, size=True, filters={"id": self.id})
        return int(found[0].get("SizeRw") or 0) if found else 0

    def remove(self) -> None:
        """Remove it, at once if it runs."""
        from docker.errors import APIError, NotFound

        for _ in range(_TRIES):
            try:
                self._container.remove(v=True, force=True)
            except NotFound:
                return
            except APIError:  # its end is on its way
                time.sleep(_TRY_SECONDS)
            else:
                return


def make_box(client: Client, box: Box) -> RunningBox:
    """Make a container; it is not started. Raises ConfigurationError for what the engine does not accept."""
    from docker.errors import APIError, ImageNotFound

    try:
        container = client.containers.create(
            box.image,
            None if box.command is None else list(box.command),
            name=box.name,
            labels=dict(box.labels),
            entrypoint=None if box.entrypoint is None else list(box.entrypoint),
            environment=dict(box.environment),
            user=box.user,
            mounts=[mount.describe() for mount in box.mounts],
            **box.options,
        )
    except ImageNotFound as error:
        raise ConfigurationError(f"image {box.image}", "is not here", "build it, or pull it") from error
    except APIError as error:
        if error.is_client_error():
            raise ConfigurationError(f"container {box.name}", str(error.explanation or error)) from error
        raise
    return RunningBox(client, container)


def make_volume(client: Client, name: str, labels: Mapping[str, str], *, memory: str | None = None) -> str:
    """Make a volume, in memory with these options of tmpfs where they are given; return where the engine has it."""
    options = None if memory is None else {"type": "tmpfs", "device": "tmpfs", "o": memory}
    volume = client.volumes.create(name, driver="local", driver_opts=options, labels=dict(labels))
    return str(volume.attrs["Mountpoint"])


def find_volume(client: Client, name: str) -> str | None:
    """Return where the engine has a volume; None where there is none by this name."""
    from docker.errors import NotFound

    try:
        return str(client.volumes.get(name).attrs["Mountpoint"])
    except NotFound:
        return None


def remove_volume(client: Client, name: str) -> None:
    """Remove a volume; one that is gone stays gone."""
    from docker.errors import APIError, NotFound

    for _ in range(_TRIES):
        try:
            client.volumes.get(name).remove(force=True)
        except NotFound:
            return
        except APIError:  # its container is being removed
            time.sleep(_TRY_SECONDS)
        else:
            return


def has_network(client: Client, name: str) -> bool:
    """Tell whether the engine has a network by this name."""
    return any(network.name == name for network in client.networks.list(names=[name]))


def remove_abandoned(client: Client, label: str, is_abandoned: Callable[[str], bool]) -> tuple[str, ...]:
    """Remove containers and volumes whose label has a value that is abandoned; return the containers' names."""
    gone = []
    for container in client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
        if is_abandoned(container.labels.get(label, "")):
            gone.append(str(container.name))
            RunningBox(client, container).remove()
    for volume in client.volumes.list(filters={"label": label}):
        if is_abandoned((volume.attrs.get("Labels") or {}).get(label, "")):
            remove_volume(client, str(volume.name))
    return tuple(gone)


def _count_seconds(state: Mapping[str, Any]) -> float:
    if str(state["StartedAt"]).startswith(_NEVER) or str(state["FinishedAt"]).startswith(_NEVER):
        return 0.0
    began, ended = (datetime.fromisoformat(f"{state[name][:19]}+00:00") for name in ("StartedAt", "FinishedAt"))
    parts = [float(f"0.{state[name][20:].rstrip('Z') or 0}") for name in ("StartedAt", "FinishedAt")]
    return max((ended - began).total_seconds() + parts[1] - parts[0], 0.0)
