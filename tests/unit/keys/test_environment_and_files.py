"""Keys in variables and files: found where it was said and nowhere else, read anew each time, never by everybody."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.core.secret import Secret
from strongroom.keys.errors import (
    KeyConflictError,
    KeyExposedError,
    KeyFormatError,
    KeyNotFoundError,
    ProviderUnreachableError,
)
from strongroom.keys.model import State
from strongroom.keys.secret_files import describe_readers, find_mount, read_secret_file
from tests.unit.keys.providers import CANARY, OTHER, Site

PRINT, OTHER_PRINT = "476a4dbc1adc6308", "0000000000000000"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def in_variable(folder: Path, **environment: str) -> Site:
    entry = {"provider": "environment", "variable": "SHOP_KEY", "previous": ["SHOP_KEY_OLD"], "encoding": "hex"}
    return Site(folder=folder, entries={"vault": entry}, environment=environment)


def in_file(folder: Path, **more: object) -> Site:
    entry = {"provider": "file", "path": str(folder / "key"), "encoding": "hex", **more}
    return Site(folder=folder, entries={"vault": entry})


def test_a_key_is_read_from_its_variable_with_a_version_that_says_which_it_is(tmp_path: Path) -> None:
    keys = in_variable(tmp_path, SHOP_KEY=CANARY).open()
    key = keys.fetch("vault")
    assert (key.secret.reveal(), key.id, key.is_passphrase) == (CANARY, f"vault@{PRINT}", False)
    assert keys[f"vault@{PRINT}"].reveal() == CANARY


def test_a_key_that_was_active_before_is_found_by_its_version(tmp_path: Path) -> None:
    keys = in_variable(tmp_path, SHOP_KEY=OTHER, SHOP_KEY_OLD=CANARY).open()
    assert keys["vault"].reveal() == OTHER
    assert keys[f"vault@{PRINT}"].reveal() == CANARY
    first, last = keys.list_versions("vault")
    assert (first.version, first.state, last.state) == (PRINT, State.PREVIOUS, State.ACTIVE)
    with pytest.raises(KeyNotFoundError, match="is in none of SHOP_KEY, SHOP_KEY_OLD"):
        keys[f"vault@{OTHER_PRINT}"]


def test_a_variable_that_is_not_set_is_named_and_another_provider_does_not_stand_in(tmp_path: Path) -> None:
    file = write(tmp_path / "key", CANARY)
    with pytest.raises(KeyNotFoundError, match="SHOP_KEY is not set") as caught:
        in_variable(tmp_path).open()["vault"]
    assert caught.value.hint.startswith("set SHOP_KEY")
    with pytest.raises(KeyNotFoundError, match="SHOP_KEY is not set") as caught:
        in_variable(tmp_path, SHOP_KEY_FILE=str(file)).open()["vault"]
    assert "provider: file, variable: SHOP_KEY_FILE" in caught.value.hint


def test_a_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    entry = {"provider": "file", "variable": "SHOP_KEY_FILE", "encoding": "hex"}
    file = write(tmp_path / "key", CANARY + "\n")
    site = Site(folder=tmp_path, entries={"vault": entry}, environment={"SHOP_KEY_FILE": str(file)})
    assert site.open()["vault"].reveal() == CANARY
    with pytest.raises(KeyNotFoundError, match="SHOP_KEY_FILE is not set"):
        Site(folder=tmp_path, entries={"vault": entry}).open()["vault"]


def test_a_file_is_read_anew_when_it_is_asked_to_be(tmp_path: Path) -> None:
    site = in_file(tmp_path)
    write(tmp_path / "key", CANARY)
    keys = site.open()
    assert keys["vault"].reveal() == CANARY
    write(tmp_path / "new", OTHER).replace(tmp_path / "key")
    assert keys["vault"].reveal() == CANARY  # from memory
    assert keys.refresh("vault")
    assert keys["vault"].reveal() == OTHER
    assert not keys.refresh("vault")


def mount_as_kubernetes_does(folder: Path, **contents: str) -> None:
    """A folder of this state, and a link that is turned to it; names in front lead through the link."""
    state = folder / f"..{len(list(folder.iterdir()))}"
    state.mkdir()
    for name, text in contents.items():
        write(state / name, text, 0o400)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(state.name)
    (folder / "..new").rename(folder / "..data")


def test_a_mounted_secret_is_followed_to_its_new_state(tmp_path: Path) -> None:
    mount_as_kubernetes_does(tmp_path, key=CANARY)
    keys = in_file(tmp_path).open()
    assert keys["vault"].reveal() == CANARY
    mount_as_kubernetes_does(tmp_path, key=OTHER)
    assert keys.refresh("vault")


def test_a_state_that_goes_away_while_it_is_read_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount_as_kubernetes_does(tmp_path, key=CANARY)
    opened, real = [], os.open

    def swap_first(path: object, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None and not opened:
            opened.append(path)
            old = (tmp_path / "..data").resolve()
            mount_as_kubernetes_does(tmp_path, key=OTHER)
            (old / "key").unlink()
        return real(path, flags, mode, dir_fd=dir_fd)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", swap_first)
    assert read_secret_file("key", tmp_path / "key") == OTHER.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o440])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    write(tmp_path / "key", CANARY, mode)
    with pytest.raises(KeyExposedError, match=f"mode {mode:04o}") as caught:
        in_file(tmp_path).open()["vault"]
    assert caught.value.exit_code == 12
    assert "chmod 0600" in caught.value.hint


def test_a_file_of_kubernetes_may_be_read_by_the_group_of_its_pod_in_memory_only(tmp_path: Path) -> None:
    memory = Path("/dev/shm") / f"strongroom-test-{os.getpid()}"
    memory.mkdir()
    try:
        for folder, is_in_memory in ((memory, True), (tmp_path, False)):
            mount_as_kubernetes_does(folder, key=CANARY)
            for mode, is_private in ((0o440, is_in_memory), (0o444, False), (0o460, False)):
                (folder / "key").resolve().chmod(mode)
                if is_private:
                    assert read_secret_file("key", folder / "key") == CANARY.encode()
                    continue
                with pytest.raises(KeyExposedError, match=f"mode {mode:04o}") as caught:
                    read_secret_file("key", folder / "key")
                assert "defaultMode: 0400" in caught.value.hint
    finally:
        for path in sorted(memory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        memory.rmdir()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    write(tmp_path / "file", CANARY)
    (tmp_path / "long").write_bytes(bytes(70_000))
    (tmp_path / "circle").symlink_to("circle")
    for name in ("folder", "pipe", "file/key", "long", "circle"):
        with pytest.raises(KeyFormatError):
            read_secret_file("key", tmp_path / name)
    with pytest.raises(KeyNotFoundError, match="there is no file"):
        read_secret_file("key", tmp_path / "nothing")


def test_a_disk_that_cannot_be_read_is_no_missing_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "key", CANARY)

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(ProviderUnreachableError, match="Input/output error") as caught:
        in_file(tmp_path).open()["vault"]
    assert caught.value.exit_code == 5


MOUNTS = """\
22 1 0:20 / / rw - overlay overlay rw
30 22 0:50 / /dev/shm rw,nosuid shared:5 - tmpfs shm rw
31 22 0:51 /..2026/key//deleted /etc/keys/sqlite\\040key ro - tmpfs tmpfs rw
32 22 8:1 /srv/key /run/key ro - ext4 /dev/sda1 rw
cut
"""


def test_a_file_that_is_mounted_by_itself_is_found_and_an_outdated_one_too() -> None:
    outdated, plain = find_mount(Path("/etc/keys/sqlite key"), MOUNTS), find_mount(Path("/run/key"), MOUNTS)
    assert outdated is not None
    assert plain is not None
    assert (outdated.is_outdated, outdated.kind, plain.is_outdated) == (True, "tmpfs", False)
    assert find_mount(Path("/etc/keys"), MOUNTS) is None


def test_a_real_mount_of_one_file_is_found_and_known_to_be_outdated(tmp_path: Path) -> None:
    script = """
mount -t tmpfs none "$1" && mkdir "$1/secret" && printf old > "$1/secret/key" && touch "$1/key"
mount --bind "$1/secret/key" "$1/key" && "$2" -c "$3" "$1" && rm -r "$1/secret" && "$2" -c "$3" "$1"
"""
    program = """
import sys
from pathlib import Path
from strongroom.keys.secret_files import describe_readers
print([note.split(":")[0] for note in describe_readers(Path(sys.argv[1]) / "key")[1:]])
"""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    words = [*unshare, "sh", "-c", script, "sh", str(tmp_path), sys.executable, program]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if "permission denied" in ended.stderr.lower() or "not permitted" in ended.stderr.lower():
        pytest.skip("no mounts here: neither as root nor in a user namespace")
    assert ended.stdout.splitlines() == [
        "['mounted by itself (subPath)']",
        "['mounted by itself (subPath)', 'outdated']",
    ]


def test_who_may_read_a_file_is_said(tmp_path: Path) -> None:
    (said,) = describe_readers(write(tmp_path / "key", CANARY, 0o640))
    assert said.startswith("read by its owner, its group (user ")
    assert describe_readers(tmp_path / "nothing") == ()


def test_a_key_file_is_made_whole_private_and_never_over_another(tmp_path: Path) -> None:
    keys = in_file(tmp_path).open()
    assert keys.create("vault", Secret(CANARY)) == PRINT
    file = tmp_path / "key"
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (f"{CANARY}\n", 0o600)
    with pytest.raises(KeyConflictError, match="is there already") as caught:
        keys.create("vault", Secret(OTHER))
    assert caught.value.exit_code == 6
    assert keys["vault"].reveal() == CANARY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit", "key"]


def test_a_raw_key_file_holds_its_bytes_alone(tmp_path: Path) -> None:
    keys = in_file(tmp_path, encoding="raw").open()
    keys.create("vault", Secret(CANARY))
    assert (tmp_path / "key").read_bytes() == bytes.fromhex(CANARY)
    assert keys["vault"].reveal() == CANARY
