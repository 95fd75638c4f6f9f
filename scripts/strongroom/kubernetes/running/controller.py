"""A Job's controller: so many Pods at once, those that failed anew after a pause, until the Job is decided."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from strongroom.core.errors import ExitCode
from strongroom.kubernetes.running.failing import DISRUPTION, judge_failure
from strongroom.kubernetes.running.identity import name_pod
from strongroom.kubernetes.running.objects import Objects
from strongroom.kubernetes.running.order import End
from strongroom.kubernetes.running.outcome import JobRun, PodEnd
from strongroom.kubernetes.running.pod import Pod
from strongroom.kubernetes.running.request import Request, Surroundings
from strongroom.kubernetes.running.spec import JobSpec
from strongroom.kubernetes.running.volumes import name_claim

_LONGEST_PAUSE = 600.0
_LOOK_SECONDS = 0.2
_OVER = "the Job is over"


@dataclass(kw_only=True)
class Controller:
    """Decides, Pod by Pod, what comes next."""

    request: Request
    around: Surroundings
    objects: Objects
    spec: JobSpec
    place: str
    labels: Mapping[str, str]
    """Of all that is made in the engine."""
    void: Mapping[str, str]
    active: dict[str, tuple[Pod, threading.Thread]] = field(default_factory=dict)
    """By the name of the Pod."""
    ended: list[PodEnd] = field(default_factory=list)
    arrived: queue.Queue[tuple[Pod, PodEnd | BaseException]] = field(default_factory=queue.Queue)
    failures: Counter[int | None] = field(default_factory=Counter)
    """By index; None for all of them together."""
    streak: Counter[int | None] = field(default_factory=Counter)
    """Failures since the last success, by which pauses grow."""
    not_before: dict[int | None, float] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    """Indexes, or numbers of completions, that succeeded."""
    failed: set[int] = field(default_factory=set)
    restarted: int = 0
    verdict: tuple[str, str] | None = None
    """Reason and message, once the Job has failed."""

    def run(self) -> None:
        """Run Pods until all have succeeded, or the Job has failed."""
        self.began = self.around.clock()
        self.drains = self.request.drain_after is not None
        while not self._is_over():
            self._start_due()
            self._take(_LOOK_SECONDS)
            self._look_at_time()
        self.end_all("JobFailed", _OVER)

    def _is_over(self) -> bool:
        if self.verdict is not None or self.active:
            return self.verdict is not None
        if len(self.done) + len(self.failed) < self.spec.completions:
            return False
        if self.failed:
            self.verdict = ("FailedIndexes", f"failed indexes: {', '.join(map(str, sorted(self.failed)))}")
        return True

    def _start_due(self) -> None:
        now = self.around.clock()
        taken = {pod.identity.index for pod, _ in self.active.values()} | self.done | self.failed
        for number in range(self.spec.completions):
            if len(self.active) >= self.spec.parallelism:
                return
            index = number if self.spec.is_indexed else None
            is_taken = number in taken if self.spec.is_indexed else number < len(self.done) + len(self.active)
            if not is_taken and now >= self.not_before.get(self._key(index), now):
                self._start(index)

    def _key(self, index: int | None) -> int | None:
        """Return by what failures are counted: by index where these have limits of their own."""
        return None if self.spec.backoff_per_index is None else index

    def _start(self, index: int | None) -> None:
        identity = name_pod(self.request.job, self.objects.namespace, self.spec.pod, self.spec.metadata, index)
        pod = Pod(
            identity=identity,
            spec=self.spec.pod,
            place=f"{self.place}.template.spec",
            objects=self.objects,
            request=self.request,
            around=self.around,
            labels=self.labels,
            restarts=self.spec.restarts,
            prefixed=self.spec.parallelism > 1 or len(self.spec.pod["containers"]) > 1,
            count_restart=self._count_restart,
        )
        self.around.say(f"starting pod {identity.name}")
        thread = threading.Thread(target=_run_pod, args=(pod, self.arrived.put), daemon=True)
        self.active[identity.name] = (pod, thread)  # first: whoever ends all of them must find it
        thread.start()

    def _count_restart(self) -> None:
        with self.around.lock:
            self.restarted += 1

    def _take(self, seconds: float) -> None:
        """Take the end of a Pod, if one has ended by then, and decide about it. Raises what its Pod raised."""
        try:
            pod, end = self.arrived.get(timeout=seconds)
        except queue.Empty:
            return
        self.active.pop(pod.identity.name, None)
        if isinstance(end, BaseException):
            raise end
        self._judge(end)

    def _judge(self, end: PodEnd) -> None:
        if end.succeeded:
            self.ended.append(end)
            self.done.add(len(self.done) if end.index is None else end.index)
            self.streak[self._key(end.index)] = 0
            return
        action, why = judge_failure(self.spec.rules, end)
        self._pause(self._key(end.index))
        self.ended.append(replace(end, answer=action))
        self.around.say(f"pod {end.name} failed ({end.reason}, exit code {end.exit_code}): {action}")
        if action == "FailJob":
            self._fail("PodFailurePolicy", why)
        elif action == "FailIndex" and end.index is not None:
            self._fail_index(end.index)
        elif action == "Count":
            self._count(end)

    def _pause(self, key: int | None) -> None:
        """Let the next Pod wait, longer with each failure, one that counts for nothing too."""
        self.streak[key] += 1
        pause = min(self.around.pause * 2 ** (self.streak[key] - 1), _LONGEST_PAUSE)
        self.not_before[key] = self.around.clock() + pause

    def _count(self, end: PodEnd) -> None:
        key = self._key(end.index)
        self.failures[key] += 1
        if self.failures.total() > self.spec.backoff_limit:
            fact = f"{self.failures.total()} pods failed, and backoffLimit is {self.spec.backoff_limit}"
            self._fail("BackoffLimitExceeded", fact)
        elif end.index is not None and self.failures[key] > (self.spec.backoff_per_index or 0) and key is not None:
            self._fail_index(end.index)

    def _fail_index(self, index: int) -> None:
        self.failed.add(index)
        most = self.spec.max_failed_indexes
        if most is not None and len(self.failed) > most:
            self._fail("MaxFailedIndexesExceeded", f"{len(self.failed)} indexes failed, and maxFailedIndexes is {most}")

    def _fail(self, reason: str, message: str) -> None:
        self.verdict = self.verdict or (reason, message)

    def _look_at_time(self) -> None:
        """Fail the Job for its deadline or for containers that began anew too often; drain where that is wanted."""
        now = self.around.clock()
        if self.spec.deadline is not None and now - self.began >= self.spec.deadline and self.verdict is None:
            self._fail("DeadlineExceeded", f"the Job was active longer than {self.spec.deadline:g} s")
        if self.restarted and self.restarted >= self.spec.backoff_limit:
            self._fail("BackoffLimitExceeded", f"containers began anew {self.restarted} times")
        first = next(iter(self.active.values()), None)
        if self.drains and first is not None and first[0].has_run_for(self.request.drain_after or 0):
            self.drains = False
            end = End(reason="Drained", message="its node is drained", grace=self.spec.grace, condition=DISRUPTION)
            first[0].order.give(end)

    def end_all(self, reason: str, message: str) -> None:
        """End the Pods that still run, and wait for their ends, whatever else comes."""
        for pod, _ in self.active.values():
            pod.order.give(End(reason=reason, message=message, grace=self.spec.grace))
        while self.active:
            try:
                pod, end = self.arrived.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._forget_unstarted()
                continue
            self.active.pop(pod.identity.name, None)
            if isinstance(end, PodEnd):
                self.ended.append(end)
                if end.succeeded and end.index is not None:
                    self.done.add(end.index)
                self.around.say(f"pod {end.name} ended with {end.exit_code}")

    def _forget_unstarted(self) -> None:
        """Forget Pods whose thread a signal kept from being started."""
        for name, (_, thread) in list(self.active.items()):
            if thread.ident is None:
                del self.active[name]

    def conclude(self) -> JobRun:
        """Return what became of the Job."""
        reason, message = self.verdict or ("Completed", "")
        used = [claim for claim in map(_name_claim_of, self.spec.pod.get("volumes") or ()) if claim is not None]
        claims = {claim: self.request.claims.get(claim, name_claim(self.objects.namespace, claim)) for claim in used}
        asked = {
            str(one.get("image"))
            for one in (*(self.spec.pod.get("initContainers") or ()), *self.spec.pod["containers"])
        }
        return JobRun(
            job=self.request.job,
            namespace=self.objects.namespace,
            succeeded=self.verdict is None,
            reason=reason,
            message=message,
            seconds=round(self.around.clock() - self.began, 3),
            pods=tuple(self.ended),
            failed_indexes=tuple(sorted(self.failed)),
            claims=claims,
            images={name: image for name, image in self.request.images.items() if name in asked},
            void=self.void,
            exit=0 if self.verdict is None else _find_exit(self.ended),
        )


def _run_pod(pod: Pod, put: Callable[[tuple[Pod, PodEnd | BaseException]], None]) -> None:
    try:
        put((pod, pod.run()))
    except BaseException as error:  # noqa: BLE001  # raised again by whoever waits for the Pod
        put((pod, error))


def _find_exit(pods: list[PodEnd]) -> int:
    """Return the exit code by which a Job failed; of one whose containers all ended well, that it was stopped."""
    decided = [pod.exit_code for pod in pods if pod.exit_code and pod.answer not in ("", "Ignore")]
    others = [pod.exit_code for pod in pods if pod.exit_code]
    return next((codes[-1] for codes in (decided, others) if codes), int(ExitCode.TERMINATED))


def _name_claim_of(volume: Mapping[str, object]) -> str | None:
    claim = volume.get("persistentVolumeClaim")
    return str(claim["claimName"]) if isinstance(claim, Mapping) else None
