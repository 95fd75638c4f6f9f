from .backups import (
    show_backup_status as show_backup_status,
)
from .backups import (
    show_copied as show_copied,
)
from .backups import (
    show_created_set as show_created_set,
)
from .backups import (
    show_drilled as show_drilled,
)
from .backups import (
    show_initialised as show_initialised,
)
from .backups import (
    show_pruned as show_pruned,
)
from .backups import (
    show_restored as show_restored,
)
from .backups import (
    show_set as show_set,
)
from .backups import (
    show_sets as show_sets,
)
from .backups import (
    show_undone as show_undone,
)
from .backups import (
    show_verified as show_verified,
)
from .columns import show_columns as show_columns
from .columns import show_columns_done as show_columns_done
from .decided import show_decided as show_decided
from .deciding import Terminal as Terminal
from .examined import show_findings as show_findings
from .examined import show_inventory as show_inventory
from .fleets import FleetProgress as FleetProgress
from .fleets import show_fleet as show_fleet
from .fleets import show_fleet_status as show_fleet_status
from .guard import show_audit as show_audit
from .guard import show_guard as show_guard
from .guard import show_moved as show_moved
from .keys import is_confirmed as is_confirmed
from .keys import is_terminal as is_terminal
from .keys import open_keyboard as open_keyboard
from .kubernetes import show_checked_manifests as show_checked_manifests
from .kubernetes import show_compared as show_compared
from .kubernetes import show_rendered as show_rendered
from .loads import show_cutover as show_cutover
from .loads import show_load as show_load
from .loads import show_rollback as show_rollback
from .log import (
    name_run as name_run,
)
from .log import (
    say_bug as say_bug,
)
from .log import (
    say_end as say_end,
)
from .log import (
    say_error as say_error,
)
from .log import (
    say_note as say_note,
)
from .log import (
    say_progress as say_progress,
)
from .log import (
    speaking as speaking,
)
from .outcome import (
    render_markdown as render_markdown,
)
from .outcome import (
    say as say,
)
from .outcome import (
    show_outcome as show_outcome,
)
from .outcome import (
    write_markdown as write_markdown,
)
from .page import begin_chapter as begin_chapter
from .page import open_page as open_page
from .plans import show_draft as show_draft
from .plans import show_plan as show_plan
from .plans import show_recovered as show_recovered
from .pods import PodOutput as PodOutput
from .pods import show_job_run as show_job_run
from .progress import open_progress as open_progress
from .provided import (
    show_checked as show_checked,
)
from .provided import (
    show_created as show_created,
)
from .provided import (
    show_keys as show_keys,
)
from .provided import (
    show_retired as show_retired,
)
from .provided import (
    show_rotated as show_rotated,
)
from .rotating import show_changed as show_changed
from .rotating import show_removed as show_removed
from .rotating import show_soundness as show_soundness
from .rows import LOSING as LOSING
from .rows import show_kept as show_kept
from .runs import (
    show_cleaned as show_cleaned,
)
from .runs import (
    show_finalized as show_finalized,
)
from .runs import (
    show_returned as show_returned,
)
from .runs import (
    show_runs as show_runs,
)
from .schemas import show_applied as show_applied
from .schemas import show_drift as show_drift
from .screen import Screen as Screen
from .screen import print_json as print_json
from .stack import (
    name_all as name_all,
)
from .stack import (
    show_certificates as show_certificates,
)
from .stack import (
    show_engine as show_engine,
)
from .stack import (
    show_gone as show_gone,
)
from .stack import (
    show_images as show_images,
)
from .stack import (
    show_logs as show_logs,
)
from .stack import (
    show_services as show_services,
)
from .stack import (
    show_started as show_started,
)
from .summary import open_summary as open_summary
from .summary import write_summary as write_summary
from .terminal import steady_output as steady_output
from .transit import show_transit as show_transit
from .why import show_reason as show_reason
