"""Prove what a load did, and say what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from strongroom.core.errors import GuardError
from strongroom.core.workers import Workers
from strongroom.load.claims import make_claims
from strongroom.load.documents import LoadDocument, MadeDocument
from strongroom.load.outcome import Outcome, choose_exit, judge
from strongroom.load.place import LoadFolder
from strongroom.load.proving import prove
from strongroom.load.request import Objects, Schemas
from strongroom.load.rows.ledger import count_waiting, list_waiting
from strongroom.postgres.connection import Access, open_postgres

_NOT_VALID = re.compile(r" NOT VALID(?=;|$)")


def prove_load(
    folder: LoadFolder, about: LoadDocument, access: Access, workers: Workers, *, show_values: bool = False
) -> Outcome:
    """Prove a load where its rows stand now; ``budget`` is none, and ``seconds`` are nobody's yet.

    Raises UnreachableError, PlanError, GuardError for a load that does not say what it made.
    """
    made = read_made(folder)
    claims = make_claims(folder, about, made)
    found = prove(claims, access, workers, show_values=show_values)
    ledgers = [claim.ledger for claim in claims]
    quarantined = sum(map(count_waiting, ledgers))
    unexplained = sum(tally.unexplained for tally in found.tables.values())
    verdict = judge(found.differences, unexplained, quarantined)
    return Outcome(
        verdict=verdict,
        exit=choose_exit(verdict, quarantined, quarantined),
        load=folder.name,
        server=about.server,
        schemas={claim.target: claim.schema for claim in claims},
        seconds=0.0,
        rows_read=sum(tally.read for tally in found.tables.values()),
        unexplained=unexplained,
        quarantined=quarantined,
        budget=quarantined,
        tables=found.tables,
        targets=found.targets,
        references=found.references,
        differences=found.differences,
        notes=found.notes,
        waiting=tuple(line for ledger in ledgers for line in list_waiting(ledger)),
        carried=tuple(line for one in made.targets.values() for line in one.carried),
        reported=tuple(line for one in made.targets.values() for line in one.reported),
    )


def read_made(folder: LoadFolder) -> MadeDocument:
    """Return what a load made. Raises GuardError where it does not say so any more."""
    made = folder.read_as(MadeDocument)
    if made is None:
        fact = "does not say what it made: made.json is gone"
        raise GuardError(f"load {folder.name}", fact, "run postgres.load again")
    return made


def compare_structure(claims: Mapping[str, str], made: MadeDocument, access: Access, schemas: Schemas) -> Iterable[str]:
    """Yield what stands otherwise in schemas, by target, than before the rows came."""
    with open_postgres(access, is_read_only=True) as connection:
        for target, schema in claims.items():
            before, held = made.targets[target].objects, schemas.read_objects(connection, schema)
            for line in schemas.list_differences(as_validated(before), as_validated(held)):
                yield f"schema {schema}: {line}"


def as_validated(objects: Objects) -> Objects:
    """Return objects without a word on whether foreign keys hold of old rows: that the proof says, by the orphans."""
    return {name: _NOT_VALID.sub("", text) if " constraint " in name else text for name, text in objects.items()}
