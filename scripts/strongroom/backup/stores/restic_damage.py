"""What is damaged in a restic repository, as restic's own check finds it, and what can be done about it."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from strongroom.backup.stores.restic_program import (
    KEYS,
    LONG,
    Repository,
    ask_restic,
    explain,
    read_messages,
    require_done,
    shorten,
)
from strongroom.core.errors import DifferencesError
from strongroom.core.files import make_private_folder
from strongroom.core.programs import ProgramResult

_INDEX = re.compile(rb"LoadRaw\((<|\\u003c)index/")
_UNLISTED = b"not found in repository"
_ADVICE = re.compile(r"restic repair|must be (repaired|removed)|[Pp]lease open an issue|repository contains errors")
_PACK = re.compile(r"^pack ([0-9a-f]{64}) contains (\d+) errors?:.*", re.DOTALL)


def is_index_damaged(ended: ProgramResult) -> bool:
    """Tell whether restic gave up as it could not read its index."""
    return _INDEX.search(ended.stderr) is not None


def may_index_help(ended: ProgramResult) -> bool:
    """Tell whether what restic did not find may be there, and only its index does not say so."""
    return is_index_damaged(ended) or _UNLISTED in ended.stderr


def find_damage(repository: Repository, part: tuple[int, int] | None) -> tuple[str, ...]:
    """Return what ``restic check`` finds wrong, a line for each; all data is read, or the ``part``-th of so many parts.

    Keys are looked at as well, which restic does not do. Raises what kept us from looking.
    """
    return (*_list_keys(repository), *_list_damage(repository, _check(repository, part)))


def mend(repository: Repository, stage: Path) -> tuple[str, ...]:
    """Give up packs that are damaged, what is whole in them kept, and make the index anew; say what was done."""
    checked = _check(repository, None)
    found = _list_damage(repository, checked)
    if not found:
        return ()
    broken = [str(pack) for one in read_messages(checked.stdout) for pack in one.get("broken_packs") or () if pack]
    done = ["made the index anew from the packs that are there"]
    require_done(repository, ask_restic(repository, ["repair", "index"], timeout=LONG))
    if broken:
        make_private_folder(stage)
        with tempfile.TemporaryDirectory(dir=stage) as scratch:  # restic leaves copies of the packs where it is called
            words = ["repair", "packs", *broken]
            require_done(repository, ask_restic(repository, words, timeout=LONG, directory=Path(scratch)))
        done.append(f"gave up what is damaged in {len(broken)} packs")
    return tuple(done)


def _check(repository: Repository, part: tuple[int, int] | None) -> ProgramResult:
    data = "--read-data" if part is None else f"--read-data-subset={part[0]}/{part[1]}"
    return ask_restic(repository, ["check", "--json", "--no-lock", data], timeout=LONG)


def _list_damage(repository: Repository, checked: ProgramResult) -> tuple[str, ...]:
    if checked.is_success:
        return ()
    error = explain(repository, checked)
    if not isinstance(error, DifferencesError):
        raise error
    said = [str(one.get("message", "")).strip() for one in read_messages(checked.stderr)]
    found = [_PACK.sub(r"pack \1 is damaged (\2 errors)", text) for text in said if text and not _ADVICE.search(text)]
    return tuple(dict.fromkeys(map(shorten, found))) or (error.fact,)


def _list_keys(repository: Repository) -> list[str]:
    """Return the keys that are not what they are called: each is named by the hash of its content."""
    contents = {name.removeprefix(KEYS): repository.objects.read(name) for name in repository.objects.list(KEYS)}
    return [
        f"key {name} is damaged: its password opens nothing any more"
        for name, content in contents.items()
        if content is not None and hashlib.sha256(content).hexdigest() != name
    ]
