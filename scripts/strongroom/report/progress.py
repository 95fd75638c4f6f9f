"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from strongroom.core import progress
from strongroom.report.log import name_run, say_progress

_EVERY_SECONDS = 5.0
_MEGABYTE = 1 << 20


def open_progress(*, color: bool) -> progress.Progress:
    """Return what fits stderr."""
    return Bar(color=color) if sys.stderr.isatty() else Lines()  # what speaks JSON is no terminal


class Lines:
    """A line when a step begins, and every few seconds while it lasts."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self._step, self._total, self._began, self._said = "", 0, 0.0, 0.0

    def begin(self, run: str) -> None:
        """Let every line name the run, where lines are for machines."""
        name_run(run)

    def start(self, step: str, total: int) -> None:
        """Say which step begins."""
        self._step, self._total = step, total
        self._began = self._said = time.monotonic()
        size = f" {total / _MEGABYTE:,.0f} MB" if total >= _MEGABYTE else ""
        say_progress(f"{step}{size}", step=step, bytes=total)

    def update(self, done: int, rows: int) -> None:
        """Say how far the step is, unless that was said a moment ago."""
        now = time.monotonic()
        if now - self._said < _EVERY_SECONDS or not self._total:
            return
        self._said = now
        rate = done / (now - self._began)
        left = max(self._total - done, 0) / rate if rate else 0.0
        counted = f" {rows:,} rows, {rows / (now - self._began):,.0f} rows/s," if rows else ""
        say_progress(
            f"{self._step}{counted} {done / _MEGABYTE:,.0f} of {self._total / _MEGABYTE:,.0f} MB, "
            f"{rate / _MEGABYTE:,.0f} MB/s, about {left:,.0f} s left",
            step=self._step,
            bytes=self._total,
            bytes_done=done,
            rows=rows,
            seconds_left=round(left),
        )


class Bar:
    """One bar per step: rows, megabytes, rate and time left."""

    def __init__(self, *, color: bool) -> None:
        """Draw on stderr once a step begins."""
        console = Console(stderr=True, no_color=not color)
        self._bars = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=28),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rows]}"),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        self._task: TaskID | None = None
        self._total = 0
        self._began = 0.0

    def begin(self, run: str) -> None:
        """Draw nothing for it."""

    def start(self, step: str, total: int) -> None:
        """Begin a bar of its own."""
        self._bars.stop()
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._total, self._began = total, time.monotonic()
        self._task = self._bars.add_task(step, total=total or None, rows="")
        if step == "publish":
            return
        self._bars.start()
        self._bars.refresh()

    def update(self, done: int, rows: int) -> None:
        """Move the bar."""
        if self._task is None:
            return
        rate = rows / max(time.monotonic() - self._began, 0.001)
        said = f"{rows:,} rows, {rate:,.0f} rows/s" if rows else ""
        self._bars.update(self._task, completed=min(done, self._total) if self._total else done, rows=said)
        self._bars.refresh()
