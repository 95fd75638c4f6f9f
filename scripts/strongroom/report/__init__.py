"""What people see: tables and sentences on stdout, progress on stderr, JSON as a documented contract."""

from strongroom.report.backups import (
    show_backup_status,
    show_copied,
    show_created_set,
    show_drilled,
    show_initialised,
    show_pruned,
    show_restored,
    show_set,
    show_sets,
    show_undone,
    show_verified,
)
from strongroom.report.decided import show_decided
from strongroom.report.deciding import Terminal
from strongroom.report.examined import show_findings, show_inventory
from strongroom.report.guard import show_audit, show_guard, show_moved
from strongroom.report.keys import is_confirmed, is_terminal, open_keyboard
from strongroom.report.loads import show_cutover, show_load, show_rollback
from strongroom.report.log import name_run, say_bug, say_end, say_error, say_note, say_progress, speaking
from strongroom.report.outcome import render_markdown, say, show_outcome, write_markdown
from strongroom.report.page import begin_chapter, open_page
from strongroom.report.plans import show_draft, show_plan, show_recovered
from strongroom.report.progress import open_progress
from strongroom.report.provided import show_checked, show_created, show_keys, show_retired, show_rotated
from strongroom.report.rotating import show_changed, show_removed, show_soundness
from strongroom.report.rows import LOSING, show_kept
from strongroom.report.runs import show_cleaned, show_finalized, show_returned, show_runs
from strongroom.report.schemas import show_applied, show_drift
from strongroom.report.screen import Screen, print_json
from strongroom.report.stack import (
    name_all,
    show_certificates,
    show_engine,
    show_gone,
    show_images,
    show_logs,
    show_services,
    show_started,
)
from strongroom.report.summary import open_summary, write_summary
from strongroom.report.why import show_reason

__all__ = [
    "LOSING",
    "Screen",
    "Terminal",
    "begin_chapter",
    "is_confirmed",
    "is_terminal",
    "name_all",
    "name_run",
    "open_keyboard",
    "open_page",
    "open_progress",
    "open_summary",
    "print_json",
    "render_markdown",
    "say",
    "say_bug",
    "say_end",
    "say_error",
    "say_note",
    "say_progress",
    "show_applied",
    "show_audit",
    "show_backup_status",
    "show_certificates",
    "show_changed",
    "show_checked",
    "show_cleaned",
    "show_copied",
    "show_created",
    "show_created_set",
    "show_cutover",
    "show_decided",
    "show_draft",
    "show_drift",
    "show_drilled",
    "show_engine",
    "show_finalized",
    "show_findings",
    "show_gone",
    "show_guard",
    "show_images",
    "show_initialised",
    "show_inventory",
    "show_kept",
    "show_keys",
    "show_load",
    "show_logs",
    "show_moved",
    "show_outcome",
    "show_plan",
    "show_pruned",
    "show_reason",
    "show_recovered",
    "show_removed",
    "show_restored",
    "show_retired",
    "show_returned",
    "show_rollback",
    "show_rotated",
    "show_runs",
    "show_services",
    "show_set",
    "show_sets",
    "show_soundness",
    "show_started",
    "show_undone",
    "show_verified",
    "speaking",
    "write_markdown",
    "write_summary",
]
