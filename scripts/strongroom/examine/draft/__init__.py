"""Draft a plan for a directory that nobody has described: what overlaps, by name, by columns and by content.

Read-only, except for the plan itself. Lines where a person must choose are marked with ``CHOOSE``.
"""

from strongroom.examine.draft.propose import propose
from strongroom.examine.draft.survey import survey
from strongroom.examine.draft.write import render, write_draft

__all__ = ["propose", "render", "survey", "write_draft"]
