"""Lists of tenants: what is wrong with a line is told with its number, and nothing leaves the root."""

from __future__ import annotations

import io
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.errors import GuardError, StrongroomError, UnreachableError, UsageError
from strongroom.fleet.desk import open_desk
from strongroom.fleet.tenants import Ground, Tenant, find_share, open_list, read_folders, read_lines, refuse_outside

GROUND = Ground(root=Path("/data"))
LINE = {"name": "a", "system": "shop", "source": "a/old", "target": "a/new"}


def read(text: bytes, ground: Ground = GROUND) -> list[Tenant]:
    return list(read_lines(io.BytesIO(text), "list", ground))


def encode(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (LINE | changes).items() if value is not None}).encode()


def test_a_line_is_a_tenant_below_the_root() -> None:
    (tenant,) = read(b"\n" + encode() + b"\n\n")
    assert (tenant.name, tenant.system, tenant.number) == ("a", "shop", 2)
    assert (tenant.source, tenant.target) == ("/data/a/old", "/data/a/new")


def test_a_line_may_leave_the_system_to_the_flag() -> None:
    (tenant,) = read(encode(system=None), Ground(root=Path("/data"), system="zoe"))
    assert tenant.system == "zoe"


def test_a_target_that_is_no_path_is_a_word_of_the_task() -> None:
    (tenant,) = read(encode(target="shop_a"), Ground(root=Path("/data"), has_paths=False))
    assert tenant.target == "shop_a"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "list:2: is no JSON object"),
        (b"[]", "list:2: is no JSON object"),
        (b'"a"', "list:2: is no JSON object"),
        (b"\xff\xfe{}", "list:2: is no JSON object"),
        (b"[" * 60_000, "list:2: is no JSON object"),
        (b'{"name": "a", "name": "b"}', "list:2: names a key twice"),
        (b" " * 70_000, "list:2: is longer than 65536 bytes"),
        (encode(system=None), "list:2: names no system"),
        (encode(name=None), "list:2: name is missing"),
        (encode(source=None), "list:2: source is missing"),
        (encode(target=""), "list:2: target must be a text"),
        (encode(source=7), "list:2: source must be a text"),
        (encode(source="a\0b"), "list:2: source must be a text"),
        (encode(target="a\nb"), "list:2: target must be a text"),
        (encode(name="a/b"), "list:2: name 'a/b' must be letters"),
        (encode(name="../b"), "list:2: name '../b' must be letters"),
        (encode(name="x" * 129), "list:2: name "),
        (encode(source="../b"), "list:2: source: ../b leads out of /data"),
        (encode(source="/database"), "list:2: source: /database leads out of /data"),
        (encode(target="/etc"), "list:2: target: /etc leads out of /data"),
        (encode(target="a/../../etc"), "list:2: target: a/../../etc leads out of /data"),
        (encode(tarket="x"), "list:2: tarket is nothing that a tenant has"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_its_number(line: bytes, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(encode(name="first") + b"\n" + line + b"\n" + encode(name="last"))
    assert str(raised.value).startswith(says)


@given(st.binary(max_size=200))
def test_any_line_is_a_tenant_or_an_error_of_ours(line: bytes) -> None:
    with suppress(UsageError):
        read(line)


def take(lines: list[bytes], *, index: int | None = None, of: int = 1) -> list[Tenant]:
    with open_desk() as desk:
        desk.take_tenants(read(b"\n".join(lines)), "list", index=index, of=of)
        return list(desk.list_pending())


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "list: names no tenant"),
        ([b"", b"  "], "list: names no tenant"),
        ([encode(), encode(name="b", target="b"), encode(target="c")], "list:3: has the name that line 1 has"),
        ([encode(), encode(name="b", target="a/./x/../new/")], "list:2: has the target that line 1 has"),
    ],
)
@pytest.mark.parametrize("index", range(3))
def test_a_list_of_which_two_are_one_is_refused_by_every_index(lines: list[bytes], says: str, index: int) -> None:
    with pytest.raises(UsageError) as raised:
        take(lines, index=index, of=3)
    assert str(raised.value).startswith(says)


def test_every_tenant_is_one_indexs_and_other_lines_move_it_nowhere() -> None:
    lines = [encode(name=f"t{number}", target=f"t{number}") for number in range(2500)]
    shares = [{one.name for one in take(lines, index=index, of=7)} for index in range(7)]
    assert sorted(name for share in shares for name in share) == sorted(f"t{number}" for number in range(2500))
    assert all(250 < len(share) < 450 for share in shares)
    shuffled = random.Random(5).sample(lines, 1200)
    assert all(find_share(one.name, 7) == 3 for one in take(shuffled, index=3, of=7))
    assert {one.name for one in take(shuffled, index=3, of=7)} <= shares[3]


def test_tenants_come_in_the_order_of_the_list() -> None:
    assert [one.number for one in take([encode(name=f"t{n}", target=f"t{n}") for n in range(2300)])] == [
        *range(1, 2301)
    ]


def test_folders_are_tenants_and_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "b.txt").touch()
    ground = Ground(root=tmp_path, targets=Path("/new"), system="shop")
    (tenant,) = read_folders(tmp_path, ground)
    assert (tenant.name, tenant.source, tenant.target) == ("a", str(tmp_path / "a"), "/new/a")
    (tmp_path / "a b").mkdir()
    with pytest.raises(UsageError, match=r"a b: name 'a b' must be letters"):
        list(read_folders(tmp_path, ground))
    with pytest.raises(UnreachableError):
        list(read_folders(tmp_path / "none", ground))


@pytest.mark.parametrize("field", ["source", "target"])
def test_a_link_leads_no_tenant_out_of_the_root(tmp_path: Path, field: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-of-others"
    (root / "a").mkdir(parents=True)
    outside.mkdir()
    ground = Ground(root=root)
    (tenant,) = read(encode(), ground)
    refuse_outside(tenant, ground)
    name = Path(getattr(tenant, field)).name
    (root / "a" / name).symlink_to(outside)
    with pytest.raises(GuardError, match="leads to"):
        refuse_outside(tenant, ground)
    (root / "a" / name).unlink()
    (root / "b").mkdir()
    (root / "a" / name).symlink_to(root / "b")
    refuse_outside(tenant, ground)


def test_a_root_that_is_a_link_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real" / "a" / "old").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    ground = Ground(root=tmp_path / "root")
    (tenant,) = read(encode(), ground)
    refuse_outside(tenant, ground)


def test_a_list_that_is_not_there_is_said_in_our_words(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="there is no such list"):
        open_list(tmp_path / "none")
    with pytest.raises(StrongroomError, match="is a directory"):
        open_list(tmp_path)
