"""Whether a folder lies on dm-crypt, told by a made-up ``/proc``, ``/sys`` and ``/dev``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from strongroom.examine.doctor import Level
from strongroom.examine.doctor.at_rest import examine_at_rest, look_below

LUKS = "CRYPT-LUKS2-0f1e2d3c4b5a69788796a5b4c3d2e1f0-data"
DATA = Path("/srv/data/new")


class Machine:
    """The files by which a kernel describes its devices and mounts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc" / "self").mkdir(parents=True)
        for place in ("sys/dev/block", "sys/devices", "dev/mapper"):
            (root / place).mkdir(parents=True)
        self.mount("/", "0:30", "overlay", "overlay")

    def mount(self, point: str, device: str, kind: str, source: str) -> None:
        line = f"36 35 {device} / {point} rw,noatime shared:1 master:2 - {kind} {source} rw,errors=continue\n"
        with (self.root / "proc" / "self" / "mountinfo").open("a") as stream:
            stream.write(line)

    def device(
        self, name: str, number: str, *, uuid: str = "", slaves: Sequence[str] = (), of: str = "", loop: bool = False
    ) -> None:
        """Describe a device: a partition of another, or made of others."""
        folder = self.root / "sys" / "devices" / of / name
        folder.mkdir(parents=True)
        if of:
            (folder / "partition").write_text("1\n")
        if uuid:
            (folder / "dm").mkdir()
            (folder / "dm" / "uuid").write_text(f"{uuid}\n")
        if loop:
            (folder / "loop").mkdir()
            (folder / "loop" / "backing_file").write_text("/images/disk\n")
        (folder / "slaves").mkdir()
        for other in slaves:
            (path,) = (self.root / "sys" / "devices").rglob(other)
            (folder / "slaves" / other).symlink_to(path)
        (self.root / "sys" / "dev" / "block" / number).symlink_to(folder)

    def btrfs(self, identity: str, names: Sequence[str]) -> None:
        folder = self.root / "sys" / "fs" / "btrfs" / identity / "devices"
        folder.mkdir(parents=True)
        for name in names:
            (path,) = (self.root / "sys" / "devices").rglob(name)
            (folder / name).symlink_to(path)

    def look(self) -> tuple[bool | None, str]:
        rest = look_below(DATA, self.root)
        return rest.is_encrypted, rest.detail


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("uuid", "expected"),
    [
        (LUKS, (True, "LUKS2")),
        ("CRYPT-LUKS1-0f1e2d3c-data", (True, "LUKS1")),
        ("CRYPT-PLAIN-data", (True, "PLAIN")),
        ("CRYPT-VERITY-0f1e2d3c-data", (False, "sda")),
        ("CRYPT-INTEGRITY-data", (False, "sda")),
        ("LVM-abcdef", (False, "sda")),
        ("mpath-CRYPT-LUKS2-no", (False, "sda")),
    ],
)
def test_the_device_itself_says_what_it_is(machine: Machine, uuid: str, expected: tuple[bool, str]) -> None:
    machine.device("sda", "8:0")
    machine.device("dm-0", "254:0", uuid=uuid, slaves=["sda"])
    machine.mount("/srv", "254:0", "ext4", "/dev/mapper/data")
    assert machine.look() == expected


@pytest.mark.parametrize("is_locked", [True, False])
def test_it_is_looked_for_through_volumes_and_partitions(machine: Machine, is_locked: bool) -> None:
    machine.device("sda", "8:0")
    machine.device("sda3", "8:3", of="sda")
    machine.device("dm-0", "254:0", uuid=LUKS if is_locked else "LVM-pv", slaves=["sda3"])
    machine.device("dm-1", "254:1", uuid="LVM-volume", slaves=["dm-0"])
    machine.mount("/srv/data", "254:1", "xfs", "/dev/mapper/group-volume")
    assert machine.look() == ((True, "LUKS2") if is_locked else (False, "sda"))


def test_a_partition_of_an_array_of_encrypted_disks_is_encrypted(machine: Machine) -> None:
    for number, letter in enumerate("ab"):
        machine.device(f"sd{letter}", f"8:{16 * number}")
        machine.device(f"dm-{number}", f"254:{number}", uuid=LUKS, slaves=[f"sd{letter}"])
    machine.device("md0", "9:0", slaves=["dm-0", "dm-1"])
    machine.device("md0p1", "259:0", of="md0")
    machine.mount("/srv", "259:0", "ext4", "/dev/md0p1")
    assert machine.look() == (True, "LUKS2")


@pytest.mark.parametrize(
    ("others", "expected"),
    [(["dm-0", "sdb"], (False, "sdb")), (["dm-0", "loop0"], (None, "loop0, a file on another file system"))],
)
def test_of_several_devices_the_worst_counts(
    machine: Machine, others: list[str], expected: tuple[bool | None, str]
) -> None:
    machine.device("sda", "8:0")
    machine.device("sdb", "8:16")
    machine.device("loop0", "7:0", loop=True)
    machine.device("dm-0", "254:0", uuid=LUKS, slaves=["sda"])
    machine.device("md0", "9:0", slaves=others)
    machine.mount("/srv", "9:0", "ext4", "/dev/md0")
    assert machine.look() == expected


@pytest.mark.parametrize(
    ("mount", "detail"),
    [
        (("0:41", "overlay", "overlay"), "overlay"),
        (("0:42", "tmpfs", "tmpfs"), "tmpfs: in memory, which may be swapped to a disk"),
        (("0:43", "nfs4", "server:/export"), "nfs4"),
        (("0:44", "zfs", "pool/data"), "zfs"),
        (("0:45", "btrfs", "/dev/mapper/gone"), "btrfs, whose devices are not shown here"),
        (("8:99", "ext4", "/dev/sdz"), "device 8:99 is not shown here"),
    ],
)
def test_what_cannot_be_told_from_here_is_said_to_be_so(
    machine: Machine, mount: tuple[str, str, str], detail: str
) -> None:
    machine.mount("/srv", *mount)
    assert machine.look() == (None, detail)


@pytest.mark.parametrize(("second", "expected"), [(LUKS, (True, "LUKS2")), ("LVM-x", (False, "sdb"))])
def test_btrfs_lies_on_all_of_its_devices(machine: Machine, second: str, expected: tuple[bool, str]) -> None:
    machine.device("sda", "8:0")
    machine.device("sdb", "8:16")
    machine.device("dm-0", "254:0", uuid=LUKS, slaves=["sda"])
    machine.device("dm-1", "254:1", uuid=second, slaves=["sdb"])
    (machine.root / "dev" / "mapper" / "luks-data").symlink_to("../dm-0")
    machine.btrfs("one", ["dm-0", "dm-1"])
    machine.mount("/srv", "0:38", "btrfs", "/dev/mapper/luks-data")
    assert machine.look() == expected


def test_the_last_mount_of_the_nearest_point_counts(machine: Machine) -> None:
    machine.device("sda", "8:0")
    machine.device("dm-0", "254:0", uuid=LUKS, slaves=["sda"])
    machine.mount("/srv", "254:0", "ext4", "/dev/mapper/data")
    machine.mount("/srv/data", "254:0", "ext4", "/dev/mapper/data")
    assert machine.look() == (True, "LUKS2")
    machine.mount("/srv/data", "8:0", "ext4", "/dev/sda")
    assert machine.look() == (False, "sda")
    machine.mount("/srv/data\\040and\\134more", "254:0", "ext4", "/dev/mapper/data")
    assert machine.look() == (False, "sda")
    assert look_below(Path("/srv/data and\\more"), machine.root).is_encrypted


def test_devices_that_go_in_a_circle_come_to_an_end(machine: Machine) -> None:
    machine.device("sda", "8:0")
    machine.device("dm-0", "254:0", uuid="LVM-a", slaves=["sda"])
    (machine.root / "sys" / "devices" / "sda" / "slaves" / "dm-0").symlink_to(machine.root / "sys" / "devices" / "dm-0")
    machine.mount("/srv", "254:0", "ext4", "/dev/mapper/data")
    assert machine.look()[0] is None


def test_without_a_list_of_mounts_nothing_is_known(tmp_path: Path) -> None:
    assert look_below(DATA, tmp_path).is_encrypted is None


FINDINGS: Mapping[str, tuple[Level, str]] = {
    LUKS: (Level.OK, "lies on dm-crypt (LUKS2)"),
    "LVM-x": (Level.NOTE, "does not lie on dm-crypt (sda); a disk that encrypts itself does not show"),
}


@pytest.mark.parametrize("uuid", list(FINDINGS))
def test_the_doctor_says_it_of_the_folder_or_the_one_above(machine: Machine, uuid: str) -> None:
    machine.device("sda", "8:0")
    machine.device("dm-0", "254:0", uuid=uuid, slaves=["sda"])
    machine.mount("/", "254:0", "ext4", "/dev/mapper/root")
    found = examine_at_rest("target", Path("/not/there/at/all"), machine.root)
    level, fact = FINDINGS[uuid]
    assert (found.level, found.fact, bool(found.hint)) == (level, f"/: {fact}", level is not Level.OK)
