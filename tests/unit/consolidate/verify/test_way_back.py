"""A run that is live can be taken back: its journal must name every link that was made, old names among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.consolidate.verify.published import Look, Places, look_before
from strongroom.consolidate.verify.way_back import prove_way_back
from tests.unit.consolidate.verify.published_tree import Tree, build_tree

ALPHA, BETA = ["old_alpha.db", "names/older.db", "first.db", "gone.db"], ["../deep/second.db"]
"""As the journal writes them: relative to the folder of their target."""


def look_at(tree: Tree) -> Look:
    return look_before(
        Places(plan=tree.plan, target=tree.target, source=tree.source, stage=tree.stage, previous=tree.previous)
    )


def prove(tree: Tree, look: Look, alpha: list[str], beta: list[str]) -> list[str]:
    """Write a run's documents as they must be, but for the links, and prove them."""
    swaps = [
        {"live": "alpha.db", "had": False, "aliases": alpha},
        {"live": "in/beta.db", "had": False, "aliases": beta},
    ]
    legacy = [{"path": path, "mode": one.file.mode} for path, one in look.legacy.items()]
    journal = {"state": "closed", "swaps": swaps, "legacy": legacy}
    (tree.run / "publish.json").write_text(json.dumps(journal))
    home = tree.target / ".strongroom"
    (home / "current.json").write_text(json.dumps({"run": "run", "runs": ["run"]}))
    return prove_way_back(look, tree.run, home)


def test_the_journal_names_the_links_of_old_names_too(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    assert prove(tree, look_at(tree), ALPHA, BETA) == []


@pytest.mark.parametrize(
    ("alpha", "beta", "target"),
    [
        (ALPHA[:-1], BETA, "alpha.db"),
        ([*ALPHA, "more.db"], BETA, "alpha.db"),
        (ALPHA, [], "in/beta.db"),
        (ALPHA, ["deep/second.db"], "in/beta.db"),
    ],
)
def test_a_link_that_rollback_would_not_know_is_named(
    tmp_path: Path, alpha: list[str], beta: list[str], target: str
) -> None:
    tree = build_tree(tmp_path)
    wrong = f"publish.json: does not name the links that were made to {target}"
    assert prove(tree, look_at(tree), alpha, beta) == [wrong]


def test_a_link_that_was_there_is_not_ours_to_remove(tmp_path: Path) -> None:
    tree = build_tree(tmp_path)
    (tree.target / "gone.db").symlink_to("alpha.db")
    look = look_at(tree)
    assert prove(tree, look, ALPHA[:-1], BETA) == []
    assert prove(tree, look, ALPHA, BETA) != []
