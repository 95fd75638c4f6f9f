"""What people see: tables and sentences on stdout, progress on stderr, JSON as a documented contract."""

from scripts.report.guard import show_audit, show_guard, show_moved
from scripts.report.kept import LOSING, show_kept
from scripts.report.others import show_draft, show_finalized, show_plan, show_recovered, show_returned, show_runs
from scripts.report.outcome import render_markdown, say, show_outcome, write_markdown
from scripts.report.progress import open_progress
from scripts.report.schemas import show_applied, show_drift
from scripts.report.screen import print_json
from scripts.report.stack import (
    say_progress,
    show_certificates,
    show_engine,
    show_images,
    show_services,
    show_started,
)

__all__ = [
    "LOSING",
    "open_progress",
    "print_json",
    "render_markdown",
    "say",
    "say_progress",
    "show_applied",
    "show_audit",
    "show_certificates",
    "show_draft",
    "show_drift",
    "show_engine",
    "show_finalized",
    "show_guard",
    "show_images",
    "show_kept",
    "show_moved",
    "show_outcome",
    "show_plan",
    "show_recovered",
    "show_returned",
    "show_runs",
    "show_services",
    "show_started",
    "write_markdown",
]
