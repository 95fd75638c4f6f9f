"""Write a draft as YAML that reads like a plan, with a comment that says why on every rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from strongroom.core.errors import TargetExistsError
from strongroom.core.files import write_text
from strongroom.core.plan import MARK, find_choices
from strongroom.core.system import SYSTEM_FILE, System
from strongroom.examine.draft.model import Decision, Proposal, Rule

TARGET = "main"
_HOW_TO_CHOOSE = (
    f"# A line {MARK}: says what is guessed, and no run begins while one is left. Look at the rows, write there what",
    f"# is right or leave the guess, then delete the line {MARK}:. Of different rows with one key there stays by",
    "#   newest: the one changed last; prefer: the one of the file named first; merge: one, made column by column;",
    "#   keep_both: each of them, the later ones under fresh ids; quarantine: none, a person decides row by row.",
)


def write_draft(proposal: Proposal, output: Path, system: System | None = None) -> tuple[str, ...]:
    """Write the plan, and a ``system.yaml`` beside it where there is none; return the lines to choose.

    A run takes its keys from there: where ``system`` named those of encrypted sources, it does so too. Raises
    TargetExistsError when the plan is there already.
    """
    if output.exists():
        raise TargetExistsError(output, "is there already", "name another --output")
    output.parent.mkdir(parents=True, exist_ok=True)
    text = render(proposal)
    beside = output.with_name(SYSTEM_FILE)
    if not beside.exists():
        name = re.sub(r"[^a-z0-9_-]+", "-", proposal.survey.directory.resolve().name.lower()).strip("-_")
        name = name if name and name[0].isalpha() else f"system-{name}".rstrip("-")
        write_text(beside, f"version: 1\nname: {name}\ntitle: {name}\n{_write_keys(proposal, system)}")
    write_text(output, text)
    return find_choices(output)


def _write_keys(proposal: Proposal, system: System | None) -> str:
    """Write where the keys of the sources are, as the system says it that named them."""
    if system is None or not proposal.survey.keys:
        return ""
    audit = f"audit_log: {_scalar(system.audit_log)}\n" if system.audit_log is not None else ""
    named = {name: system.keys[name] for name in proposal.survey.keys if name in system.keys}
    entries = {name: entry.model_dump(mode="json", exclude_defaults=True) for name, entry in named.items()}
    lines = [f"  {name}: {json.dumps(entry, ensure_ascii=False)}\n" for name, entry in entries.items()]
    return f"{audit}keys:\n{''.join(lines)}" if lines else ""


def render(proposal: Proposal) -> str:
    """Return the draft as text."""
    return "\n".join(_lines(proposal)) + "\n"


def _lines(proposal: Proposal) -> Iterator[str]:
    survey = proposal.survey
    yield f"# A draft for {len(survey.found)} databases, made from their structure and their content."
    if not proposal.is_decided:
        yield from _HOW_TO_CHOOSE
    yield "version: 1"
    yield ""
    yield "defaults:"
    yield "  unmapped_column: carry # a column that one file has and another lacks comes along"
    yield ""
    yield "sources:"
    for found in survey.found:
        key = f", key: {found.database.key}" if found.database.key is not None else ""
        yield f"  {found.source}: {{path: {_scalar(found.path)}{key}}}"
    for path, reason in survey.unread.items():
        yield f"  # {path}: {reason}"
    yield ""
    yield "targets:"
    yield from _target_lines(proposal)
    if proposal.copies:
        yield ""
        yield "# Tables that one file has alone."
        yield "copy:"
        yield f"  {TARGET}:"
        yield from (f"    - {_scalar(name)}" for name in proposal.copies)
    if proposal.rules:
        yield ""
        yield "tables:"
        for rule in proposal.rules:
            yield from _rule_lines(rule)


def _target_lines(proposal: Proposal) -> Iterator[str]:
    path, key = _scalar(_name_target(proposal)), proposal.target_key
    if not proposal.choose_key:
        encrypt = f", encrypt: {key}" if key is not None else ""
        yield f"  {TARGET}: {{path: {path}{encrypt}}}"
        return
    yield f"  {TARGET}:"
    yield f"    path: {path}"
    yield f"    encrypt: {key}"
    yield from (
        f"    # or {other}" for other in proposal.survey.keys if other not in {key, *proposal.survey.passphrases}
    )
    yield f"    {MARK}: {_scalar(proposal.choose_key)}"


def _rule_lines(rule: Rule) -> Iterator[str]:
    yield from (f"  # {reason}." for reason in rule.why)
    yield f"  - into: {_scalar(f'{TARGET}.{rule.into}')}"
    yield f"    from: [{', '.join(map(_scalar, rule.inputs))}]"
    if rule.key:
        yield f"    key: [{', '.join(map(_scalar, rule.key))}]"
    if rule.identity:
        yield f"    identity: {{column: {_scalar(rule.identity)}, strategy: renumber}}"
    if rule.decision:
        yield from _decision_lines(rule, rule.decision)
    elif rule.choose:
        yield from (f"    # or {other}" for other in rule.instead)
        yield f"    {MARK}: {_scalar(rule.choose)}"
    if rule.references:
        yield "    references:"
        for reference in rule.references:
            yield f"      - column: {_scalar(f'{TARGET}.{reference.column}')}"
            yield f"        {MARK}: {_scalar(reference.choose)}"


def _decision_lines(rule: Rule, decision: Decision) -> Iterator[str]:
    if not rule.choose:
        yield f"    on_conflict: {decision}"
        return
    yield "    on_conflict:"
    yield from (f"      {name}: {value}" for name, value in decision.pairs())
    yield from (f"      # or {other}" for other in rule.instead)
    yield f"      {MARK}: {_scalar(rule.choose)}"


def _name_target(proposal: Proposal) -> str:
    taken = {found.path for found in proposal.survey.found}
    name, number = "consolidated.db", 1
    while name in taken:
        number += 1
        name = f"consolidated-{number}.db"
    return name


def _scalar(text: str) -> str:
    """Write a text as YAML: bare where that is safe, else quoted as JSON, which YAML reads."""
    return text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) else json.dumps(text, ensure_ascii=False)
