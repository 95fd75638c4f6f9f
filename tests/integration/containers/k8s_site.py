"""A cluster's part that is played here: small Jobs, run by ``run_job``, and what they wrote."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from strongroom.engine import Client
from strongroom.kubernetes.running import JobRun, Request, Surroundings, run_job
from strongroom.kubernetes.running.job import RUN, name_run

IMAGE = "strongroom/base:test"
"""It has a shell, and runs as root where nobody says otherwise."""
NAMESPACE = "played"
Content = Mapping[str, Any]


@dataclass(kw_only=True)
class Cluster:
    """Runs Jobs with one engine; pauses are short."""

    client: Client
    written: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    sign: Any = None
    pause: float = 0.1
    """Seconds before a first new attempt."""
    ahead: float = 0.0
    """Seconds by which its clock is ahead of ours."""
    leap: bytes = b""
    """Once a container has written this, its clock leaps."""
    leap_by: float = 86400.0
    """So many seconds."""

    def around(self) -> Surroundings:
        return Surroundings(
            client=self.client,
            now=lambda: datetime.now(UTC),
            write=self._write,
            say=self.said.append,
            sign=self.sign,
            pause=self.pause,
            measure_every=0.5,
            clock=lambda: time.monotonic() + self.ahead,
        )

    def _write(self, chunk: bytes) -> None:
        self.written.append(chunk)
        if self.leap and self.leap in b"".join(self.written):
            self.leap, self.ahead = b"", self.ahead + self.leap_by

    def run(self, *objects: Content, **request: Any) -> JobRun:
        """Run the Job ``job`` among these objects."""
        self.written.clear()
        self.said.clear()
        given = {"job": "job", "objects": objects, "network": None, **request}
        return run_job(Request(**given), self.around())

    @property
    def out(self) -> str:
        """What containers wrote in the last run."""
        return b"".join(self.written).decode()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def list_left(self) -> list[str]:
        """Return the names of containers and volumes that this process made and that are still there."""
        filters = {"label": f"{RUN}={name_run()}"}
        containers = self.client.containers.list(all=True, filters=filters, ignore_removed=True)
        return [str(one.name) for one in (*containers, *self.client.volumes.list(filters=filters))]

    @contextmanager
    def volume(self, memory: str | None = None) -> Iterator[str]:
        """Have a volume of the engine for a while."""
        options = None if memory is None else {"type": "tmpfs", "device": "tmpfs", "o": memory}
        made = self.client.volumes.create(driver="local", driver_opts=options)
        try:
            yield str(made.name)
        finally:
            made.remove(force=True)


def container(script: str, **fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": IMAGE, "command": ["sh", "-c", script], **fields}


def job(*containers: Content, pod: Content | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Job of one Pod that is not tried again, unless ``spec`` says otherwise."""
    template = {
        "metadata": {"labels": {"app": "played"}, "annotations": {"note": "hello"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "containers": list(containers),
            **(pod or {}),
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job", "namespace": NAMESPACE},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def secret(name: str, **data: str) -> dict[str, Any]:
    encoded = {key.replace("_", "-"): base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": encoded}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}


def claim(name: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def mounts(**places: str) -> list[dict[str, str]]:
    return [{"name": name, "mountPath": place} for name, place in places.items()]


def rules(**codes: Sequence[int]) -> dict[str, Any]:
    """Return a podFailurePolicy that ignores disruptions, and answers exit codes by action."""
    chosen = [
        {"action": action, "onExitCodes": {"operator": "In", "values": list(values)}}
        for action, values in codes.items()
    ]
    return {"rules": [*chosen, {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}


def read_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT, whoever signed it."""
    middle = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


def write_claims(claims: Mapping[str, object]) -> str:
    """Return a token of claims that nobody signed."""
    return f"head.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"
