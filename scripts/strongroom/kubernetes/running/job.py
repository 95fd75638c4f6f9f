"""Run a rendered Job: refuse what is not carried out, clear away what a killed run left, then let it run."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from strongroom.core.errors import UsageError
from strongroom.engine.containers import has_network, remove_abandoned
from strongroom.kubernetes.running.controller import Controller
from strongroom.kubernetes.running.fields import judge_fields
from strongroom.kubernetes.running.objects import Objects, find_workload
from strongroom.kubernetes.running.outcome import JobRun
from strongroom.kubernetes.running.request import Request, Surroundings
from strongroom.kubernetes.running.spec import JobSpec, read_job_spec

RUN = "strongroom.k8s.run"
"""The label of all that a run makes in the engine: the machine, the process and when that began."""


def run_job(request: Request, around: Surroundings) -> JobRun:
    """Run a rendered Job, or the Job of a CronJob, to its end; nothing that it made but its claims stays.

    Raises UsageError for a field that is not carried out, and a Job that a cluster would refuse; ConfigurationError for
    what its Pods would wait for in vain; UnreachableError for an image that cannot be had, or an engine that is gone.
    Stopped by a signal, it ends its Pods as a cluster does, and raises that.
    """
    workload, objects = find_workload(request.objects, request.job)
    title = f"{workload['kind']} {request.job}"
    void = judge_fields(workload, str(workload["kind"]), title)
    spec, place = read_job_spec(workload)
    void |= _judge_around(spec, objects, place)
    if request.network is not None and not has_network(around.client, request.network):
        hint = "./inv stack.up, or another --network (none: they reach nobody)"
        raise UsageError("--network", f"the engine has no network {request.network}", hint)
    gone = remove_abandoned(around.client, RUN, _is_abandoned)
    if gone:
        around.say(f"removed what a run left that was killed: {', '.join(gone)}")
    labels = {RUN: name_run(), "strongroom.k8s.job": request.job}
    controller = Controller(
        request=request, around=around, objects=objects, spec=spec, place=place, labels=labels, void=void
    )
    try:
        controller.run()
    finally:
        controller.end_all("Stopped", "k8s.run was stopped")
    return controller.conclude()


def _judge_around(spec: JobSpec, objects: Objects, place: str) -> dict[str, str]:
    """Return fields without meaning of what Pods stand on. Raises UsageError for what a cluster would refuse."""
    void: dict[str, str] = {}
    account = str(spec.pod.get("serviceAccountName") or spec.pod.get("serviceAccount") or "default")
    known = objects.find("ServiceAccount", account)
    if known is None and account != "default":
        raise UsageError(f"{place}.template.spec.serviceAccountName", f"there is no {account} in what was rendered")
    mounts = spec.pod.get("automountServiceAccountToken", (known or {}).get("automountServiceAccountToken", True))
    if mounts:
        fact = "is not false: a token for the cluster's API would be mounted, and there is no API here"
        raise UsageError(
            f"{place}.template.spec.automountServiceAccountToken", fact, "say false; project a token instead"
        )
    ranges = [name for kind, name in objects.known if kind == "LimitRange"]
    if ranges:
        raise UsageError(f"LimitRange {ranges[0]}", "is not carried out by k8s.run", "write its defaults into the Pods")
    for volume in spec.pod.get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        asked = objects.find("PersistentVolumeClaim", str(claim))
        if asked is not None:
            title = f"PersistentVolumeClaim {claim}: spec"
            void |= judge_fields(asked.get("spec") or {}, "PersistentVolumeClaimSpec", title)
    return void


def name_run() -> str:
    """Return what this process' runs bear as their label."""
    return f"{socket.gethostname()}:{os.getpid()}:{_read_start(os.getpid())}"


def _is_abandoned(run: str) -> bool:
    """Tell whether the process of a run, on this machine, is gone."""
    host, _, rest = run.rpartition(":")[0].rpartition(":")
    start = run.rpartition(":")[2]
    return host == socket.gethostname() and rest.isdecimal() and _read_start(int(rest)) != start


def _read_start(process: int) -> str:
    """Return when a process began, in the kernel's ticks; nothing for one that is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[19]
    except (OSError, IndexError):
        return ""
