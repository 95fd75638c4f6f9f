"""A Job that ran here: what its containers write as it comes, then how its Pods ended."""

from __future__ import annotations

import codecs
import sys

from strongroom.kubernetes.running.outcome import JobRun
from strongroom.report.screen import Screen
from strongroom.report.terminal import make_lines_visible

RESULTS = {"k8s.run": JobRun}


class PodOutput:
    """Hands on what containers write, line by line, to stdout; nothing of it moves a terminal."""

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._is_open = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, chunk: bytes) -> None:
        """Hand on at once."""
        self._put(self._decoder.decode(chunk))

    def end(self) -> None:
        """End the line that was begun, so that what follows stands on its own."""
        self._put(self._decoder.decode(b"", final=True))
        if self._is_open:
            self._put("\n")

    def _put(self, text: str) -> None:
        if text:
            self._is_open = not text.endswith("\n")
            sys.stdout.write(make_lines_visible(text.replace("\r\n", "\n")))
            sys.stdout.flush()


def show_job_run(run: JobRun, *, as_json: bool, color: bool) -> int:
    """Print how a Job and its Pods ended; return the exit code of the container by which it failed, else 0."""
    screen = Screen(as_json=as_json, color=color)
    heads = ("pod", "container", "reason", "exit", "starts", "seconds")
    rows = [
        (pod.name, one.name, one.reason, str(one.exit_code), str(one.restarts + 1), f"{one.seconds:.1f}")
        for pod in run.pods
        for one in pod.containers
    ]
    if rows:
        screen.table(heads, rows, numbers=False)
    screen.list("ended", [f"{pod.name}: {pod.reason}: {pod.message}" for pod in run.pods if pod.reason in _ENDED])
    screen.list("in place of images", [f"{name}: {image}" for name, image in run.images.items()])
    screen.list("claims, which stay", [f"{name}: {place}" for name, place in run.claims.items()])
    if run.void:
        fields = "1 field means" if len(run.void) == 1 else f"{len(run.void)} fields mean"
        screen.say(f"{fields} nothing here: --json says which, and why")
    pods = f"{len(run.pods)} pod{'' if len(run.pods) == 1 else 's'} in {run.seconds:.1f} s"
    said = f"{run.reason}: {run.message}; {pods}" if run.message else f"{run.reason}; {pods}"
    screen.conclude(said, word=f"job {run.job}:", style="green" if run.succeeded else "red")
    screen.end(run)
    return run.exit


_ENDED = ("DeadlineExceeded", "Drained", "Evicted", "JobFailed")
