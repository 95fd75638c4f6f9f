"""The containers of the stack are well when all are, and no certificate has ended or soon will."""

from __future__ import annotations

import pytest

from strongroom.containers.compose import Service
from strongroom.report import show_services

UP = Service(name="redis", state="running", health="healthy", ports=())
DOWN = Service(name="redis", state="exited", health="", ports=())


@pytest.mark.parametrize(
    ("services", "days", "code", "said"),
    [
        ([UP], {"ca": 3000, "redis": 80}, 0, "certificates: the first, of redis, ends in 80 days"),
        ([UP], {"ca": 3000, "redis": 15}, 0, "of redis, ends in 15 days\n"),
        ([UP], {"ca": 3000, "redis": 14}, 7, "of redis, ends in 14 days: ./inv stack.up issues a new one, and"),
        ([UP], {"ca": 3000, "redis": 0}, 7, "of redis, ends in 0 days: ./inv stack.up"),
        ([UP], {"ca": 3000, "redis": -1}, 7, "of redis, has ended: ./inv stack.up issues a new one"),
        ([UP, DOWN], {"redis": 80}, 7, "exited"),
        ([], {}, 7, "nothing runs: ./inv stack.up starts it"),
    ],
)
def test_status_is_seven_unless_all_is_well(
    services: list[Service], days: dict[str, int], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_services(services, days, as_json=False, color=False) == code
    assert said in capsys.readouterr().out
