"""What is done with a fixture, step by step, and how each ends: run, killed and run again, decided, rolled back."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.e2e.decided import write_decisions
from tests.mutants.fixtures import Fixture, Later, write_database, write_to_log
from tests.mutants.observe import Observation, observe_home, observe_tree

_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_POWER_CUT = 9


class End(StrEnum):
    """How a step ended."""

    DONE = "done"
    REFUSED = "refused"
    """With a documented exit code and a sentence."""
    CRASHED = "crashed"
    """With a traceback."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, how it ended, and what is there now."""

    name: str
    end: End
    said: str
    differences: tuple[str, ...]
    seen: Observation


@dataclass(frozen=True, slots=True)
class _Ground:
    """A fixture's own copy of its tree."""

    fixture: Fixture
    root: Path

    @property
    def source(self) -> Path:
        return self.root / "legacy"

    @property
    def target(self) -> Path:
        return self.source if self.fixture.is_in_place else self.root / "live"

    @property
    def first(self) -> Path:
        """The first target, where it is live."""
        return self.target / self.fixture.targets[0]

    def decisions(self, place: int) -> Path:
        """Return the file of what is decided before the run (0), or later."""
        return self.root / f"decisions-{place}.yaml"


def prepare(fixture: Fixture, root: Path) -> None:
    """Write a fixture's system and legacy files, and what was live before."""
    ground = _Ground(fixture, root)
    system = root / "system"
    about = f"version: 1\nname: {fixture.name}\ntitle: Mutants\n"
    for name, text in {"system.yaml": about, **fixture.texts}.items():
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(text, encoding="utf-8")
    for folder in (ground.source, ground.target):
        folder.mkdir(exist_ok=True)
    fixture.write(ground.source)
    for write in fixture.before:
        write(ground.target)
    for place, groups in enumerate((fixture.decisions, *(later.groups for later in fixture.later))):
        if groups:
            write_decisions(ground.decisions(place), ground.source, groups)


def perform(fixture: Fixture, prepared: Path, root: Path) -> Iterator[Step]:
    """Do with a copy of a prepared tree what its fixture asks for, in this process."""
    shutil.copytree(prepared, root, symlinks=True)
    ground = _Ground(fixture, root)
    if fixture.stop_at is not None:
        _do_until(fixture.stop_at, lambda checkpoint: _run(ground, checkpoint))
    yield _take_step("run", ground, lambda: _run(ground))
    for place, later in enumerate(fixture.later, start=1):
        yield _take_step(f"decide {place}", ground, partial(_decide, ground, place, later))
    yield _take_step("rollback", ground, lambda: _roll_back(ground))


def _take_step(name: str, ground: _Ground, do: Callable[[], Any]) -> Step:
    errors = import_module("strongroom.core.errors")
    try:
        outcome = do()
    except errors.StrongroomError as error:
        end = End.CRASHED if error.exit_code is errors.ExitCode.BUG else End.REFUSED
        said = f"exit {int(error.exit_code)}: {type(error).__name__}: {_localise(error, ground)}"
        return Step(name, end, said, (), {})
    except Exception as error:  # noqa: BLE001  # whatever a fault makes of it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Step(name, End.CRASHED, f"{type(error).__name__}: {error} ({Path(place.filename).name})", (), {})
    if outcome is None:
        return Step(name, End.REFUSED, "nothing is applied, and nothing proven", (), {})
    verdict = getattr(outcome, "verdict", None)
    if verdict is not None and outcome.exit:
        quarantined = () if outcome.differences else (f"{outcome.quarantined} rows wait, and {outcome.budget} may",)
        said = f"exit {int(outcome.exit)}: {verdict}"
        return Step(name, End.REFUSED, said, (*outcome.differences, *quarantined), {})
    # What was live before, and not made by us, comes back byte for byte.
    is_back = name == "rollback" and not ground.fixture.later
    keys = tuple(ground.fixture.keys.values())
    seen: Observation = {}
    for folder in dict.fromkeys((ground.target, ground.source)):
        tree = observe_tree(folder, () if is_back else ground.fixture.targets, keys)
        seen.update({f"{folder.name}: {part}": lines for part, lines in tree.items()})
    seen.update(observe_home(ground.target, keys, is_raw=not ground.fixture.later))
    if verdict is not None:
        seen["tallies"] = [f"{table}: {asdict(tally)}" for table, tally in (outcome.tables | outcome.targets).items()]
        seen["waiting"] = [f"{outcome.quarantined} rows", str(sorted(outcome.undecided.items()))]
    return Step(name, End.DONE, str(verdict or "rolled back"), (), seen)


def _run(ground: _Ground, checkpoint: Callable[[str], None] = lambda _: None) -> Any:
    request = import_module("strongroom.consolidate.request")
    run = import_module("strongroom.consolidate.run").run
    system = ground.root / "system"
    wanted = request.Request(
        system=system,
        plan=system / "plan.yaml",
        source=ground.source,
        target=ground.target,
        replace=bool(ground.fixture.before),
        discard_changes=bool(ground.fixture.before),
        decisions=ground.decisions(0) if ground.fixture.decisions else None,
    )
    return run(wanted, _surround(ground, checkpoint))


def _surround(ground: _Ground, checkpoint: Callable[[str], None]) -> Any:
    request, progress = import_module("strongroom.consolidate.request"), import_module("strongroom.core.progress")
    return request.Surroundings(
        now=lambda: _NOW, progress=progress.Silent(), checkpoint=checkpoint, keys=_hold_keys(ground)
    )


def _do_until(checkpoint: str, do: Callable[[Callable[[str], None]], Any]) -> None:
    """Do something in a process that is gone at a checkpoint, as if the power were cut."""

    def stop(name: str) -> None:
        if name == checkpoint:
            os._exit(_POWER_CUT)

    pid = os.fork()
    if pid == 0:
        try:
            do(stop)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _decide(ground: _Ground, place: int, later: Later) -> Any:
    """Apply what people decided since publish, as ``consolidate.decide --decisions FILE --apply`` does."""
    errors = import_module("strongroom.core.errors")
    if later.write:
        write_to_log(ground.first, later.write)
    if later.other:
        write_database(ground.first, later.other)
        with suppress(errors.DecisionNeededError):
            return _settle(ground, place)
        write_database(ground.first, later.same)
    if later.stop_at is not None:
        _do_until(later.stop_at, lambda checkpoint: _settle(ground, place, checkpoint))
    if later.meanwhile:
        with _write_before_swap(ground.first, later.meanwhile), suppress(errors.TargetBusyError):
            return _settle(ground, place)
    return _settle(ground, place)


def _settle(ground: _Ground, place: int, checkpoint: Callable[[str], None] = lambda _: None) -> Any:
    home = import_module("strongroom.runs.home").Home(target=ground.target)
    desks, settling = (import_module(f"strongroom.consolidate.deciding.{name}") for name in ("desk", "settle"))
    take_file = import_module("strongroom.consolidate.deciding.taking").take_file
    around = _surround(ground, checkpoint)
    finished = settling.go_on(home, around)
    author = desks.Author(by="ops", why="", now=around.now)
    with desks.open_desk(home, None, author, keys=around.keys) as desk:
        take_file(desk, ground.decisions(place), by=None, why=None)
    return settling.settle(home, around) or finished


@contextmanager
def _write_before_swap(file: Path, sql: str) -> Iterator[None]:
    """Let an application write once the copies are proven, and it is noted what they will replace."""
    settling = import_module("strongroom.consolidate.deciding.settle")
    publish = settling.publish

    def write_and_publish(*arguments: Any) -> Any:
        write_database(file, sql)
        return publish(*arguments)

    settling.publish = write_and_publish
    try:
        yield
    finally:
        settling.publish = publish


def _roll_back(ground: _Ground) -> Any:
    home = import_module("strongroom.runs.home").Home(target=ground.target)
    roll_back = import_module("strongroom.consolidate.rollback").rollback
    keys = _hold_keys(ground)
    return roll_back(home, source=ground.source, now=_NOW, discard_changes=False, dry_run=False, keys=keys)


def _hold_keys(ground: _Ground) -> dict[str, Any]:
    secret = import_module("strongroom.core.secret").Secret
    return {name: secret(key) for name, key in ground.fixture.keys.items()}


def _localise(error: Exception, ground: _Ground) -> str:
    return str(error).replace(str(ground.root), "…")
