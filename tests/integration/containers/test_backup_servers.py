"""PostgreSQL and Redis of the stack as members of a set, from our images: as they run, and as another user."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ContainerError

from strongroom.containers.images import Built
from strongroom.containers.stack import Folder
from strongroom.engine import connect
from tests.servers import HARDENED, Running

SCRIPT = Path(__file__).with_name("members_inside.py")
KINDS = Path(__file__).parents[2] / "unit" / "backup" / "members" / "every_kind.sql"


def run(image: Built, server: Running, name: str, passwords: tuple[str, ...], **options: Any) -> dict[str, Any]:
    """Run the script in an image, hardened, in the network of a server, and return what it says."""
    folder: Folder = server.folder
    given = {str(folder.secrets / file): f"/run/secrets/{file}" for file in passwords}
    given |= {
        str(folder.tls / "ca.crt"): "/run/secrets/ca.crt",
        str(SCRIPT): "/script.py",
        str(KINDS): "/every_kind.sql",
    }
    with connect(os.environ) as client:
        try:
            said = client.containers.run(
                image.image, ["/script.py", name], entrypoint=["tini", "--", "python", "-P"], remove=True,
                network_mode=f"container:{server.container.get_wrapped_container().id}", tmpfs={"/tmp": "mode=1777"},
                volumes={path: {"bind": inside, "mode": "ro"} for path, inside in given.items()}, stderr=True,
                **HARDENED, **options,
            )  # fmt: skip
        except ContainerError as error:
            pytest.fail(f"{error.stderr}")
    answer: dict[str, Any] = json.loads(said.decode().splitlines()[-1])
    return answer


def test_postgresql_is_taken_rehearsed_and_restored_in_the_image_of_drills(
    images: dict[str, Built], postgres: Running
) -> None:
    said = run(images["drill"], postgres, "postgres", ("postgres-password",))
    assert (said["rows"], said["rehearsed"], said["restored"], said["user"]) == (500, [], [500], 10002)
    assert said["column_keys"] == ["encryption@500"]
    assert all(re.match(r"17\.\d+$", version) for version in said["versions"].values()), said
    assert said["left"] == ["scratch", "set"]


def test_a_user_whom_nobody_knows_may_drill_too(images: dict[str, Built], postgres: Running) -> None:
    said = run(images["drill"], postgres, "postgres", ("postgres-password",), user="12345:12345")
    assert (said["rows"], said["rehearsed"], said["user"]) == (500, [], 12345)


def test_redis_is_taken_rehearsed_and_restored_in_the_image_of_drills(images: dict[str, Built], redis: Running) -> None:
    said = run(images["drill"], redis, "redis", ("redis-password", "redis-backup-password"))
    assert (said["rows"], said["rehearsed"], said["restored"], said["undone"]) == (500, [], 500, 0)
    assert said["user"] == 10002
    assert said["versions"]["server"] == said["versions"]["scratch"]
    assert said["left"] == ["run", "scratch", "set", "tunnel"]


def test_the_bundle_takes_both_and_names_the_image_where_a_rehearsal_needs_another(
    images: dict[str, Built], postgres: Running, redis: Running
) -> None:
    said = run(images["ops"], postgres, "postgres", ("postgres-password",))
    code, fact, hint = said["rehearsed"]
    assert (said["rows"], said["restored"], code, said["user"]) == (500, [500], 13, 10001)
    assert fact == "PostgreSQL server 17: is not here"
    assert "strongroom/drill" in hint
    said = run(images["ops"], redis, "redis", ("redis-password", "redis-backup-password"))
    assert (said["rows"], said["rehearsed"], said["restored"]) == (500, [], 500)
