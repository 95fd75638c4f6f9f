"""Mistakes in when a Job starts, how it ends, and what is tried again."""

from __future__ import annotations

from tests.unit.kubernetes.planting import BOX, GONE, JOB, POD, Mistake

RULES = f"{JOB}.podFailurePolicy.rules"
MISTAKES = (
    Mistake(
        name="31 February",
        edits={"CronJob/backup": {"spec.schedule": "17 2 31 2 *"}},
        object="CronJob/backup", field="spec.schedule", says="can never fire",
    ),
    Mistake(
        name="a minute that no hour has",
        edits={"CronJob/prune": {"spec.schedule": "61 7 * * 0"}},
        object="CronJob/prune", field="spec.schedule", says="minute must lie in 0 to 59",
    ),
    Mistake(
        name="seconds in a schedule",
        edits={"CronJob/verify": {"spec.schedule": "0 47 3 * * *"}},
        object="CronJob/verify", field="spec.schedule", says="has 6 fields",
    ),
    Mistake(
        name="Sunday as 7",
        edits={"CronJob/prune": {"spec.schedule": "17 7 * * 7"}},
        object="CronJob/prune", field="spec.schedule", says="day of the week must lie in 0 to 6",
    ),
    Mistake(
        name="a time zone in the schedule",
        edits={"CronJob/backup": {"spec.schedule": "TZ=Europe/Berlin 17 2 * * *"}},
        object="CronJob/backup", field="spec.schedule", says="no part of a schedule",
    ),
    Mistake(
        name="a time zone that is none",
        edits={"CronJob/backup": {"spec.timeZone": "Europe/Berln"}},
        object="CronJob/backup", field="spec.timeZone", says="no time zone Europe/Berln",
    ),
    Mistake(
        name="no time zone",
        edits={"CronJob/drill": {"spec.timeZone": GONE}},
        object="CronJob/drill", field="spec.timeZone", says="the controller's",
    ),
    Mistake(
        name="forbid in small letters",
        edits={"CronJob/backup": {"spec.concurrencyPolicy": "forbid"}},
        object="CronJob/backup", field="spec.concurrencyPolicy", says="did you mean Forbid?",
    ),
    Mistake(
        name="two backups at once",
        edits={"CronJob/backup": {"spec.concurrencyPolicy": "Allow"}},
        object="CronJob/backup", field="spec.concurrencyPolicy", says="two runs would meet",
    ),
    Mistake(
        name="a start that is over before the controller looks",
        edits={"CronJob/status": {"spec.startingDeadlineSeconds": 5}},
        object="CronJob/status", field="spec.startingDeadlineSeconds", says="it may never start",
    ),
    Mistake(
        name="an hourly run that may take two hours",
        edits={"CronJob/status": {f"{JOB}.activeDeadlineSeconds": 7200}},
        object="CronJob/status", field="activeDeadlineSeconds", says="no less than the 3600 s",
    ),
    Mistake(
        name="two at one minute on one volume",
        edits={"CronJob/verify": {"spec.schedule": "17 2 * * *"}},
        object="CronJob/backup", field="spec.schedule", says="with CronJob/verify at 02:17",
    ),
    Mistake(
        name="a name that leaves no room for its Jobs",
        edits={"CronJob/backup": {"metadata.name": "backup-of-the-application-in-the-cluster-of-the-north"}},
        object="CronJob/backup-of-the", field="metadata.name", says="53 characters, and 52 are allowed",
    ),
    Mistake(
        name="the kubelet tries again",
        edits={"CronJob/backup": {f"{POD}.restartPolicy": "OnFailure"}},
        object="CronJob/backup", field="restartPolicy", says="podFailurePolicy needs Never",
    ),
    Mistake(
        name="differences are tried again",
        edits={"CronJob/verify": {f"{RULES}[1].onExitCodes.values": [2, 4, 6, 7, 8, 9, 10, 12, 13, 14]}},
        object="CronJob/verify", field="podFailurePolicy.rules", says="exit 3 must fail the Job at once",
    ),
    Mistake(
        name="a store that is away for a minute fails the night",
        edits={"CronJob/backup": {f"{RULES}[1].onExitCodes.values": [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14]}},
        object="CronJob/backup", field="podFailurePolicy.rules", says="exit 5 must be tried again",
    ),
    Mistake(
        name="a drained node costs a try",
        edits={"CronJob/backup": {f"{RULES}[0]": GONE}},
        object="CronJob/backup", field="podFailurePolicy.rules", says="evicted (DisruptionTarget)",
    ),
    Mistake(
        name="exit codes out of order",
        edits={"CronJob/backup": {f"{RULES}[1].onExitCodes.values": [14, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13]}},
        object="CronJob/backup", field="rules[1]", says="in order",
    ),
    Mistake(
        name="a policy for a container that is not there",
        edits={"CronJob/backup": {f"{RULES}[1].onExitCodes.containerName": "main"}},
        object="CronJob/backup", field="rules[1]", says="names the container main",
    ),
    Mistake(
        name="no second try",
        edits={"CronJob/backup": {f"{JOB}.backoffLimit": 0}},
        object="CronJob/backup", field="backoffLimit", says="would not be retried",
    ),
    Mistake(
        name="no deadline",
        edits={"CronJob/drill": {f"{JOB}.activeDeadlineSeconds": GONE}},
        object="CronJob/drill", field="activeDeadlineSeconds", says="is not said",
    ),
    Mistake(
        name="killed in the middle of a copy",
        edits={"CronJob/backup": {f"{POD}.terminationGracePeriodSeconds": 5}},
        object="CronJob/backup", field="terminationGracePeriodSeconds", says="a step may need",
    ),
    Mistake(
        name="evidence that is gone at once",
        edits={"CronJob/verify": {f"{JOB}.ttlSecondsAfterFinished": 0}},
        object="CronJob/verify", field="ttlSecondsAfterFinished", says="before anybody looks",
    ),
    Mistake(
        name="indexes without a number",
        edits={"CronJob/fleet": {f"{JOB}.completions": GONE}},
        object="CronJob/fleet", field="completions", says="an Indexed Job needs it",
    ),
    Mistake(
        name="fewer indexes than the task is told of",
        edits={"CronJob/fleet": {f"{JOB}.completions": 8}},
        object="CronJob/fleet", field="completions", says="--of is 10",
    ),
    Mistake(
        name="three backups side by side",
        edits={"CronJob/backup": {f"{JOB}.parallelism": 3, f"{JOB}.completions": 3}},
        object="CronJob/backup", field="parallelism", says="each does the same",
    ),
    Mistake(
        name="a backup that was suspended for a day, last year",
        edits={"CronJob/backup": {"spec.suspend": True}},
        object="CronJob/backup", field="spec.suspend", says="never starts",
    ),
    Mistake(
        name="a prune that is still being tried out",
        edits={"CronJob/prune": {f"{BOX}.args[+]": "--dry-run"}},
        object="CronJob/prune", field="args[1]", says="does nothing",
    ),
)  # fmt: skip
