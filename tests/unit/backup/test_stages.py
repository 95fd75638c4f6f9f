"""Two stores of one system never meet in one stage: a copy to the one may run beside a backup into the other."""

from __future__ import annotations

from pathlib import Path

from strongroom.backup.documents import StoreDocument
from strongroom.backup.stores.opening import open_store
from strongroom.core.backup_entry import ResticStore
from strongroom.core.secret import Secret
from strongroom.runs.documents import encode_document
from tests.restic import provide_restic
from tests.unit.backup.scene import BEGAN, make_shop


def test_what_is_put_together_for_one_store_is_not_touched_for_another(tmp_path: Path) -> None:
    provide_restic()
    shop = make_shop(tmp_path)
    shop.keys = {"backups": Secret("0f" * 32)}
    shop.environment = {"PATH": "/usr/bin:/bin"}
    stores = []
    for number, name in enumerate(("first", "second")):
        place = tmp_path / name
        place.mkdir()
        about = StoreDocument(id=f"{number}" * 32, system="shop", engine="restic", made=BEGAN)
        (place / "store.json").write_text(encode_document(about, about.id))
        entry = ResticStore(kind="restic", path=str(place), password="backups")
        stores.append(open_store(entry, shop.site, shop.around))
    staged = stores[0].stage("20260301_020000")
    (staged / "a").write_text("of the first")
    (stores[1].stage("20260301_020000") / "a").write_text("of the second")
    assert (staged / "a").read_text() == "of the first"
