"""A fault, and what is measured of it: how every command ends that meets it, and how things go on afterwards."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.e2e.backup_faults.shop import Shop
from tests.faults.scene import Ended

TASKS: Mapping[str, tuple[str, ...]] = {
    "create": ("create",),
    "verify": ("verify",),
    "verify --full": ("verify", "--full"),
    "drill": ("drill",),
    "restore": ("restore", "--set", "latest", "--into", "PLACE"),
    "prune": ("prune",),
    "list": ("list",),
    "show": ("show",),
    "status": ("status",),
}
EVERY = frozenset(TASKS)
VERIFYING = frozenset({"verify", "verify --full"})
FETCHING = frozenset({"drill", "restore"})
BUG, TOLD = 1, "told"
SAYS = re.compile(
    r"cannot be|damaged|is gone|looks wrong|made anew|passed over|not in the catalog|is not there|unaccepted|is without"
    r"|partial|is that of"
)
"""What a command says that ends with 0 and noticed something all the same."""

Befall = Callable[[Shop], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong, with everything that must be true of it."""

    name: str
    engine: str
    befall: Befall
    """It is there for as long as the context lasts, and stays where nothing takes it away by itself."""
    notice: frozenset[str] = frozenset()
    """The commands that must not end with 0."""
    told: frozenset[str] = frozenset()
    """Those that may end with 0, and must say something."""
    person: str | None = None
    """What a person must do before backups go on; None: nothing."""
    act: Callable[[Shop], None] | None = None
    """How that is done here."""
    due: Callable[[Shop], int] | None = None
    """The day of the week (0: Monday) on which ``verify`` reads what is damaged."""
    tasks: frozenset[str] = EVERY
    """Those that are measured."""
    is_mounted: bool = False
    """Whether it needs file systems of its own."""
    meanwhile: bool = False
    """Whether the first ``create`` meets it, rather than comes after it."""

    @property
    def id(self) -> str:
        return f"{self.name} ({self.engine})"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of a fault, in exit codes."""

    fault: Fault
    codes: Mapping[str, str]
    restic: str
    """What ``restic check`` alone ends with."""
    onwards: str
    """How the commands end that come next."""
    wrong: list[str] = field(default_factory=list)
    """What must not be."""

    @property
    def line(self) -> str:
        cells = [self.codes.get(task, "") for task in TASKS]
        person = self.fault.person or ""
        return "| " + " | ".join([self.fault.name, self.fault.engine, *cells, self.restic, self.onwards, person]) + " |"


HEAD = ["fault", "store", *TASKS, "restic check", "afterwards", "a person must"]


def befalling(do: Callable[[Shop], object]) -> Befall:
    """Return a fault that stays, once something was done."""

    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        do(shop)
        yield

    return befall


def measure(fault: Fault, template: Shop, scratch: Path) -> Row:
    """Let a fault befall a shop of its own for each command, and see how that ends."""
    wrong: list[str] = []
    codes: dict[str, str] = {}
    with _set_stage(template, scratch) as shop, fault.befall(shop):
        good, restic = shop.list_sound(), _ask_restic(shop)
    for task, words in TASKS.items():
        if task in fault.tasks:
            with _set_stage(template, scratch) as shop:
                if task == "verify" and fault.due is not None:
                    shop.clock.at += timedelta(days=fault.due(shop))
                with fault.befall(shop):
                    codes[task] = _try(fault, shop, task, words, good, wrong)
    with _set_stage(template, scratch) as shop:
        onwards = _go_on(fault, shop, good, wrong)
    return Row(fault=fault, codes=codes, restic=restic, onwards=onwards, wrong=wrong)


@contextmanager
def _set_stage(template: Shop, scratch: Path) -> Iterator[Shop]:
    try:
        yield template.copy_to(scratch / "shop")
    finally:
        shutil.rmtree(scratch / "shop")


def _try(fault: Fault, shop: Shop, task: str, words: tuple[str, ...], good: set[str], wrong: list[str]) -> str:
    """Run one command, and look at what it says and leaves; return its cell of the table."""
    place, content = shop.root / "restored", shop.photograph()
    ended = shop.run(*(str(place) if word == "PLACE" else word for word in words))
    if shop.photograph() != content:
        left = shop.list_sound()
        if not (good & left if task == "prune" and good else good <= left):
            wrong.append(f"{task} loses what was sound: {sorted(good - left)}")
    if ended.code and task == "restore" and place.exists():
        wrong.append(f"restore ends with {ended.code} and leaves something")
    says = SAYS.search(ended.out + ended.err) is not None
    wrong += judge(fault, task, ended, says=says)
    return f"{ended.code}{'*' if says and not ended.code else ''}"


def judge(fault: Fault, task: str, ended: Ended, *, says: bool) -> list[str]:
    """Return what must not be of how a command ended."""
    found = []
    if ended.code == BUG or "Traceback" in ended.err:
        found.append(f"{task} ends with a bug: {ended.err[-1500:]}")
    if not ended.code and task in fault.notice:
        found.append(f"{task} does not notice")
    if not ended.code and task in fault.told and not says:
        found.append(f"{task} says nothing")
    if sum(line.startswith("error: ") for line in ended.err.splitlines()) > 1:
        found.append(f"{task} says more than one error: {ended.err}")
    if ended.code and not ended.err and not ended.out:
        found.append(f"{task} ends with {ended.code} without a word")
    return found


def _ask_restic(shop: Shop) -> str:
    return "" if shop.engine == "folder" else str(shop.ask_restic("check", "--no-lock")[0])


def _go_on(fault: Fault, shop: Shop, good: set[str], wrong: list[str]) -> str:
    """Let sets be taken and rehearsed as they are every day, until the newest one came back whole."""
    before = set(shop.list_sets())
    said: list[str] = []
    with fault.befall(shop):
        if fault.meanwhile:
            met = shop.run("create")
            said.append(f"create {met.code}")
            if fault.person is not None and not says_how(met):
                wrong.append(f"create does not say what a person must do: {met.err}")
    for _ in range(2):
        ended = shop.run("create")
        said.append(f"create {ended.code}")
        if ended.code and fault.act is not None:
            if fault.person is None or not says_how(ended):
                wrong.append(f"create does not say what a person must do: {ended.err}")
            fault.act(shop)
            said.append("a person")
            continue
        if ended.code:
            wrong.append(f"create does not go on: {ended.err[-1500:]}")
            break
        shop.clock.at += timedelta(minutes=1)
        drilled = shop.run("drill")
        said.append(f"drill {drilled.code}")
        if not drilled.code:
            break
    else:
        wrong.append("the newest set does not come back whole")
    newest = max(set(shop.list_sets()) - before, default="")
    sound = shop.list_sound()
    if newest not in sound or not good <= sound:
        wrong.append(f"what was sound is not: {sorted(good - sound)} of {sorted(good)}; newest {newest!r}")
    return ", ".join(said)


def says_how(ended: Ended) -> bool:
    """Tell whether a command says in one line what is wrong, and in another what to do."""
    return " hint: " in ended.err and sum(line.startswith("error: ") for line in ended.err.splitlines()) == 1
