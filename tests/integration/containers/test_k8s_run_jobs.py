"""A rendered Job run as its controller runs it: retries, policies by exit code, indexes, deadlines, drains."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from strongroom.kubernetes.running import JobRun
from tests.integration.containers.k8s_site import Cluster, claim, container, job, mounts, rules
from tests.processes import wait_until

pytestmark = pytest.mark.sample(2, whole=True)

OURS = rules(FailJob=[2, 3, 4, 6, 12])
SLEEPS = "trap 'echo told; exit 143' TERM; echo begun; while :; do sleep 0.1; done"


def list_codes(ended: JobRun) -> list[int]:
    return [pod.exit_code for pod in ended.pods]


def test_an_exit_code_that_no_retry_mends_fails_the_job_at_once(cluster: Cluster) -> None:
    ended = cluster.run(job(container("exit 3"), backoffLimit=5, podFailurePolicy=OURS))
    assert (ended.reason, ended.exit, list_codes(ended)) == ("PodFailurePolicy", 3, [3])
    assert f"container main failed with exit code 3 of pod {ended.pods[0].name}" in ended.message
    assert ended.pods[0].answer == "FailJob"


def test_another_is_tried_again_as_often_as_the_job_says_after_pauses_that_grow(cluster: Cluster) -> None:
    ended = cluster.run(job(container("exit 5"), backoffLimit=2, podFailurePolicy=OURS))
    assert (ended.reason, ended.exit, list_codes(ended)) == ("BackoffLimitExceeded", 5, [5, 5, 5])
    assert len({pod.name for pod in ended.pods}) == 3
    busy = sum(pod.seconds for pod in ended.pods)
    assert ended.seconds - busy > 0.1 + 0.2


def test_a_job_whose_second_try_succeeds_has_succeeded(cluster: Cluster) -> None:
    script = "test -e /d/tried && exit 0; touch /d/tried; exit 5"
    pod = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
    with cluster.volume() as volume:
        given = job(container(script, volumeMounts=mounts(d="/d")), pod=pod, backoffLimit=2, podFailurePolicy=OURS)
        ended = cluster.run(given, claim("data"), claims={"data": volume})
    assert (ended.succeeded, ended.reason, ended.exit, list_codes(ended)) == (True, "Completed", 0, [5, 0])
    assert dict(ended.claims) == {"data": volume}


@pytest.mark.parametrize(
    ("rule", "pods", "reason"),
    [
        ({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [5]}}, 1, "PodFailurePolicy"),
        ({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [7]}}, 2, "BackoffLimitExceeded"),
        (
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [7]}},
            1,
            "PodFailurePolicy",
        ),
        ({"action": "Count", "onExitCodes": {"operator": "In", "values": [7]}}, 2, "BackoffLimitExceeded"),
    ],
)
def test_the_first_rule_that_fits_decides(cluster: Cluster, rule: dict[str, Any], pods: int, reason: str) -> None:
    policy = {"rules": [rule]}
    ended = cluster.run(job(container("exit 7"), backoffLimit=1, podFailurePolicy=policy))
    assert (len(ended.pods), ended.reason) == (pods, reason)


def test_a_failure_that_is_ignored_counts_for_nothing(cluster: Cluster) -> None:
    pod = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
    script = "echo x >> /d/tried; test $(wc -l < /d/tried) = 3 && exit 0; exit 5"
    with cluster.volume() as volume:
        ended = cluster.run(
            job(container(script, volumeMounts=mounts(d="/d")), pod=pod, podFailurePolicy=rules(Ignore=[5])),
            claims={"data": volume},
        )
    assert (ended.succeeded, list_codes(ended)) == (True, [5, 5, 0])


def test_containers_that_failed_begin_again_in_their_pod_where_its_policy_says_so(cluster: Cluster) -> None:
    script = "echo x >> /e/tried; test $(wc -l < /e/tried) = 3 && exit 0; exit 5"
    pod = {"restartPolicy": "OnFailure", "volumes": [{"name": "e", "emptyDir": {}}]}
    ended = cluster.run(job(container(script, volumeMounts=mounts(e="/e")), pod=pod, backoffLimit=6))
    assert (ended.succeeded, len(ended.pods), ended.pods[0].containers[0].restarts) == (True, 1, 2)


def test_a_container_that_begins_again_too_often_fails_its_job(cluster: Cluster) -> None:
    ended = cluster.run(job(container("exit 5"), pod={"restartPolicy": "OnFailure"}, backoffLimit=2))
    assert (ended.reason, ended.exit, len(ended.pods)) == ("BackoffLimitExceeded", 5, 1)
    assert ended.pods[0].containers[0].restarts >= 2


def test_indexes_run_side_by_side_each_with_its_number(cluster: Cluster) -> None:
    script = 'echo "$JOB_COMPLETION_INDEX $ME $(hostname) $1"'
    me = {
        "name": "ME",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}},
    }
    given = container("", command=["sh", "-c", script, "sh"], args=["--index=$(JOB_COMPLETION_INDEX)"], env=[me])
    ended = cluster.run(job(given, completionMode="Indexed", completions=4, parallelism=2))
    assert (ended.succeeded, sorted(pod.index or 0 for pod in ended.pods)) == (True, [0, 1, 2, 3])
    assert sorted(line.partition(": ")[2] for line in cluster.lines) == [
        f"{n} {n} job-{n} --index={n}" for n in range(4)
    ]


def test_an_index_that_failed_too_often_stops_no_other(cluster: Cluster) -> None:
    script = "test $JOB_COMPLETION_INDEX = 1 && exit 5; exit 0"
    given = job(
        container(script),
        completionMode="Indexed",
        completions=3,
        parallelism=3,
        backoffLimit=None,
        backoffLimitPerIndex=1,
    )
    ended = cluster.run(given)
    assert (ended.reason, ended.failed_indexes, ended.exit) == ("FailedIndexes", (1,), 5)
    assert sorted(list_codes(ended)) == [0, 0, 5, 5]


def test_an_index_may_be_given_up_at_once_by_its_exit_code(cluster: Cluster) -> None:
    given = job(
        container("test $JOB_COMPLETION_INDEX = 0 && exit 3; exit 0"),
        completionMode="Indexed", completions=2, parallelism=1, backoffLimit=None, backoffLimitPerIndex=4,
        podFailurePolicy=rules(FailIndex=[3]),
    )  # fmt: skip
    ended = cluster.run(given)
    assert (ended.reason, ended.failed_indexes, list_codes(ended)) == ("FailedIndexes", (0,), [3, 0])


def test_too_many_failed_indexes_are_the_end_of_all(cluster: Cluster) -> None:
    given = job(
        container(f"test $JOB_COMPLETION_INDEX = 2 || exit 5; {SLEEPS}"),
        completionMode="Indexed", completions=3, parallelism=3, backoffLimit=None, backoffLimitPerIndex=0,
        maxFailedIndexes=1,
    )  # fmt: skip
    ended = cluster.run(given)
    assert (ended.reason, ended.failed_indexes, ended.exit) == ("MaxFailedIndexesExceeded", (0, 1), 5)
    assert [(pod.index, pod.reason, pod.exit_code) for pod in ended.pods if pod.index == 2] == [(2, "JobFailed", 143)]


@pytest.mark.parametrize("whose", ["job", "pod"])
def test_a_deadline_ends_a_pod_by_sigterm(cluster: Cluster, whose: str) -> None:
    own, cluster.leap = {"activeDeadlineSeconds": 600}, b"begun"
    ended = cluster.run(job(container(SLEEPS), pod=own if whose == "pod" else {}, **(own if whose == "job" else {})))
    assert ended.exit == 143
    assert cluster.lines == ["begun", "told"]
    reasons = (ended.reason, ended.pods[0].reason)
    assert (
        reasons
        == {"job": ("DeadlineExceeded", "JobFailed"), "pod": ("BackoffLimitExceeded", "DeadlineExceeded")}[whose]
    )


def test_who_does_not_end_in_its_grace_is_killed(cluster: Cluster) -> None:
    cluster.leap = b"begun"
    deaf = container("trap '' TERM; echo begun; while :; do sleep 0.1; done")
    ended = cluster.run(job(deaf, pod={"terminationGracePeriodSeconds": 1}, activeDeadlineSeconds=600))
    assert (ended.exit, ended.reason) == (137, "DeadlineExceeded")


def test_a_drain_ends_a_pod_and_the_job_goes_on_in_another_one(cluster: Cluster) -> None:
    pod = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
    script = f"test -e /d/begun && echo resumed && exit 0; touch /d/begun; {SLEEPS}"
    with cluster.volume() as volume:
        given = job(container(script, volumeMounts=mounts(d="/d")), pod=pod, podFailurePolicy=OURS)
        cluster.leap = b"begun"
        ended = cluster.run(given, claims={"data": volume}, drain_after=600)
    assert (ended.succeeded, list_codes(ended)) == (True, [143, 0])
    first = ended.pods[0]
    assert (first.reason, first.condition, first.answer) == (
        "Drained",
        "DisruptionTarget",
        "Ignore",
    )
    assert cluster.lines == ["begun", "told", "resumed"]


def test_what_a_container_writes_comes_as_it_is_written_and_to_the_last_byte(cluster: Cluster) -> None:
    ended: list[JobRun] = []
    given = job(
        container("echo first; while ! test -e /d/go; do sleep 0.1; done; printf last", volumeMounts=mounts(d="/d")),
        pod={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]},
    )
    with cluster.volume() as volume:
        thread = threading.Thread(target=lambda: ended.append(cluster.run(given, claims={"data": volume})))
        thread.start()
        wait_until(lambda: cluster.out == "first\n", 60)
        cluster.client.containers.run(
            "strongroom/base:test",
            ["-c", "touch /d/go"],
            entrypoint="sh",
            remove=True,
            volumes={volume: {"bind": "/d"}},
        )
        thread.join(20)
    assert [one.succeeded for one in ended] == [True]
    assert cluster.out == "first\nlast"
    for _ in range(5):
        cluster.run(job(container("for i in 1 2 3; do echo $i; done; printf end")))
        assert cluster.out == "1\n2\n3\nend"
