"""CronJobs: that they start, when it was meant, and one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from zoneinfo import available_timezones

from strongroom.kubernetes.checking.cron import DAY, Schedule, ScheduleError, read_schedule
from strongroom.kubernetes.checking.scene import Finding, Job, Scene
from strongroom.kubernetes.content import dig, word

_SELDOM = 300 * DAY
"""In minutes: what starts as seldom is started by a person."""
_LEAST_START = 10
"""The controller looks every ten seconds."""


def demand_schedules_that_fire(scene: Scene) -> Iterator[Finding]:
    """Demand a schedule that can be read, and that ever fires."""
    for job in _list_cron_jobs(scene):
        text = job.thing.find("spec.schedule")
        try:
            read_schedule(text if isinstance(text, str) else "")
        except ScheduleError as error:
            remedy = "five fields: minute, hour, day, month, day of the week"
            yield job.thing.says("spec.schedule", f"{error} (got {text})", remedy)


def forbid_forgotten_pauses(scene: Scene) -> Iterator[Finding]:
    """Forbid what is suspended, and has the schedule of something that should run; unless another one does the same."""
    running = [_list_lines(job) for job in _list_cron_jobs(scene) if job.thing.find("spec.suspend") is not True]
    for job in _list_cron_jobs(scene):
        period = _find_period(job, even_if_suspended=True)
        is_often = period is not None and period < _SELDOM
        if job.thing.find("spec.suspend") is True and is_often and _list_lines(job) not in running:
            fact = f"is suspended, and never starts (its schedule is {job.thing.find('spec.schedule')})"
            remedy = "remove suspend; what only a person starts has a schedule of once a year"
            yield job.thing.says("spec.suspend", fact, remedy)


def _list_lines(job: Job) -> list[list[str]]:
    return [container.arguments for container in job.pod.containers]


def demand_time_zones(scene: Scene) -> Iterator[Finding]:
    """Demand a time zone that exists: without one it is the controller's own."""
    known = available_timezones()
    for job in _list_cron_jobs(scene):
        zone = job.thing.find("spec.timeZone")
        if zone is None:
            fact = "is not said: it would be the controller's"
            yield job.thing.says("spec.timeZone", fact, "timeZone: Etc/UTC")
        elif known and (word(zone) not in known or zone in ("localtime", "Factory")):
            yield job.thing.says("spec.timeZone", f"there is no time zone {zone}", "as in Etc/UTC, Europe/Berlin")


def demand_one_at_a_time(scene: Scene) -> Iterator[Finding]:
    """Demand that a run waits for the one before it, however late that one is."""
    for job in _list_cron_jobs(scene):
        said = job.thing.find("spec.concurrencyPolicy")
        if said != "Forbid":
            fact = f"is {said or 'not said, which is Allow'}: two runs would meet at one store"
            yield job.thing.says("spec.concurrencyPolicy", fact, "concurrencyPolicy: Forbid")


def demand_a_late_start(scene: Scene) -> Iterator[Finding]:
    """Demand a time in which a missed start is made up for: within it, and never so late that the next one is due."""
    for job in _list_cron_jobs(scene):
        said, period = job.thing.find("spec.startingDeadlineSeconds"), _find_period(job)
        field = "spec.startingDeadlineSeconds"
        if not isinstance(said, int):
            fact = "is not said: after 100 missed starts it never starts again"
            yield job.thing.says(field, fact, "startingDeadlineSeconds: 3600")
        elif said < _LEAST_START:
            fact = f"{said} s is less than the controller's own round of {_LEAST_START} s: it may never start"
            yield job.thing.says(field, fact, "startingDeadlineSeconds: 600")
        elif period is not None and said >= period * 60:
            fact = f"{said} s is no less than the {period * 60} s from one start to the next"
            yield job.thing.says(field, fact, "lower it, or start less often")


def demand_an_end_before_the_next_start(scene: Scene) -> Iterator[Finding]:
    """Demand a deadline that ends a run before the next one is due."""
    for job in _list_cron_jobs(scene):
        deadline, period = job.spec.get("activeDeadlineSeconds"), _find_period(job)
        if isinstance(deadline, int) and period is not None and deadline >= period * 60:
            fact = f"{deadline} s is no less than the {period * 60} s from one start to the next"
            yield job.says("activeDeadlineSeconds", fact, "lower it, or start less often")


def demand_a_history(scene: Scene) -> Iterator[Finding]:
    """Demand that failed runs can be looked at."""
    for job in _list_cron_jobs(scene):
        for name, least in (("successfulJobsHistoryLimit", 0), ("failedJobsHistoryLimit", 1)):
            said = job.thing.find(f"spec.{name}")
            if not isinstance(said, int) or said < least:
                fact = f"is {said}: evidence would be gone" if isinstance(said, int) else "is not said"
                yield job.thing.says(f"spec.{name}", fact, f"{name}: 3")


def forbid_meeting_on_a_volume(scene: Scene) -> Iterator[Finding]:
    """Forbid two starts at one minute of what mounts one volume that a single node may write."""
    narrow = {
        (claim.namespace, claim.name)
        for claim in scene.list_kind("PersistentVolumeClaim")
        if claim.find("spec.accessModes") in (["ReadWriteOnce"], ["ReadWriteOncePod"])
    }
    running = [(job, read) for job in _list_cron_jobs(scene) if (read := _read(job)) is not None]
    for (one, first), (other, second) in combinations(running, 2):
        shared = sorted(_list_claims(one) & _list_claims(other) & narrow)
        minute = first.meets(second)
        if shared and minute is not None and _zone(one) == _zone(other):
            clock = f"{minute // 60:02}:{minute % 60:02}"
            fact = f"starts with {other.thing.title} at {clock}, on the volume {shared[0][1]}"
            yield one.thing.says("spec.schedule", fact, "let one of them start at another minute")


def _list_cron_jobs(scene: Scene) -> Iterator[Job]:
    return (job for job in scene.jobs if job.thing.kind == "CronJob")


def _read(job: Job, *, even_if_suspended: bool = False) -> Schedule | None:
    """Return when it starts by itself; None where it does not."""
    if job.thing.find("spec.suspend") is True and not even_if_suspended:
        return None
    try:
        return read_schedule(str(job.thing.find("spec.schedule")))
    except ScheduleError:
        return None


def _find_period(job: Job, *, even_if_suspended: bool = False) -> int | None:
    read = _read(job, even_if_suspended=even_if_suspended)
    return None if read is None else read.period


def _zone(job: Job) -> object:
    return job.thing.find("spec.timeZone")


def _list_claims(job: Job) -> set[tuple[str, str]]:
    names = (dig(volume, "persistentVolumeClaim.claimName") for _, volume in job.pod.volumes)
    return {(job.thing.namespace, str(name)) for name in names if name}
