"""One index's share of a fleet, worked off: what is done stays done, and no tenant's failure is another's."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from strongroom.core.crew import Crew
from strongroom.core.errors import ExitCode, GuardError, StrongroomError, UsageError, WorkerLostError
from strongroom.core.scrubbing import scrub
from strongroom.fleet.desk import Desk, open_desk
from strongroom.fleet.outcome import Run, choose_exit, tally_states
from strongroom.fleet.results import Attempt, Ended, Growing, Result, Shelf, list_attempts, read_results
from strongroom.fleet.tenants import Ground, Tenant, refuse_outside

Carry = Callable[[Tenant], Ended]
_GRACE_SECONDS = 10.0
"""For tenants that are under way when somebody asks for an end; what takes longer is cut, and goes on the next time."""
_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One index of a fleet, as asked for."""

    task: str
    carry_out: Carry
    """What is done with a tenant, in a worker. It returns how that ended, or raises; where it is asked to stop by
    SIGTERM it ends with 143."""
    ground: Ground
    place: str
    """Of the list, for people."""
    index: int = 0
    of: int = 1
    jobs: int = 1
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is passed in beside it."""

    now: Callable[[], datetime]
    say: Callable[[str, str], None] = lambda _subject, _fact: None
    """Told of each tenant that fails."""
    start: Callable[[int], None] = lambda _total: None
    """Told how many tenants there are to do."""
    advance: Callable[[int], None] = lambda _done: None
    """Told how many of them have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """How a tenant ended, and how long that took."""

    ended: Ended
    seconds: float
    trace: str = ""


def run_share(request: Request, tenants: Iterator[Tenant], shelf: Shelf, around: Surroundings) -> Run:
    """Carry a task out for every tenant of an index that is not done.

    Raises UsageError for a list that is wrong, and then nothing was begun; LockedError while the same index runs
    elsewhere; GuardError for results of another division; UnreachableError and NoSpaceError for results.
    """
    began = time.monotonic()
    refuse_no_index(request.index, request.of)
    share = Attempt(task=request.task, index=request.index, of=request.of, number=0).share
    count = 0 if request.dry_run else request.jobs
    crew: Crew[Tenant, _Timed] = Crew(count, lambda tenant: _carry_out(request, tenant))
    with crew, open_desk() as desk:
        desk.take_tenants(tenants, request.place, index=request.index, of=request.of)
        if request.dry_run:
            _take_results(desk, shelf, request)
            return _conclude(request, desk, shelf, began, before=0)
        with shelf.hold(share):
            shelf.take_over(share)
            last = _take_results(desk, shelf, request)
            before = tally_states(desk.count_states()).done
            around.start(desk.count_tenants() - before)
            if before < desk.count_tenants():
                growing = shelf.begin(replace(last, number=last.number + 1))
                _work_off(desk, crew, growing, around)
            return _conclude(request, desk, shelf, began, before=before)


def refuse_no_index(index: int, of: int) -> None:
    """Make sure that an index is one of so many: others would pass over tenants in silence. Raises UsageError."""
    if of < 1:
        raise UsageError("--of", f"must be a number from 1 (got {of})")
    if not 0 <= index < of:
        fact = f"must be from 0 to {of - 1}, as --of is {of} (got {index})"
        raise UsageError("--index", fact, "completions: of the Job and --of are one number")


def _take_results(desk: Desk, shelf: Shelf, request: Request) -> Attempt:
    """Take what became of this index's tenants before, and return its last attempt. Raises GuardError."""
    last = Attempt(task=request.task, index=request.index, of=request.of, number=0)
    for attempt in list_attempts(shelf, request.task, request.index):
        if attempt.of != request.of:
            fact = f"holds results of {attempt.of} indexes, and this is one of {request.of}"
            raise GuardError(shelf.place, fact, f"say --of {attempt.of}, or another --results")
        desk.take_results(read_results(shelf, attempt))
        last = attempt
    return last


def _work_off(desk: Desk, crew: Crew[Tenant, _Timed], growing: Growing, around: Surroundings) -> None:
    """Carry out what is pending; whatever ends this, what ended by then is kept."""
    count = 0

    def keep(tenant: Tenant, ended: _Timed | BaseException) -> None:
        nonlocal count
        timed = ended if isinstance(ended, _Timed) else _Timed(ended=_explain(ended), seconds=0.0)
        result = _describe(tenant, timed, around.now())
        growing.write(result)
        desk.take_results([result])
        count += 1
        around.advance(count)
        if result.exit:
            around.say(tenant.name, f"exit {result.exit}: {result.error or 'see what it said'}{timed.trace}")

    try:
        for tenant, ended in crew.work_off(desk.list_pending()):
            keep(tenant, ended)
    except BaseException:
        for tenant, ended in crew.recall(_GRACE_SECONDS):
            if not isinstance(ended, WorkerLostError):  # cut, and asked again the next time
                keep(tenant, ended)
        raise
    finally:
        growing.close()


def _carry_out(request: Request, tenant: Tenant) -> _Timed:
    """Carry out one tenant's task, in a worker."""
    began, trace = time.monotonic(), ""
    try:
        refuse_outside(tenant, request.ground)
        ended = request.carry_out(tenant)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this tenant's alone
        ended = _explain(error)
        if ended.exit == ExitCode.BUG:
            trace = "\n" + scrub("".join(traceback.format_exception(error))).rstrip("\n")
    return _Timed(ended=ended, seconds=round(time.monotonic() - began, 3), trace=trace)


def _explain(error: BaseException) -> Ended:
    """Return how a tenant ended whose task raised something, or whose worker died."""
    if isinstance(error, WorkerLostError):
        hint = "run the same command again; if it dies again, give it more memory"
        return Ended(exit=ExitCode.BUG, error="its worker was killed (out of memory?)", hint=hint)
    if isinstance(error, StrongroomError):
        return Ended(exit=error.exit_code, error=scrub(f"{error.subject}: {error.fact}"), hint=scrub(error.hint))
    if isinstance(error, MemoryError):
        return Ended(exit=ExitCode.BUG, error="ran out of memory", hint="give it more memory, or --jobs 1")
    told = scrub("".join(traceback.format_exception_only(error)).strip())
    return Ended(exit=ExitCode.BUG, error=told, hint="report the traceback that stands in the log")


def _describe(tenant: Tenant, timed: _Timed, now: datetime) -> Result:
    ended = timed.ended
    return Result(
        tenant=tenant.name,
        mark=tenant.mark,
        exit=int(ended.exit),
        verdict=ended.verdict,
        ended=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=timed.seconds,
        facts=dict(ended.facts),
        error=ended.error,
        hint=ended.hint,
    )


def _conclude(request: Request, desk: Desk, shelf: Shelf, began: float, *, before: int) -> Run:
    tally = tally_states(desk.count_states())
    tenants = desk.count_tenants()
    return Run(
        task=request.task,
        index=request.index,
        of=request.of,
        results=shelf.place,
        listed=desk.listed,
        tenants=tenants,
        done=tally.done,
        before=tally.done if request.dry_run else before,
        waiting=tally.waiting,
        unproven=tally.unproven,
        failed=tally.failed,
        undone=desk.list_undone(_SHOWN) if not request.dry_run else (),
        pending=tenants - tally.done if request.dry_run else 0,
        seconds=round(time.monotonic() - began, 3),
        dry_run=request.dry_run,
        exit=ExitCode.DONE if request.dry_run else choose_exit(tally.codes),
    )
