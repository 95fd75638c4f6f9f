"""What the containers of a Pod share: a network place and name, and volumes that live as long as the Pod.

A container that does nothing holds both, as in a cluster; through it volumes are filled, opened to the Pod's group,
measured and read. It is made of the Pod's first image, of which it needs a shell, sleep, find and coreutils.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from strongroom.core.errors import ConfigurationError, UnreachableError
from strongroom.engine import Client
from strongroom.engine.containers import Box, Mounted, RunningBox, make_box, make_volume, remove_volume
from strongroom.kubernetes.running.environment import expand
from strongroom.kubernetes.running.files import LINK, NEXT, File, pack_files
from strongroom.kubernetes.running.identity import Identity
from strongroom.kubernetes.running.volumes import ROOT, Maker, Volume, open_to_group

_POD = "/pod"
_MESSAGES = f"{_POD}/messages"
_MESSAGE_BYTES = 4096
_MAY = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]
_KIBI = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What the containers of one Pod share."""

    box: RunningBox
    volumes: Mapping[str, Volume]
    messages: str
    """Where the engine's machine has what containers leave as their last words."""

    def mount(self, container: Mapping[str, Any], environment: Mapping[str, str], place: str) -> tuple[Mounted, ...]:
        """Return what is mounted in a container. Raises ConfigurationError for a subPath that leaves its volume."""
        wanted = container.get("volumeMounts") or ()
        mounts = [self._mount(one, environment, f"{place}.volumeMounts[{one.get('mountPath')}]") for one in wanted]
        last_words = str(container.get("terminationMessagePath") or "/dev/termination-log")
        return (*mounts, Mounted(target=last_words, source=f"{self.messages}/{container['name']}", is_path=True))

    def _mount(self, asked: Mapping[str, Any], environment: Mapping[str, str], place: str) -> Mounted:
        volume = self.volumes[str(asked["name"])]
        read_only = volume.read_only or bool(asked.get("readOnly"))
        path = str(asked.get("subPath") or expand(str(asked.get("subPathExpr") or ""), environment))
        target = str(asked["mountPath"])
        if not path:
            return Mounted(target=target, source=volume.source, is_path=volume.is_path, read_only=read_only)
        return Mounted(target=target, source=self._find_inside(volume, path, place), is_path=True, read_only=read_only)

    def _find_inside(self, volume: Volume, path: str, place: str) -> str:
        """Return where a subPath is on the engine's machine; it is made where it is missing, like its volume's root."""
        if path.startswith("/") or ".." in path.split("/"):
            raise ConfigurationError(f"{place}.subPath", f"leaves its volume (got {path!r})")
        script = (
            f'[ -e "$1" ] || {{ umask $(printf %o $(( 0777 & ~0$(stat -c %a {volume.inside}) ))); mkdir -p "$1"; }}; '
            'readlink -f "$1"'
        )
        code, said = self.box.execute("sh", "-c", script, "sh", f"{volume.inside}/{path}")
        found = said.strip()
        if code or not found.startswith(f"{volume.inside}/"):
            raise ConfigurationError(f"{place}.subPath", f"leads out of its volume, or cannot be made (got {path!r})")
        return f"{volume.base}{found.removeprefix(volume.inside)}"

    def do(self, script: str, place: str) -> str:
        """Run a script as root; return what it said. Raises ConfigurationError with its last line."""
        code, said = self.box.execute("sh", "-c", script)
        if code:
            raise ConfigurationError(place, (said.strip().splitlines() or ["cannot be prepared"])[-1])
        return said

    def renew(self, volume: str, files: Mapping[str, File], now: datetime, group: int | None) -> None:
        """Put other files in the place of a volume's, all of them at one moment."""
        self.box.put(ROOT, pack_files({volume: files}, now, group, link=NEXT))
        swap = f'cd {ROOT}/{volume}; old=$(readlink {LINK}); mv -T {NEXT} {LINK} && rm -r "./$old"'
        self.do(swap, f"volume {volume}")

    def take_message(self, container: str) -> str:
        """Return a container's last words, and forget them."""
        file = f"{_MESSAGES}/{container}"
        _, said = self.box.execute("sh", "-c", f"head -c {_MESSAGE_BYTES} {file}; : > {file}")
        return said

    def measure(self) -> dict[str, int]:
        """Return how many bytes the empty folders on disk hold."""
        names = [name for name, volume in self.volumes.items() if volume.is_empty_folder]
        if not names:
            return {}
        _, said = self.box.execute("du", "-sk", *(f"{ROOT}/{name}" for name in names))
        rows = (line.split("\t") for line in said.splitlines() if "\t" in line)
        return {path.removeprefix(f"{ROOT}/"): int(size) * _KIBI for size, path in rows if size.isdecimal()}


@contextmanager
def open_sandbox(maker: Maker, image: str, network: str | None) -> Iterator[tuple[Sandbox, Identity]]:
    """Have a sandbox for a while, and the Pod's identity with its address; all that is the Pod's own is removed.

    Raises ConfigurationError where a volume cannot be made ready, or the image has no shell.
    """
    client, identity = maker.client, maker.sources.identity
    own = f"{identity.name}.-pod"
    volumes: list[Volume] = []
    box: RunningBox | None = None
    try:
        base = make_volume(client, own, maker.labels, memory="mode=0755")
        volumes.extend(maker.make())
        box = _make(maker, image, network, (Mounted(target=_POD, source=own), *(one.mount_inside() for one in volumes)))
        complaint = box.start()
        if complaint is not None:
            raise ConfigurationError(f"image {image}", f"cannot hold a Pod: {complaint}", "it needs a shell and sleep")
        sandbox = Sandbox(box=box, volumes={volume.name: volume for volume in volumes}, messages=f"{base}/messages")
        _fill(sandbox, maker)
        yield sandbox, replace(identity, address=_find_address(client, box))
    finally:
        if box is not None:
            box.remove()
        for name in (*maker.made, own):
            remove_volume(client, name)


def _make(maker: Maker, image: str, network: str | None, mounts: tuple[Mounted, ...]) -> RunningBox:
    identity, pod = maker.sources.identity, maker.pod
    dns = pod.get("dnsConfig") or {}
    if pod.get("dnsPolicy") == "None" and not dns.get("nameservers"):
        raise ConfigurationError(f"{maker.place}.dnsPolicy", "is None, and dnsConfig names no nameservers")
    options = {
        "hostname": identity.hostname,
        "network_mode": network or "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "cap_add": _MAY,
        "security_opt": ["no-new-privileges:true"],
        "ipc_mode": "shareable",
        "dns": list(dns.get("nameservers") or ()),
        "dns_search": list(dns.get("searches") or ()),
        "dns_opt": [_write_option(option) for option in dns.get("options") or ()],
        "extra_hosts": [
            f"{name}:{alias['ip']}" for alias in pod.get("hostAliases") or () for name in alias.get("hostnames") or ()
        ],
    }
    return make_box(
        maker.client,
        Box(
            name=identity.name,
            image=image,
            labels=maker.labels,
            entrypoint=("sleep",),
            command=("infinity",),
            user="0:0",
            mounts=mounts,
            options={name: value for name, value in options.items() if value},
        ),
    )


def _fill(sandbox: Sandbox, maker: Maker) -> None:
    """Put the files where they belong, give volumes to the Pod's group, and make room for last words."""
    files = {name: volume.files for name, volume in sandbox.volumes.items() if volume.files is not None}
    if files:
        sandbox.box.put(ROOT, pack_files(files, maker.sources.token.now, maker.sources.group))
    context = maker.pod.get("securityContext") or {}
    always = context.get("fsGroupChangePolicy", "Always") != "OnRootMismatch"
    scripts = {
        name: open_to_group(volume, maker.sources.group, always=always) for name, volume in sandbox.volumes.items()
    }
    steps = [
        f"{{ {script}; }} || {{ echo volume {name} cannot be given to the Pod; exit 1; }}"
        for name, script in scripts.items()
        if script
    ]
    names = " ".join(f"{_MESSAGES}/{name}" for name in maker.sources.containers)
    sandbox.do("\n".join([f"mkdir {_MESSAGES}; umask 0; touch {names}", *steps]), maker.place)


def _write_option(option: Mapping[str, Any]) -> str:
    return str(option["name"]) if option.get("value") is None else f"{option['name']}:{option['value']}"


def _find_address(client: Client, box: RunningBox) -> str:
    networks = client.api.inspect_container(box.id)["NetworkSettings"]["Networks"] or {}
    found = [str(network.get("IPAddress") or "") for network in networks.values()]
    if not found:
        raise UnreachableError("sandbox", "ended by itself", "the Pod's image needs sleep")
    return found[0]
