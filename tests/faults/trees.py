"""A tree that is another one's copy, or the same one elsewhere: moved, or mounted where nobody saw it before."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.faults.scene import Photograph, Scene, photograph

KINDS = ("copy", "move", "mount")
_CLONE_NEWNS = 0x00020000
_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A scene at its place, and whatever stands where it came from."""

    scene: Scene
    elsewhere: Path
    before: Photograph

    def check_elsewhere(self) -> None:
        """Check that nothing changed where the tree came from: what stands there belongs to somebody else."""
        assert _photograph_all(self.elsewhere) == self.before


def act_in(kind: str, scene: Scene, act: Callable[[Tree], None]) -> None:
    """Let ``act`` use the scene's tree as it is after it was copied, moved or mounted."""
    root, other = scene.source.parent, scene.source.parent.parent / "elsewhere"
    if kind == "mount":
        _in_namespace(root, other, lambda: _act(scene, root, other, act))
        return
    if kind == "copy":
        subprocess.run(["cp", "-a", root, other], check=True, timeout=_SECONDS)
    else:
        root.rename(other)
        _place_decoys(root, other)
    _act(scene, root, other, act)


def _act(scene: Scene, root: Path, other: Path, act: Callable[[Tree], None]) -> None:
    there = {name: other / getattr(scene, name).relative_to(root) for name in ("system", "source", "target")}
    tree = Tree(scene=Scene(**there), elsewhere=root, before=_photograph_all(root))
    act(tree)
    tree.check_elsewhere()


def _photograph_all(folder: Path) -> Photograph:
    """Take in our own folders too."""
    found = photograph(folder)
    for ours in (path for path in folder.rglob("*") if path.name in (".strongroom", "backup") and path.is_dir()):
        found |= {f"{ours.relative_to(folder)}/{name}": seen for name, seen in photograph(ours).items()}
    return found


def _place_decoys(root: Path, moved: Path) -> None:
    """Put files of another making where the tree was: whoever follows an old path finds them."""
    for file in (path for path in moved.rglob("*") if path.is_file()):
        decoy = root / file.relative_to(moved)
        decoy.parent.mkdir(parents=True, exist_ok=True)
        decoy.write_bytes(b"of somebody else")
        decoy.chmod(0o644)


def _in_namespace(root: Path, other: Path, act: Callable[[], None]) -> None:
    """Mount the tree elsewhere, hide where it was, and act: in a process with mounts of its own."""
    other.mkdir()
    said = other.parent / "said"
    child = os.fork()
    if child == 0:
        signal.alarm(_SECONDS)
        try:
            _mount_elsewhere(root, other)
            act()
        except BaseException:  # noqa: BLE001  whatever it was, the parent says it
            said.write_text(traceback.format_exc(), encoding="utf-8")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if said.is_file() and "no mounts here" in said.read_text(encoding="utf-8"):
        pytest.skip("no mounts here: not root")
    assert code == 0, said.read_text(encoding="utf-8") if said.is_file() else f"ended by {code}"


def _mount_elsewhere(root: Path, other: Path) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no mounts here")
    for words in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "--bind", str(root), str(other)],
        ["mount", "-t", "tmpfs", "none", str(root)],
    ):
        subprocess.run(words, check=True, timeout=_SECONDS)
    _place_decoys(root, other)


def copy_tree(scene: Scene) -> Scene:
    """Copy a scene's whole tree, as ``cp -a`` does."""
    root = scene.source.parent
    other = root.with_name("copied")
    subprocess.run(["cp", "-a", root, other], check=True, timeout=_SECONDS)
    return replace(scene, source=other / scene.source.name, target=other / scene.target.name)
