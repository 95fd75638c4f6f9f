"""Manifests on screen: rendered, checked, compared with a cluster."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import DifferencesError, ExitCode
from strongroom.kubernetes.checking.check import Checked, Located
from strongroom.kubernetes.comparing import Compared
from strongroom.kubernetes.rendering.render import Rendered
from strongroom.report.log import say_error
from strongroom.report.screen import Screen, count, print_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What an overlay is made into; secrets are in it, as a cluster needs them."""

    overlay: str
    job: str | None
    objects: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is wrong with overlays."""

    overlays: tuple[str, ...]
    jobs: tuple[str, ...]
    objects: int
    versions: tuple[str, ...]
    findings: tuple[Located, ...]
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What applying an overlay would change."""

    overlay: str
    context: str | None
    lines: tuple[str, ...]
    exit: ExitCode


_NAMED = 3
"""So many objects with one mistake are named in the table; --json names all."""
RESULTS = {"k8s.check": Judged, "k8s.diff": Pending, "k8s.render": Manifests}


def show_rendered(rendered: Rendered, *, as_json: bool) -> None:
    """Print YAML and nothing else, for ``kubectl apply -f -``."""
    if as_json:
        print_json({"overlay": rendered.overlay, "job": rendered.job, "objects": rendered.objects})
    else:
        sys.stdout.write(rendered.text)


def show_checked_manifests(checked: Checked, *, as_json: bool, color: bool) -> ExitCode:
    """Print what is wrong, object by object, and what to do; return 3 where anything is."""
    code = ExitCode.DIFFERENCES if checked.findings else ExitCode.DONE
    screen = Screen(as_json=as_json, color=color)
    names = ", ".join(checked.overlays)
    if checked.findings:
        screen.table(("object", "field", "what is wrong", "what to do"), _make_rows(checked), numbers=False)
        hint = "the table says what to do; nothing was written anywhere"
        say_error(DifferencesError("k8s", f"{_count(checked)} in {names}", hint))
    versions = f"Kubernetes {checked.versions[0]} to {checked.versions[-1]}"
    screen.conclude(
        f"{count(checked.objects)} objects of {names}, for {versions}: {len(checked.findings) or 'no'} mistakes"
    )
    screen.end(
        Judged(
            overlays=checked.overlays,
            jobs=checked.jobs,
            objects=checked.objects,
            versions=checked.versions,
            findings=checked.findings,
            exit=code,
        )
    )
    return code


def _make_rows(checked: Checked) -> list[tuple[str, str, str, str]]:
    """Put together what is wrong with several objects in the same way, as a component makes it."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for one in checked.findings:
        together.setdefault((one.field, _say(one, checked), one.remedy), []).append(one.object)
    return [(_name_some(objects), *said) for said, objects in together.items()]


def _name_some(objects: list[str]) -> str:
    more = len(objects) - _NAMED
    return ", ".join(objects[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _count(checked: Checked) -> str:
    number = len(checked.findings)
    return "1 mistake" if number == 1 else f"{number or 'no'} mistakes"


def _say(one: Located, checked: Checked) -> str:
    """Name the overlays of a mistake that is not in all of them."""
    return one.fact if one.overlays == checked.overlays else f"{one.fact} (in {', '.join(one.overlays)})"


def show_compared(compared: Compared, *, as_json: bool, color: bool) -> ExitCode:
    """Print what applying would change; return 7 where anything would."""
    code = ExitCode.DONE if compared.is_same else ExitCode.PENDING
    screen = Screen(as_json=as_json, color=color)
    screen.lines(compared.lines)
    where = "the cluster" if compared.context is None else f"the cluster of {compared.context}"
    named = f"{where} is as overlay {compared.overlay} says"
    screen.conclude(named if compared.is_same else f"{where} is not as overlay {compared.overlay} says")
    screen.end(Pending(overlay=compared.overlay, context=compared.context, lines=compared.lines, exit=code))
    return code
