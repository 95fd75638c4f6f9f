"""The fields of CronJobs and Jobs."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kubernetes.running.fields.model import Field, done, many, one, refused, void

_CLOCK = "the Job is run now, once"
_RECORD = "a record of the cluster's, which has no part in what runs"

JOBS: Mapping[str, Mapping[str, Field]] = {
    "CronJob": {
        **done("apiVersion", "kind"),
        "metadata": one("ObjectMeta"),
        "spec": one("CronJobSpec"),
        "status": void(_RECORD),
    },
    "CronJobSpec": {
        "jobTemplate": one("JobTemplateSpec"),
        **dict.fromkeys(("schedule", "timeZone", "startingDeadlineSeconds", "suspend"), void(_CLOCK)),
        "concurrencyPolicy": void("a Job that is made by hand is held back by no policy"),
        **dict.fromkeys(("successfulJobsHistoryLimit", "failedJobsHistoryLimit"), void("nothing of the Job is kept")),
    },
    "JobTemplateSpec": {"metadata": one("ObjectMeta"), "spec": one("JobSpec")},
    "Job": {
        **done("apiVersion", "kind"),
        "metadata": one("ObjectMeta"),
        "spec": one("JobSpec"),
        "status": void(_RECORD),
    },
    "JobSpec": {
        **done("activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "completionMode", "completions"),
        **done("maxFailedIndexes", "parallelism"),
        "managedBy": refused("another controller would run it", harmless=("kubernetes.io/job-controller",)),
        "manualSelector": refused("Pods are told by the Job that made them", harmless=(False,)),
        "selector": refused("Pods are told by the Job that made them"),
        "podFailurePolicy": one("PodFailurePolicy"),
        "podReplacementPolicy": refused("a Pod is replaced once it has ended", harmless=("Failed",)),
        "successPolicy": refused("a Job succeeds when all of its completions have"),
        "suspend": refused("a Job that is suspended runs nothing", harmless=(False,)),
        "template": one("PodTemplateSpec"),
        "ttlSecondsAfterFinished": void("nothing of the Job is kept"),
    },
    "PodFailurePolicy": {"rules": many("PodFailurePolicyRule")},
    "PodFailurePolicyRule": {
        **done("action"),
        "onExitCodes": one("PodFailurePolicyOnExitCodesRequirement"),
        "onPodConditions": many("PodFailurePolicyOnPodConditionsPattern"),
    },
    "PodFailurePolicyOnExitCodesRequirement": done("containerName", "operator", "values"),
    "PodFailurePolicyOnPodConditionsPattern": done("type", "status"),
    "ObjectMeta": {
        **done("annotations", "labels", "name", "namespace"),
        "generateName": refused("a name of its own is needed here"),
        **dict.fromkeys(
            (
                "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation",
                "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
            ),
            void(_RECORD),
        ),
    },
}  # fmt: skip
