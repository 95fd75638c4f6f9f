"""What people see: tables and sentences on stdout, progress on stderr, JSON as a documented contract."""

from scripts.report.kept import LOSING, show_kept
from scripts.report.outcome import render_markdown, show_outcome, write_markdown
from scripts.report.others import show_plan, show_returned, show_runs
from scripts.report.progress import open_progress

__all__ = [
    "LOSING", "open_progress", "render_markdown", "show_kept", "show_outcome", "show_plan", "show_returned", "show_runs",
    "write_markdown",
]
