"""A realistic legacy tree, made from a system's definitions: for the demo, tests and benchmarks.

Deterministic by its seed. It knows no system: everything follows from the plan's sources and from the
schemas under ``legacy/``.
"""

from strongroom.demo.build import LegacyTree, build_legacy_tree

__all__ = ["LegacyTree", "build_legacy_tree"]
