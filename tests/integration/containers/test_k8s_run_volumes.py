"""Volumes of a rendered Pod: what is empty, claimed, full, read only or somebody else's; secrets that are no good."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import ConfigurationError, UsageError
from tests.integration.containers.k8s_site import (
    Cluster,
    claim,
    config_map,
    container,
    job,
    mounts,
    secret,
)

pytestmark = pytest.mark.sample(2, whole=True)

OURS = {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001, "fsGroupChangePolicy": "OnRootMismatch"}
DATA: dict[str, Any] = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
LOOK = "stat -c '%n %a %u %g' /d /d/file /d/folder"


def pod(*volumes: dict[str, Any], **context: Any) -> dict[str, Any]:
    return {"volumes": list(volumes), "securityContext": context}


def make_files(folder: Path) -> Path:
    """Lay a folder of somebody else's files."""
    (folder / "folder").mkdir()
    (folder / "file").write_text("x\n")
    (folder / "link").symlink_to("file")
    for path in (folder, folder / "folder", folder / "file"):
        os.chown(path, 4711, 4711)
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def test_empty_folders_are_writable_and_in_memory_where_that_is_asked_for(cluster: Cluster) -> None:
    volumes = [{"name": "e", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    script = (
        "stat -c '%a %u %g' /e /m; stat -f -c %T /m; touch /e/x && stat -c '%u %g' /e/x; "
        "head -c 2000000 /dev/zero > /m/x 2>/dev/null || echo full; stat -c %s /m/x"
    )
    cluster.run(job(container(script, volumeMounts=mounts(e="/e", m="/m")), pod=pod(*volumes, **OURS)))
    assert cluster.lines == ["2777 0 10001", "3777 0 10001", "tmpfs", "10001 10001", "full", str(1 << 20)]
    script = "stat -c '%a %u %g' /e /m"
    cluster.run(job(container(script, volumeMounts=mounts(e="/e", m="/m")), pod=pod(*volumes)))
    assert cluster.lines == ["777 0 0", "1777 0 0"]


def test_a_pod_that_writes_more_than_a_volume_may_hold_is_evicted(cluster: Cluster) -> None:
    fill = "head -c 3000000 /dev/zero > /e/x; echo filled; sleep 30"
    volume = {"name": "e", "emptyDir": {"sizeLimit": "1Mi"}}
    ended = cluster.run(job(container(fill, volumeMounts=mounts(e="/e")), pod=pod(volume)))
    assert (ended.pods[0].reason, ended.succeeded, ended.exit) == ("Evicted", False, 137)
    assert ended.pods[0].message == 'Usage of EmptyDir volume "e" exceeds the limit "1Mi".'


def test_so_is_one_that_writes_more_than_its_containers_may(cluster: Cluster) -> None:
    fill = "head -c 3000000 /dev/zero > /x; sleep 30"
    ended = cluster.run(job(container(fill, resources={"limits": {"ephemeral-storage": "1Mi"}})))
    assert (ended.pods[0].reason, ended.exit) == ("Evicted", 137)
    assert ended.pods[0].message.startswith("Container main exceeded its local ephemeral storage limit")


def test_a_claim_is_a_volume_that_stays_from_job_to_job(cluster: Cluster) -> None:
    name = "strongroom-k8s.played.data"
    try:
        for number in (1, 2):
            script = "echo x >> /d/x; wc -l < /d/x"
            ended = cluster.run(
                job(container(script, volumeMounts=mounts(d="/d")), pod=pod(DATA, **OURS)), claim("data")
            )
            assert (cluster.lines, dict(ended.claims)) == ([str(number)], {"data": name})
    finally:
        cluster.client.volumes.get(name).remove()


def test_a_claim_that_was_not_rendered_is_named(cluster: Cluster) -> None:
    given = job(container("true", volumeMounts=mounts(d="/d")), pod=pod(DATA))
    with pytest.raises(ConfigurationError, match="needs PersistentVolumeClaim data, which was not rendered"):
        cluster.run(given)
    for wrong, error in (("nowhere/here", UsageError), ("nothing-like-it", ConfigurationError)):
        with pytest.raises(error, match="data: "):
            cluster.run(given, claims={"data": wrong})


def test_somebody_else_s_files_are_opened_to_the_pod_s_group(cluster: Cluster, tmp_path: Path) -> None:
    make_files(tmp_path)
    script = f"{LOOK}; cat /d/file; echo y >> /d/file; touch /d/folder/new"
    given = container(script, volumeMounts=mounts(d="/d"))
    ended = cluster.run(job(given, pod=pod(DATA, **OURS)), claims={"data": str(tmp_path)})
    assert ended.succeeded, cluster.out
    assert cluster.lines == ["/d 2770 4711 10001", "/d/file 660 4711 10001", "/d/folder 2770 4711 10001", "x"]
    new = (tmp_path / "folder" / "new").stat()
    assert (new.st_uid, new.st_gid) == (10001, 10001)


def test_a_root_that_fits_leaves_what_is_below_as_it_is(cluster: Cluster, tmp_path: Path) -> None:
    make_files(tmp_path)
    os.chown(tmp_path, 4711, 10001)
    tmp_path.chmod(0o2770)
    given = container(LOOK, volumeMounts=mounts(d="/d"))
    cluster.run(job(given, pod=pod(DATA, **OURS)), claims={"data": str(tmp_path)})
    untouched = ["/d 2770 4711 10001", "/d/file 600 4711 4711", "/d/folder 700 4711 4711"]
    assert cluster.lines == untouched
    cluster.run(job(given, pod=pod(DATA, **{**OURS, "fsGroupChangePolicy": "Always"})), claims={"data": str(tmp_path)})
    assert cluster.lines[1:] == ["/d/file 660 4711 10001", "/d/folder 2770 4711 10001"]


def test_without_a_group_somebody_else_s_files_stay_closed(cluster: Cluster, tmp_path: Path) -> None:
    make_files(tmp_path)
    given = container("cat /d/file || exit 5", volumeMounts=mounts(d="/d"))
    ended = cluster.run(job(given, pod=pod(DATA, runAsUser=10001)), claims={"data": str(tmp_path)})
    assert (ended.exit, "Permission denied" in cluster.out) == (5, True)


@pytest.mark.parametrize("where", ["claim", "mount"])
def test_a_volume_that_is_read_only_is_not_written(cluster: Cluster, tmp_path: Path, where: str) -> None:
    volume = {"name": "d", "persistentVolumeClaim": {"claimName": "data", "readOnly": where == "claim"}}
    mount = {"name": "d", "mountPath": "/d", "readOnly": where == "mount"}
    ended = cluster.run(
        job(container("touch /d/x", volumeMounts=[mount]), pod=pod(volume)), claims={"data": str(tmp_path)}
    )
    assert (ended.exit, "Read-only file system" in cluster.out, list(tmp_path.iterdir())) == (1, True, [])


def test_a_volume_that_is_full_is_full_inside(cluster: Cluster) -> None:
    with cluster.volume(memory="size=64k") as volume:
        script = "head -c 100000 /dev/zero > /d/x || exit 14"
        ended = cluster.run(job(container(script, volumeMounts=mounts(d="/d")), pod=pod(DATA)), claims={"data": volume})
    assert (ended.exit, "No space left on device" in cluster.out) == (14, True)


def test_a_subpath_is_a_part_of_a_volume_made_where_it_is_missing(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_text("part\n")
    given = container(
        "cat /a/x; touch /b/new; ls /b",
        volumeMounts=[
            {"name": "d", "mountPath": "/a", "subPath": "there"},
            {"name": "d", "mountPath": "/b", "subPathExpr": "made/$(NAME)"},
        ],
        env=[{"name": "NAME", "value": "here"}],
    )
    assert cluster.run(job(given, pod=pod(DATA)), claims={"data": str(tmp_path)}).succeeded
    assert (cluster.lines, (tmp_path / "made" / "here" / "new").is_file()) == (["part", "new"], True)


@pytest.mark.parametrize("path", ["out", "../x", "/etc"])
def test_a_subpath_that_leaves_its_volume_is_refused(cluster: Cluster, tmp_path: Path, path: str) -> None:
    (tmp_path / "out").symlink_to("/etc")
    given = container("true", volumeMounts=[{"name": "d", "mountPath": "/a", "subPath": path}])
    with pytest.raises(ConfigurationError, match=r"volumeMounts\[/a\]\.subPath"):
        cluster.run(job(given, pod=pod(DATA)), claims={"data": str(tmp_path)})


def test_a_secret_by_subpath_is_a_file_and_one_that_it_lacks_becomes_a_folder(cluster: Cluster) -> None:
    volume = {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o440}}
    given = container(
        "cat /key; stat -c '%F %a' /key /none",
        volumeMounts=[
            {"name": "s", "mountPath": "/key", "subPath": "key"},
            {"name": "s", "mountPath": "/none", "subPath": "none"},
        ],
    )
    cluster.run(job(given, pod=pod(volume)), secret("s", key="sesame\n"))
    assert cluster.lines[:2] == ["sesame", "regular file 440"]
    assert cluster.lines[2].startswith("directory ")


def test_a_secret_has_every_byte_it_was_given(cluster: Cluster) -> None:
    volume = {"name": "s", "secret": {"secretName": "s"}}
    given = container(
        "cd /s; for name in *; do printf '%s:' $name; od -An -c $name | tr -d ' \\n'; echo; done",
        volumeMounts=mounts(s="/s"),
    )
    cluster.run(job(given, pod=pod(volume)), secret("s", empty="", newline="v\n", windows="v\r\n"))
    assert cluster.lines == ["empty:", "newline:v\\n", "windows:v\\r\\n"]


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        ({"secret": {"secretName": "none"}}, r"volumes\[s\]\.secret: needs Secret none, which was not rendered"),
        ({"configMap": {"name": "none"}}, r"volumes\[s\]\.configMap: needs ConfigMap none"),
        (
            {"secret": {"secretName": "s", "items": [{"key": "other", "path": "x"}]}},
            r"secret\.items: Secret s has no key other",
        ),
        ({"secret": {"secretName": "s", "items": [{"key": "key", "path": "../x"}]}}, "leaves the volume"),
    ],
)
def test_what_a_pod_would_wait_for_in_vain_is_said_at_once(cluster: Cluster, volume: dict[str, Any], said: str) -> None:
    given = container("true", volumeMounts=mounts(s="/s"))
    with pytest.raises((ConfigurationError, UsageError), match=said):
        cluster.run(job(given, pod=pod({"name": "s", **volume})), secret("s", key="v"), config_map("c", a="b"))


def test_a_volume_that_no_container_mounts_is_not_waited_for(cluster: Cluster) -> None:
    assert cluster.run(job(container("true"), pod=pod({"name": "s", "secret": {"secretName": "none"}}))).succeeded
