"""What is said of a run whose targets are live: INCOMPLETE, until a second look finds there what was proven."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from strongroom.consolidate.opening import Opening
from strongroom.consolidate.outcome import REPORT, VERDICT, Outcome
from strongroom.consolidate.request import Request
from strongroom.consolidate.verify.evidence import identify
from strongroom.consolidate.verify.published import (
    NO_WAY_BACK,
    Look,
    Places,
    find_written,
    look_before,
    prove_live,
    prove_recovered,
)
from strongroom.consolidate.verify.way_back import prove_way_back
from strongroom.core.errors import DifferencesError, ExitCode, TargetBusyError
from strongroom.core.results import Verdict
from strongroom.runs import find_changes
from strongroom.runs.documents import Document
from strongroom.runs.folder import PREVIOUS, RunFolder
from strongroom.runs.home import Home

LOOK = "look.json"
_SAID = 3
_AGAIN = "stop what writes to it, then run the same command again"
_NO_LOOK = "what there was before the targets went live is not kept in the run, so that nothing can be proven of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookDocument(Document):
    """``look.json``: what was seen before publishing, for a proof after an interruption."""

    kind: ClassVar[str] = "look"

    look: Look


def look_first(opening: Opening, proven: Outcome, folder: RunFolder, identities: Mapping[str, tuple[int, ...]]) -> Look:
    """Look at what will be published and replaced, and let nothing call the run proven until it is seen live.

    ``identities`` are those of the files that were proven. Raises DifferencesError for one that changed since.
    """
    return look_at(opening.request, folder, proven, identities, carried=opening.carried)


def look_at(
    request: Request,
    folder: RunFolder,
    proven: Outcome,
    identities: Mapping[str, tuple[int, ...]],
    *,
    carried: Sequence[str] = (),
    earlier: Look | None = None,
) -> Look:
    """Look as ``look_first`` does; a source that is not there has no legacy files.

    Raises TargetBusyError too, where what is live was written to since an ``earlier`` look.
    """
    look = look_before(_places(folder, request.target, request.source), carried, proven.tables)
    if earlier is not None:
        for path in find_written(earlier, look):
            raise TargetBusyError(request.target / path, "was written to since it was looked at", _AGAIN)
    for staged in look.targets.values():
        if identify(folder.stage / f"{staged.name}.db") != identities.get(staged.name):
            raise DifferencesError(staged.name, "changed after it was verified", "run the same command again")
    folder.write(LookDocument(look=replace(look, entries={})), LOOK)
    folder.write(replace(proven, verdict=Verdict.INCOMPLETE, exit=ExitCode.DIFFERENCES), REPORT)
    return look


def look_early(request: Request, folder: RunFolder) -> Look:
    """Look at what is live before anything is proven against it. Read-only."""
    return look_before(_places(folder, request.target, request.source))


def prove_published(opening: Opening, look: Look, proven: Outcome, folder: RunFolder) -> Outcome:
    """Prove that what is live is what was proven, and say so in the run's documents; return what it ended with.

    Raises DifferencesError; the run is DIFFERENT then for good, live, and ready to be rolled back.
    """
    return prove_seen(folder, opening.request, look, proven)


def prove_seen(folder: RunFolder, request: Request, look: Look, proven: Outcome) -> Outcome:
    """Prove what ``prove_published`` does, of a publishing that no opening began."""
    home = Home(target=request.target, engine=request.engine)
    found = prove_live(look, _places(folder, request.target, request.source))
    found += prove_way_back(look, folder.root, home.root)
    if not found:
        folder.write(proven, REPORT)
        return proven
    wrong = replace(proven, verdict=Verdict.DIFFERENT, exit=ExitCode.DIFFERENCES, differences=tuple(found))
    folder.write(wrong, REPORT)
    folder.write(wrong, VERDICT)
    changes = find_changes(folder.place(request.target, request.source))
    raise _explain(folder, found, request, *(["--discard-changes"] if changes else []))


def prove_late(home: Home, request: Request, *, is_finished_now: bool) -> bool:
    """Prove the live run, where an interruption came before its proof; tell whether its hooks are still due.

    They are for a publishing that was finished only now, and is right. Raises DifferencesError for one that is not,
    and for a run that was found wrong before, unless it is to be replaced.
    """
    current = home.open_current()
    report = None if current is None else current[0].read(Outcome, REPORT)
    if current is None or report is None or report.is_proven:
        return is_finished_now
    folder, found = current[0], report.differences
    if report.verdict is Verdict.INCOMPLETE:
        kept, proven = folder.read(LookDocument, LOOK), folder.read(Outcome, VERDICT)
        places = _places(folder, request.target, request.source)
        found = (_NO_LOOK,)
        if kept is not None and proven is not None:
            late = prove_recovered(kept.look, places) + prove_way_back(kept.look, current[0].root, home.root)
            found = tuple(late)
        folder.write(replace(report, differences=found) if found or proven is None else proven, REPORT)
    if found and not request.replace:
        raise _explain(folder, found, request)
    return not found


def _places(folder: RunFolder, target: Path, source: Path) -> Places:
    return Places(
        plan=folder.plan,
        target=target,
        source=source,
        stage=folder.stage,
        previous=folder.root / PREVIOUS,
        legacy=folder.legacy,
    )


def _explain(folder: RunFolder, found: Sequence[str], request: Request, *flags: str) -> DifferencesError:
    """Name what is wrong, and the command that leads back."""
    more = len(found) - _SAID
    said = "; ".join(found[:_SAID]) + (f"; and {more} more in its {REPORT}" if more > 0 else "")
    words = ["consolidate.rollback", "--target", str(request.target), "--source", str(request.source), *flags]
    way = f"{shlex.join(words)} puts back what was there before"
    if any(sentence.endswith(NO_WAY_BACK) for sentence in found):
        way = "put what was replaced back from a backup of your own; consolidate.run --replace publishes again"
    return DifferencesError(f"run {folder.name}", f"is live, and what is live is not what was proven: {said}", way)
