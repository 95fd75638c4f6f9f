"""Ways to a server that let others listen or answer: refused, unless somebody says that this is for development."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping

from strongroom.core.errors import ConfigurationError

VARIABLE = "STRONGROOM_DEVELOPMENT"
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "": False, "0": False, "false": False, "no": False,
          "off": False}  # fmt: skip
LOGGER = logging.getLogger("strongroom.transit")
"""Where it is said that a weak way is used: one line, ``subject: fact``."""


def is_this_machine(host: str) -> bool:
    """Tell whether what is sent to a host stays on this machine: localhost, 127.0.0.0/8, ::1. No name is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_development(environment: Mapping[str, str]) -> bool:
    """Tell whether ``STRONGROOM_DEVELOPMENT`` says yes. Raises ConfigurationError where it says something else."""
    said = environment.get(VARIABLE, "")
    if said.lower() not in _WORDS:
        raise ConfigurationError(VARIABLE, f"must be 1 or 0 (got {said!r})")
    return _WORDS[said.lower()]


def refuse_weak(weak: ConfigurationError, environment: Mapping[str, str]) -> None:
    """Raise what is wrong with a way; in development say it as a warning, and let the way pass."""
    if not is_development(environment):
        way = f"{weak.hint}; --development (or {VARIABLE}=1) lets it pass"
        raise ConfigurationError(weak.subject, weak.fact, way)
    LOGGER.warning("%s: %s (let pass for development)", weak.subject, weak.fact)
