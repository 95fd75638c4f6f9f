"""Start services, and wait until each is healthy or one shows that it will not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from strongroom.containers.compose import Compose, Service, explain_end
from strongroom.engine import explain_failure

_WAIT_SECONDS = 200
_FALLS = 3
"""So often a service is seen to have ended until it is given up: the engine starts it again each time."""
_LOG_LINES = 3
_LINES_BEFORE = 40
"""Of a log that are looked through for what is behind the last ones."""


def start_services(compose: Compose, wanted: Sequence[str]) -> tuple[Service, ...]:
    """Start services and return all of the stack once they are healthy.

    Raises UnreachableError with the last log lines of one that is not; NoSpaceError.
    """
    ended = compose.run("up", "--detach", *wanted, seconds=_WAIT_SECONDS)
    if not ended.is_success:
        raise explain_end(ended, "up")
    falls: Counter[str] = Counter()

    def look() -> tuple[Service, ...]:
        found = compose.services()
        falls.update(one.name for one in found if one.name in wanted and one.state in ("restarting", "exited", "dead"))
        return found

    def is_pending(found: tuple[Service, ...]) -> bool:
        if any(count >= _FALLS for count in falls.values()):
            return False
        return any(not _is_ready(one) and one.health != "unhealthy" for one in found if one.name in wanted)

    retrying = Retrying(
        retry=retry_if_result(is_pending),
        stop=stop_after_delay(_WAIT_SECONDS),
        wait=wait_fixed(0.5),
        retry_error_callback=_take_last,
    )
    services: tuple[Service, ...] = retrying(look)
    _refuse_unhealthy(compose, [one for one in services if one.name in wanted])
    return services


def _is_ready(service: Service) -> bool:
    """Tell whether a service is healthy: one that was just started again has not said yet."""
    return service.is_up and bool(service.health)


def _take_last(state: RetryCallState) -> tuple[Service, ...]:
    """Return what was seen last, when the time is over."""
    found: tuple[Service, ...] = () if state.outcome is None else state.outcome.result()
    return found


def _refuse_unhealthy(compose: Compose, services: Sequence[Service]) -> None:
    for service in services:
        if not _is_ready(service):
            lines = [line for line in compose.last_lines(service.name, _LINES_BEFORE) if line.strip()]
            last = " | ".join(lines[-_LOG_LINES:]) or "its log is empty"
            fact, hint = f"is {service.health or service.state}: {last}", f"./inv stack.logs --service {service.name}"
            raise explain_failure(f"service {service.name}", "\n".join(lines), fact, hint)
