"""The catalog's entry of a set, made of its manifest; also for sets whose entry was never written, or was lost."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.backup.alarms import find_alarms
from strongroom.backup.catalog import ABOUT, Catalog, read_catalog, write_entry
from strongroom.backup.documents import (
    MANIFEST_FILE,
    EntryDocument,
    ManifestDocument,
    MemberRecord,
    Summary,
)
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Kept, Store
from strongroom.core.errors import StrongroomError
from strongroom.runs.documents import decode_document, encode_document


def make_entry(
    manifest: ManifestDocument,
    manifest_sha256: str,
    locator: str,
    catalog: Catalog,
    *,
    seconds: Mapping[str, float] | None = None,
) -> EntryDocument:
    """Return the entry of a set, with what looks wrong beside the newest whole one before it that did not.

    So what was lost is told of each set that lacks it, until it is back or a person accepts it.
    """
    entry = EntryDocument(
        set=manifest.set,
        system=manifest.system,
        tool=manifest.tool,
        began=manifest.began,
        ended=manifest.ended,
        locator=locator,
        manifest_sha256=manifest_sha256,
        members=tuple(map(_summarise, manifest.members)),
        missing=manifest.missing,
        seconds=seconds or {},
    )
    before = (one for one in reversed(catalog.sets) if one.entry.began < entry.began)
    earlier = (one.entry for one in before if one.entry.is_whole and one.is_accepted)
    return replace(entry, alarms=find_alarms(next(earlier, None), entry))


def _summarise(member: MemberRecord) -> Summary:
    tables = {name: table.rows for name, table in member.tables.items()}
    return Summary(
        name=member.name, kind=member.kind, size=member.size, tables=tables, key=member.key,
        column_keys=member.column_keys,
    )  # fmt: skip


def list_anew(store: Store, content: Sequence[Kept], around: Surroundings) -> Catalog:
    """Return the catalog of a store, once every set in it that the catalog does not list, or not legibly, is listed.

    ``content`` is what the store holds: it is whole before it is named, so that only the entry can be missing of a run
    that was killed. One whose manifest cannot be read stays as it is: ``backup.verify`` tells of it. To be called under
    the lease.
    """
    catalog = read_catalog(store.objects, store.about.id, store.about.system)
    if ABOUT in catalog.damaged:
        store.objects.write(ABOUT, encode_document(store.about, store.about.id).encode())
        around.say(f"{store.place}: {ABOUT}", f"{catalog.damaged[ABOUT]}; it was made anew, as the sets tell")
    listed = {one.entry.locator for one in catalog.sets}
    unlisted = [kept for kept in content if kept.locator not in listed]
    for kept in unlisted:
        _list_one(store, kept, catalog, around)
    return read_catalog(store.objects, store.about.id, store.about.system) if unlisted else catalog


def _list_one(store: Store, kept: Kept, catalog: Catalog, around: Surroundings) -> None:
    try:
        text = store.read_file(kept.locator, MANIFEST_FILE)
        manifest = decode_document(text, f"{store.place}: {kept.set}", ManifestDocument)
    except StrongroomError as error:
        around.say(f"set {kept.set}", f"is in the store and not in the catalog, and cannot be listed: {error.fact}")
        return
    if manifest.system == store.about.system:
        write_entry(
            store.objects, store.about.id, make_entry(manifest, hash_text(text), kept.locator, catalog)
        )  # fmt: skip
        around.say(f"set {kept.set}", "was whole in the store and not in the catalog: it is listed now")


def hash_text(text: bytes) -> str:
    """Return the SHA-256 of a document, in hex."""
    return hashlib.sha256(text).hexdigest()
