"""One Pod, from its volumes to its end: init containers one by one, then all containers; deadlines, limits, orders."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strongroom.engine.containers import Box, RunningBox, Seen, make_box
from strongroom.kubernetes.running.boxes import (
    describe_container,
    find_one_user,
    name_program,
    provide_image,
    read_security,
)
from strongroom.kubernetes.running.environment import Variables
from strongroom.kubernetes.running.files import Sources
from strongroom.kubernetes.running.identity import Identity
from strongroom.kubernetes.running.limits import find_excess
from strongroom.kubernetes.running.objects import Objects
from strongroom.kubernetes.running.order import End, Order
from strongroom.kubernetes.running.outcome import ContainerEnd, PodEnd
from strongroom.kubernetes.running.request import Request, Surroundings
from strongroom.kubernetes.running.sandbox import open_sandbox
from strongroom.kubernetes.running.saying import Saying
from strongroom.kubernetes.running.tokens import TokenRequest
from strongroom.kubernetes.running.volumes import Maker

_LOOK_SECONDS, _SELDOM_SECONDS = 0.05, 0.25
_LONGEST_PAUSE = 300.0
_LAST_LINES, _LAST_BYTES = 80, 2048
_CANNOT_RUN = 128
_KILL_SECONDS = 30.0
_UNREADY_SECONDS = 0.3
"""So long after its start a program may not be in its container's place yet: what starts it would take the signal."""


@dataclass(slots=True, kw_only=True)
class _Container:
    """A container of the Pod, and what became of it so far."""

    spec: Mapping[str, Any]
    place: str
    box: RunningBox | None = None
    saying: Saying | None = None
    end: ContainerEnd | None = None
    restarts: int = 0
    again_at: float | None = None
    started: float = 0.0
    """By the machine's clock."""

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def is_running(self) -> bool:
        return self.box is not None


@dataclass(kw_only=True)
class Pod:
    """A Pod that is to run."""

    identity: Identity
    spec: Mapping[str, Any]
    place: str
    """Of its specification in the manifest."""
    objects: Objects
    request: Request
    around: Surroundings
    labels: Mapping[str, str]
    restarts: bool
    prefixed: bool
    """Whether its lines say whose they are."""
    count_restart: Callable[[], None]
    order: Order = field(default_factory=Order)
    _program_began: float | None = None

    def run(self) -> PodEnd:
        """Run it to its end.

        Raises ConfigurationError, UsageError, UnreachableError for what a Pod in a cluster waits for in vain.
        """
        self._began = self.around.clock()
        self._measured = self._began
        everyone = (*(self.spec.get("initContainers") or ()), *self.spec["containers"])
        image, _ = provide_image(self.around.client, self.spec["containers"][0], self.request.images, self.place)
        by_name = {str(container["name"]): container for container in everyone}
        sources = Sources(
            objects=self.objects,
            identity=self.identity,
            containers=by_name,
            token=TokenRequest(sign=self.around.sign, now=self.around.now()),
            group=(self.spec.get("securityContext") or {}).get("fsGroup"),
            user=find_one_user(self.spec),
        )
        maker = Maker(
            client=self.around.client, pod=self.spec, sources=sources, claims=self.request.claims, labels=self.labels,
            place=self.place,
        )  # fmt: skip
        self._by_name, self._maker = by_name, maker
        init, main = self._list("initContainers"), self._list("containers")
        with open_sandbox(maker, image, self.request.network) as (self._sandbox, self.identity):
            self._renewals = {
                name: self.around.clock() + volume.renewal
                for name, volume in self._sandbox.volumes.items()
                if volume.renewal is not None
            }
            try:
                for container in init:
                    if not self._run_together([container]):
                        break
                else:
                    self._program_began = self.around.clock()
                    self._run_together(main)
            finally:
                self._clear([*init, *main])
        return self._conclude(init, main)

    def has_run_for(self, seconds: float) -> bool:
        """Tell whether its containers, after those that make things ready, have run for so long."""
        return self._program_began is not None and self.around.clock() - self._program_began >= seconds

    def _list(self, field_name: str) -> list[_Container]:
        place = f"{self.place}.{field_name}"
        found = self.spec.get(field_name) or ()
        return [_Container(spec=one, place=f"{place}[{one.get('name')}]") for one in found]

    def _run_together(self, containers: list[_Container]) -> bool:
        """Run containers to their ends; tell whether all succeeded."""
        for container in containers:
            if self.order.given is None:
                self._start(container)
        pause = _LOOK_SECONDS
        while any(container.is_running or container.again_at is not None for container in containers):
            for container in containers:
                self._tend(container)
            self._renew_tokens()
            self._look_at_limits(containers)
            if self.order.given is not None:
                self._end_all(containers, self.order.given)
                break
            self.order.wait(pause)
            pause = min(pause * 1.2, _SELDOM_SECONDS)
        return all(container.end is not None and container.end.exit_code == 0 for container in containers)

    def _start(self, container: _Container) -> None:
        client, sandbox = self.around.client, self._sandbox
        variables = Variables(objects=self.objects, identity=self.identity, containers=self._by_name)
        environment = variables.make(container.spec, container.place)
        name, image = provide_image(client, container.spec, self.request.images, container.place)
        security = read_security(container.spec, self.spec)
        entrypoint, command = name_program(container.spec, environment)
        box = make_box(
            client,
            Box(
                name=f"{self.identity.name}.{container.name}.{container.restarts}",
                image=name,
                labels=self.labels,
                entrypoint=entrypoint,
                command=command,
                environment=environment,
                user=security.name_user(image, container.place),
                mounts=sandbox.mount(container.spec, environment, container.place),
                options=describe_container(container.spec, security, sandbox.box.id, container.place),
            ),
        )
        container.again_at = None
        prefix = f"{self.identity.name}/{container.name}: " if self.prefixed else ""
        saying = Saying(box, self.around.write, prefix)
        complaint = box.start()
        if complaint is not None:
            box.remove()
            self._settle(container, _CANNOT_RUN, "ContainerCannotRun", 0.0, complaint)
            return
        container.box, container.saying, container.started = box, saying, time.monotonic()

    def _tend(self, container: _Container) -> None:
        """See whether a container has ended, or whether it is time to begin it again."""
        if container.box is not None:
            seen = container.box.look()
            if seen.is_over:
                self._take_end(container, seen)
        elif container.again_at is not None and self.around.clock() >= container.again_at:
            container.restarts += 1
            self.count_restart()
            self._start(container)

    def _take_end(self, container: _Container, seen: Seen) -> None:
        box, saying = container.box, container.saying
        if box is None or saying is None:
            return
        saying.end()
        reason = "OOMKilled" if seen.is_out_of_memory else "Error" if seen.exit_code else "Completed"
        message = self._sandbox.take_message(container.name)
        if not message and seen.exit_code and container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            lines = saying.last[-_LAST_BYTES:].decode(errors="replace").splitlines(keepends=True)
            message = "".join(lines[-_LAST_LINES:])
        container.box = None
        box.remove()
        self._settle(container, seen.exit_code, reason, seen.seconds, message)

    def _settle(self, container: _Container, code: int, reason: str, seconds: float, message: str) -> None:
        """Keep how a container ended; where its Pod's policy says so, it begins again after a pause."""
        container.end = end = ContainerEnd(
            name=container.name,
            exit_code=code,
            reason=reason,
            seconds=round(seconds, 3),
            restarts=container.restarts,
            message=message,
        )
        if self.restarts and end.exit_code and self.order.given is None:
            pause = min(self.around.pause * 2**container.restarts, _LONGEST_PAUSE)
            container.again_at = self.around.clock() + pause
            self.around.say(f"container {end.name} ended with {end.exit_code}, and begins again in {pause:g} s")

    def _renew_tokens(self) -> None:
        for name in [name for name, due in self._renewals.items() if self.around.clock() >= due]:
            now = self.around.now()
            self._sandbox.renew(name, self._maker.read_again(name, now), now, self._maker.sources.group)
            self._renewals[name] = self.around.clock() + (self._sandbox.volumes[name].renewal or 0)

    def _look_at_limits(self, containers: list[_Container]) -> None:
        """Give oneself the order to end for a deadline that has passed, or a volume that has grown too large."""
        now, deadline = self.around.clock(), self.spec.get("activeDeadlineSeconds")
        if deadline is not None and now - self._began >= deadline:
            message = "Pod was active on the node longer than the specified deadline"
            grace = float(self.spec.get("terminationGracePeriodSeconds", 30))
            self.order.give(End(reason="DeadlineExceeded", message=message, grace=grace, fails=True))
        if now - self._measured < self.around.measure_every:
            return
        self._measured = now
        written = {one.name: (one.box, one.saying) for one in containers if one.box is not None}
        excess = find_excess(self.spec, self._sandbox, written, self.place)
        if excess:
            self.order.give(End(reason="Evicted", message=excess, grace=1.0, fails=True))

    def _end_all(self, containers: list[_Container], end: End) -> None:
        """Ask containers to end, and end those that do not in time; all of them have ended then."""
        self.around.say(f"ending pod {self.identity.name}: {end.message}")
        latest = max((container.started for container in containers), default=0.0)
        time.sleep(max(0.0, latest + _UNREADY_SECONDS - time.monotonic()))
        for container in containers:
            container.again_at = None
            if container.box is not None:
                container.box.signal(container.box.stop_signal)
        for patience in (end.grace, _KILL_SECONDS):
            deadline = time.monotonic() + patience
            while any(container.is_running for container in containers) and time.monotonic() < deadline:
                for container in containers:
                    self._tend(container)
                time.sleep(_LOOK_SECONDS)
            for container in containers:
                if container.box is not None:
                    container.box.signal("SIGKILL")

    def _clear(self, containers: list[_Container]) -> None:
        for container in containers:
            if container.box is not None:
                container.box.remove()
            if container.saying is not None:
                container.saying.end()

    def _conclude(self, init: list[_Container], main: list[_Container]) -> PodEnd:
        ended = tuple(container.end for container in (*init, *main) if container.end is not None)
        given = self.order.given
        is_whole = all(container.end is not None and container.end.exit_code == 0 for container in main)
        failed = next((end for end in ended if end.exit_code), None)
        return PodEnd(
            name=self.identity.name,
            index=self.identity.index,
            succeeded=is_whole and not (given is not None and given.fails),
            reason=given.reason if given is not None else "Completed" if failed is None else failed.reason,
            message=given.message if given is not None else "" if failed is None else failed.message,
            seconds=round(self.around.clock() - self._began, 3),
            containers=ended,
            condition="" if given is None else given.condition,
        )
