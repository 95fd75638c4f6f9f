"""Tells a dead man's switch, in the manner of healthchecks, that a run began and how it ended.

Whoever waits there for a sign misses it when nothing runs here any more. The address is a secret: it is all that is
needed to give the sign. A sign that cannot be given is told, and stops no backup.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from strongroom.core.errors import ConfigurationError
from strongroom.core.key_entries import check_address
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret

LIMIT_SECONDS = 10.0
_HEARD = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The address that is asked, and who is told where it does not answer."""

    address: Secret
    say: Callable[[str, str], None]
    seconds: float = LIMIT_SECONDS

    def start(self) -> None:
        """Say that a run begins."""
        self._ask("/start", "that this run began")

    def end(self, exit_code: int) -> None:
        """Say how a run ended: with 0, or with what."""
        self._ask(f"/{exit_code}" if exit_code else "", "how this run ended")

    def _ask(self, path: str, what: str) -> None:
        """Ask in a thread that is left behind where it takes longer: no library limits names that are not found."""
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(self._fetch(path)), daemon=True)
        asking.start()
        asking.join(self.seconds)
        fact = answers[0] if answers else f"does not answer within {self.seconds:g} s"
        if fact:
            self.say("ping", f"{fact}; it does not know {what}")

    def _fetch(self, path: str) -> str:
        """Return what went wrong, without the address, which the libraries' texts name; an empty text otherwise."""
        import requests

        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.get(
                    self.address.reveal() + path, timeout=self.seconds, allow_redirects=False, stream=True
                )
            except requests.exceptions.SSLError:
                return "its certificate is not to be trusted"
            except requests.Timeout:
                return f"does not answer within {self.seconds:g} s"
            except (requests.RequestException, OSError, ValueError):
                return "cannot be reached"
            answer.close()
            return "" if answer.status_code in _HEARD else f"answers with status {answer.status_code}"


def open_ping(address: Secret, say: Callable[[str, str], None]) -> Ping:
    """Return a ping of an address, which no log shows from now on.

    Raises ConfigurationError where it is none, or may be read on its way.
    """
    try:
        checked = check_address(address.reveal())
    except ValueError:
        hint = "https://… as the service shows it, without a query; http:// is for this machine's own"
        raise ConfigurationError("backup: ping", "holds no address that may be asked", hint) from None
    for part in (checked, urlsplit(checked).path):
        watch(Secret(part))
    return Ping(address=Secret(checked), say=say)
