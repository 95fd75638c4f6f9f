"""Draft a plan for a directory that nobody has described: what overlaps, by name, by columns and by content.

Read-only, except for the plan itself. What is guessed is marked by ``choose:``, which the reader refuses.
"""

from strongroom.examine.draft.propose import propose
from strongroom.examine.draft.survey import survey
from strongroom.examine.draft.write import render, write_draft

__all__ = ["propose", "render", "survey", "write_draft"]
