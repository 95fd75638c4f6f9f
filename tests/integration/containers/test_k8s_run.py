"""A rendered Pod run with Docker: each field that is carried out, as its own container sees it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import ConfigurationError, UnreachableError
from tests.integration.containers.k8s_site import (
    IMAGE,
    Cluster,
    config_map,
    container,
    job,
    mounts,
    read_claims,
    secret,
    write_claims,
)

pytestmark = pytest.mark.sample(2, whole=True)

HARDENED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
OURS: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10002,
    "fsGroup": 10003,
    "supplementalGroups": [10004],
    "seccompProfile": {"type": "RuntimeDefault"},
}
STATUS = "grep -E 'CapEff|NoNewPrivs|^Seccomp:' /proc/self/status | tr -s '\\t ' ' '"
MEMORY = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null"
SWAP = "cat /sys/fs/cgroup/memory.swap.max /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null"


def test_it_runs_as_its_user_and_may_do_nothing_else(cluster: Cluster) -> None:
    script = f"id; {STATUS}; touch /root/x 2>&1; touch /x 2>&1; chown 1 /tmp 2>&1; true"
    ended = cluster.run(job(container(script, securityContext=HARDENED), pod={"securityContext": OURS}))
    assert ended.succeeded, ended
    assert "uid=10001 gid=10002 groups=10002,10003,10004" in cluster.out
    assert "CapEff: 0000000000000000" in cluster.out
    assert "NoNewPrivs: 1" in cluster.out
    assert "Seccomp: 2" in cluster.out
    assert "touch: cannot touch '/x': Read-only file system" in cluster.out


def test_without_a_security_context_it_is_as_open_as_a_cluster_leaves_it(cluster: Cluster) -> None:
    cluster.run(job(container(f"id -u; {STATUS}; touch /x && echo written")))
    assert cluster.lines[0] == "0"
    assert "NoNewPrivs: 0" in cluster.out
    assert "Seccomp: 0" in cluster.out
    assert "CapEff: 00000000a80425fb" in cluster.out
    assert "written" in cluster.out


def test_a_container_s_own_security_context_comes_before_its_pod_s(cluster: Cluster) -> None:
    own = {
        "runAsUser": 20001,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
        "seccompProfile": {"type": "Unconfined"},
    }
    cluster.run(job(container(f"id -u; {STATUS}", securityContext=own), pod={"securityContext": OURS}))
    assert cluster.lines[0] == "20001"
    assert "Seccomp: 0" in cluster.out


@pytest.mark.parametrize("user", [{}, {"runAsUser": 0}])
def test_who_must_not_be_root_and_would_be_is_not_started(cluster: Cluster, user: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="would run as root"):
        cluster.run(job(container("true"), pod={"securityContext": {"runAsNonRoot": True, **user}}))


def test_it_has_so_much_memory_no_swap_and_so_much_of_the_processor(cluster: Cluster) -> None:
    resources = {"limits": {"memory": "48Mi", "cpu": "500m"}, "requests": {"cpu": "250m", "memory": "1Mi"}}
    quota = "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.shares 2>/dev/null"
    ended = cluster.run(job(container(f"{MEMORY}; echo -; {SWAP}; echo -; {quota}; true", resources=resources)))
    memory, swap, processor = cluster.out.split("-\n")
    assert int(memory) == 48 << 20
    assert swap.strip() in {"", "0", str(48 << 20)}  # version 1 counts both together, where the kernel counts it
    assert processor.split() in (["50000", "100000"], ["50000", "256"])
    assert "resources.requests.memory" in " ".join(ended.void)


def test_who_takes_more_memory_than_it_may_is_killed_and_told_so(cluster: Cluster) -> None:
    take = "exec perl -e 'my @a; push @a, \"x\" x (1 << 20) for 1 .. 200'"
    ended = cluster.run(job(container(take, resources={"limits": {"memory": "32Mi"}})))
    assert (ended.exit, ended.pods[0].reason, ended.succeeded) == (137, "OOMKilled", False)


def test_command_args_and_variables_are_expanded_as_the_kubelet_does_it(cluster: Cluster) -> None:
    given = container(
        "",
        command=["sh", "-c", 'printf "%s\\n" "$@" "$ALL" "$PLAIN" "$A_x" "$CHILD" "$ME" "$MEMORY" "$LEFT"', "sh"],
        args=["$(CHILD)", "$$(CHILD)", "$(NOBODY)", "$CHILD", "$(x.y)"],
        env=[
            {"name": "PLAIN", "value": "one"},
            {"name": "CHILD", "value": "$(PLAIN)-$(A_x)-$(LATER)"},
            {"name": "LATER", "value": "late"},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}},
            {"name": "ALL", "value": "$(KEY)"},
            {"name": "LEFT", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k", "optional": True}}},
            {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        ],
        envFrom=[
            {"configMapRef": {"name": "c"}, "prefix": "A_"},
            {"secretRef": {"name": "none", "optional": True}},
        ],
        resources={"limits": {"memory": "33Mi"}},
    )
    cluster.run(job(given), config_map("c", x="two"), secret("s", key="sesame\n"))
    known = "one-two-$(LATER)"
    assert cluster.out.split("\n") == [
        *(known, "$(CHILD)", "$(NOBODY)", "$CHILD", "$(x.y)"),
        *("sesame", "", "one", "two", known, "played", "33", "", ""),
    ]


def test_the_image_s_own_program_gets_the_args_and_a_command_of_its_own_none_of_the_image_s(
    cluster: Cluster, images: Any
) -> None:
    ops = {"name": "main", "image": "strongroom/ops:test", "args": ["--version"]}
    assert cluster.run(job(ops)).succeeded
    assert cluster.out.startswith("strongroom ")
    cluster.run(job({**ops, "args": None, "command": ["echo"], "workingDir": "/usr"}))
    assert cluster.out == "\n"


def test_files_are_laid_as_the_kubelet_lays_them(cluster: Cluster) -> None:
    volumes = [
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
        {"name": "c", "configMap": {"name": "c", "items": [{"key": "a", "path": "deep/er/x", "mode": 0o600}]}},
    ]
    script = (
        "cd /s && stat -c '%n %F %a %u %g' . .. ..data key && readlink key && stat -L -c '%F %a %u %g' ..data key && "
        "stat -L -c '%a %g' /c/deep/er /c/deep/er/x && readlink /c/deep && cat /s/key /c/deep/er/x && "
        "touch /s/new 2>&1; test -e /c/a || echo no a; mount | grep -E ' /(s|c) ' | cut -d' ' -f5"
    )
    pod = {"volumes": volumes, "securityContext": {"fsGroup": 10003}}
    ended = cluster.run(
        job(container(script, volumeMounts=mounts(s="/s", c="/c")), pod=pod),
        secret("s", key="v\n"),
        config_map("c", a="w\n"),
    )
    assert ended.succeeded, cluster.out
    said = cluster.lines
    assert said[0] == ". directory 3777 0 10003"
    assert said[2].startswith("..data symbolic link 777 0 10003")
    assert said[4:8] == ["..data/key", "directory 2755 0 10003", "regular file 440 0 10003", "2755 10003"]
    assert said[8:12] == ["640 10003", "..data/deep", "v", "w"]
    assert said[12:] == ["touch: cannot touch '/s/new': Read-only file system", "no a", "tmpfs", "tmpfs"]


def test_without_a_group_files_have_the_modes_that_are_asked_for(cluster: Cluster) -> None:
    volumes = [
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
        {"name": "c", "configMap": {"name": "c"}},
        {"name": "n", "secret": {"secretName": "none", "optional": True}},
    ]
    script = "stat -L -c '%a %u %g' /s /s/key /c/a; ls -A /n | wc -l"
    given = container(script, volumeMounts=mounts(s="/s", c="/c", n="/n"))
    cluster.run(job(given, pod={"volumes": volumes}), secret("s", key="v"), config_map("c", a="w"))
    assert cluster.lines == ["1777 0 0", "400 0 0", "644 0 0", "2"]


def test_a_projected_volume_holds_all_of_its_sources_and_a_token(cluster: Cluster) -> None:
    cluster.sign = write_claims
    sources = [
        {"secret": {"name": "s"}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "conf/a"}]}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 900}},
    ]
    volumes = [{"name": "p", "projected": {"defaultMode": 0o440, "sources": sources}}]
    given = container(
        "cat /p/key /p/conf/a; grep app= /p/labels; stat -L -c '%a %u %g' /p/token /p/key; cat /p/token",
        volumeMounts=mounts(p="/p"),
    )
    ended = cluster.run(
        job(given, pod={"volumes": volumes, "securityContext": OURS, "serviceAccountName": "worker"}),
        secret("s", key="v\n"),
        config_map("c", a="w\n"),
        {"kind": "ServiceAccount", "metadata": {"name": "worker", "namespace": "played"}},
    )
    assert ended.succeeded, cluster.out
    assert cluster.lines[:5] == ["v", "w", 'app="played"', "640 10001 10003", "440 0 10003"]
    claims = read_claims(cluster.lines[5])
    assert (claims["aud"], claims["sub"]) == (["vault"], "system:serviceaccount:played:worker")
    assert claims["exp"] - claims["iat"] == 900
    assert claims["kubernetes.io"]["pod"]["name"] == ended.pods[0].name


def test_a_token_is_made_anew_before_it_ends_and_takes_the_place_of_the_old_one(cluster: Cluster) -> None:
    cluster.sign, cluster.leap = write_claims, b"begun"
    token = {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 900}}
    volumes = [{"name": "p", "projected": {"sources": [token, {"secret": {"name": "s"}}]}}]
    script = (
        "cp /p/token /tmp/first; echo begun; while cmp -s /p/token /tmp/first; do sleep 0.1; done; "
        "cat /tmp/first; echo; cat /p/token; echo; cat /p/key; ls -A /p | grep -c '^\\.\\.20'"
    )
    ended = cluster.run(
        job(container(script, volumeMounts=mounts(p="/p")), pod={"volumes": volumes}), secret("s", key="v\n")
    )
    assert ended.succeeded, cluster.out
    first, second = (read_claims(line) for line in cluster.lines[1:3])
    assert first["jti"] != second["jti"]
    assert (first["kubernetes.io"], first["aud"]) == (second["kubernetes.io"], second["aud"])
    assert cluster.lines[3:] == ["v", "1"]


def test_containers_of_a_pod_share_volumes_a_name_and_a_place_in_the_network(cluster: Cluster) -> None:
    listen = (
        "hostname > /e/name; perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 1, LocalPort => 4000, "
        'LocalAddr => "127.0.0.1", ReuseAddr => 1) or die; $c = $s->accept; print $c "hello\\n"\''
    )
    ask = (
        "until test -s /e/name; do sleep 0.05; done; sleep 0.3; perl -MIO::Socket -e "
        "'print IO::Socket::INET->new(PeerAddr => \"127.0.0.1:4000\")->getline'; cat /e/name; hostname; "
        "grep aliased /etc/hosts"
    )
    one, two = (container(script, volumeMounts=mounts(e="/e")) for script in (listen, ask))
    pod = {"volumes": [{"name": "e", "emptyDir": {}}], "hostAliases": [{"ip": "10.9.8.7", "hostnames": ["aliased"]}]}
    ended = cluster.run(job(one, {**two, "name": "second"}, pod=pod))
    assert ended.succeeded, cluster.out
    name = ended.pods[0].name
    assert cluster.lines == [f"{name}/second: {line}" for line in ("hello", name, name, "10.9.8.7\taliased")]
    assert [one.name for one in ended.pods[0].containers] == ["main", "second"]


def test_init_containers_come_first_one_by_one_and_one_that_fails_is_the_end(cluster: Cluster) -> None:
    pod = {
        "volumes": [{"name": "e", "emptyDir": {}}],
        "initContainers": [
            {**container("echo one >> /e/x", volumeMounts=mounts(e="/e")), "name": "a"},
            {**container("echo two >> /e/x", volumeMounts=mounts(e="/e")), "name": "b"},
        ],
    }
    assert cluster.run(job(container("cat /e/x", volumeMounts=mounts(e="/e")), pod=pod)).succeeded
    assert cluster.lines == ["one", "two"]
    pod["initContainers"][0]["command"] = ["sh", "-c", "exit 9"]
    ended = cluster.run(job(container("echo never"), pod=pod))
    assert (ended.exit, cluster.out, [one.name for one in ended.pods[0].containers]) == (9, "", ["a"])


def test_a_container_leaves_its_last_words(cluster: Cluster) -> None:
    ended = cluster.run(job(container("echo done > /dev/termination-log", securityContext=HARDENED)))
    assert ended.pods[0].containers[0].message == "done\n"
    falls = container("(echo first; echo why) >&2; exit 4", terminationMessagePolicy="FallbackToLogsOnError")
    assert cluster.run(job(falls)).pods[0].message == "first\nwhy\n"


def test_a_program_that_is_not_there_is_no_start(cluster: Cluster) -> None:
    ended = cluster.run(job({**container(""), "command": ["/nowhere"]}))
    assert (ended.exit, ended.pods[0].reason) == (128, "ContainerCannotRun")
    assert "/nowhere" in ended.pods[0].message


def test_an_image_may_be_run_in_another_s_place_and_that_is_said(cluster: Cluster) -> None:
    asked = container("echo here", image="registry.example/ops@sha256:" + "0" * 64)
    ended = cluster.run(job(asked), images={asked["image"]: IMAGE})
    assert (ended.succeeded, dict(ended.images)) == (True, {asked["image"]: IMAGE})
    with pytest.raises(ConfigurationError, match="is not here"):
        cluster.run(job({**asked, "imagePullPolicy": "Never"}))


def test_names_of_a_network_are_known_in_a_pod(cluster: Cluster, tmp_path: Path) -> None:
    network = cluster.client.networks.create(f"k8s-{os.getpid()}", internal=True)
    try:
        server = cluster.client.containers.run(
            IMAGE,
            ["sleep", "60"],
            entrypoint="",
            detach=True,
            network=network.name,
            hostname="server",
            name=f"server-{os.getpid()}",
        )
        try:
            cluster.run(job(container(f"getent hosts server-{os.getpid()}")), network=network.name)
            server.reload()
            address = server.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
            assert cluster.out.split()[0] == address
        finally:
            server.remove(force=True)
    finally:
        network.remove()


@pytest.mark.parametrize("name", ["localhost:9/ops:1", "localhost:9/ops@sha256:" + "0" * 64])
def test_an_image_that_cannot_be_pulled_is_named(cluster: Cluster, name: str) -> None:
    with pytest.raises(UnreachableError, match=f"image {name}: cannot be pulled"):
        cluster.run(job(container("true", image=name)))
