"""Run the Pods of a rendered Job or CronJob with Docker, exactly as they are specified."""

from strongroom.kubernetes.running.job import run_job
from strongroom.kubernetes.running.outcome import ContainerEnd, JobRun, PodEnd
from strongroom.kubernetes.running.request import Request, Surroundings

__all__ = ["ContainerEnd", "JobRun", "PodEnd", "Request", "Surroundings", "run_job"]
