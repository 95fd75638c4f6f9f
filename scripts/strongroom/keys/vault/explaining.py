"""What hvac, requests and the server say, as what is the case: their classes hold several causes each.

Made of what was seen of hvac 2.4 with OpenBao 2.7. Texts of the server are looked into and never handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import requests
from hvac import exceptions  # type: ignore[import-untyped]

from strongroom.core.errors import StrongroomError
from strongroom.keys.errors import (
    KeyConflictError,
    KeyDeniedError,
    LoginExpiredError,
    LoginRefusedError,
    ProviderBusyError,
    ProviderMisnamedError,
    ProviderUnreachableError,
    ProviderUntrustedError,
)

FAILURES = (exceptions.VaultError, requests.RequestException, OSError)
"""All that a request may raise; hvac hands on what requests raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is asked for: the key, the server, and the path in its API that a policy has to allow."""

    subject: str
    address: str
    api_path: str
    """``secret/data/aragora/encryption``: as policies name it."""
    namespace: str | None = None
    capability: str = "read"

    @property
    def policy(self) -> str:
        """The line of a policy that allows it."""
        return f'path "{self.api_path}" {{ capabilities = ["{self.capability}"] }}'

    @property
    def where(self) -> str:
        """The path with its server, for people."""
        inside = f" (namespace {self.namespace})" if self.namespace is not None else ""
        return f"{self.address}/v1/{self.api_path}{inside}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A class of hvac's with a sign in the server's words, and what that means; ``{…}`` are a place's attributes."""

    kinds: tuple[type[BaseException], ...]
    make: type[StrongroomError]
    fact: str
    hint: str
    sign: str = ""

    def fits(self, error: BaseException, text: str) -> bool:
        return isinstance(error, self.kinds) and self.sign in text

    def say(self, place: Place) -> StrongroomError:
        words = {name: getattr(place, name) for name in ("address", "where", "policy", "capability")}
        return self.make(place.subject, self.fact.format(**words), self.hint.format(**words))


def explain(error: BaseException, place: Place) -> StrongroomError:
    """Say what a request failed of; what a path that is not there means, the caller finds out."""
    return _choose(_CASES, error, place)


def explain_login(error: BaseException, place: Place, method: str) -> StrongroomError:
    """Say why nobody was let in: here the server's classes mean something else than elsewhere."""
    refused = _Case(
        kinds=(exceptions.InvalidRequest, exceptions.Forbidden, exceptions.Unauthorized),
        make=LoginRefusedError,
        fact=f"{{address}} does not accept this {method} login",
        hint=_ADVICE[method],
    )
    unset = replace(refused, kinds=(exceptions.InternalServerError,), sign="load backend configuration")
    return _choose((*_LOGIN_CASES, refused, unset, *_CASES), error, place)


def expired(place: Place) -> LoginExpiredError:
    """Say that a token is none any more."""
    fact = f"the token is not valid at {place.address}: it has ended, was revoked, or belongs to another namespace"
    return LoginExpiredError(place.subject, fact, "issue a new one where auth: token says; approle renews by itself")


def _choose(cases: Sequence[_Case], error: BaseException, place: Place) -> StrongroomError:
    text = _read(error)
    return next(case for case in cases if case.fits(error, text)).say(place)


def _read(error: BaseException) -> str:
    """Return the words of a server or library, to look into; never shown: they may repeat what was sent."""
    return f"{error.args[0] if error.args else ''} {getattr(error, 'text', None) or ''}".lower()


_AWAY = "see that the server is up, and that the address is right; then the same command"
_PLAIN = _Case(
    kinds=(exceptions.InvalidRequest,),
    sign="http request to an https server",
    make=ProviderUntrustedError,
    fact="{address} is a server of https, and the address says http",
    hint="let the address begin with https://",
)
_SSL = (requests.exceptions.SSLError,)
_CASES = (
    _PLAIN,
    _Case(
        kinds=(exceptions.Forbidden,),
        make=KeyDeniedError,
        fact="no policy allows to {capability} {where}",
        hint="add to a policy of this login: {policy}",
    ),
    _Case(
        kinds=(exceptions.Unauthorized,),
        make=LoginExpiredError,
        fact="the token is not valid at {address}",
        hint="issue a new one",
    ),
    _Case(
        kinds=(exceptions.VaultDown,),
        sign="vault is sealed",
        make=ProviderUnreachableError,
        fact="{address} is sealed",
        hint="unseal it: bao operator unseal",
    ),
    _Case(
        kinds=(exceptions.VaultNotInitialized,),
        make=ProviderUnreachableError,
        fact="{address} is not set up",
        hint="bao operator init, once",
    ),
    _Case(
        kinds=(exceptions.InvalidRequest,),
        sign="check-and-set",
        make=KeyConflictError,
        fact="somebody else wrote to {where} meanwhile",
        hint="keys.show says what is there; then the same command",
    ),
    _Case(
        kinds=(exceptions.InvalidRequest, exceptions.UnsupportedOperation),
        make=ProviderMisnamedError,
        fact="{where} refuses the request",
        hint="correct mount:, path: and namespace:",
    ),
    _Case(
        kinds=(exceptions.InvalidPath,),
        make=ProviderMisnamedError,
        fact="there is nothing at {where}",
        hint="correct mount: and path:",
    ),
    _Case(
        kinds=(exceptions.RateLimitExceeded,),
        make=ProviderBusyError,
        fact="{address} is asked too often",
        hint="wait a little; then the same command",
    ),
    _Case(
        kinds=(exceptions.VaultError,),
        make=ProviderBusyError,
        fact="{address} fails by itself, or is not ready",
        hint=_AWAY,
    ),
    *(
        _Case(kinds=_SSL, sign=sign, make=ProviderUntrustedError, fact=f"{{address}} {fact}", hint=hint)
        for sign, fact, hint in (
            ("hostname mismatch", "has a certificate for another name", "use a name that its certificate has"),
            ("ip address mismatch", "has a certificate for another address", "use a name that its certificate has"),
            ("certificate has expired", "has a certificate that has ended", "renew it on the server"),
            ("not yet valid", "has a certificate that does not hold yet", "compare the clocks of both machines"),
            ("certificate_verify_failed", "has a certificate of an unknown authority", "let ca_file name it (PEM)"),
            ("wrong_version_number", "does not speak TLS", "it may be a server of http, or the wrong port"),
            ("record layer failure", "does not speak TLS", "it may be a server of http, or the wrong port"),
            ("", "cannot agree on TLS", "see what the server speaks"),
        )
    ),
    _Case(kinds=(requests.Timeout,), make=ProviderBusyError, fact="{address} does not answer in time", hint=_AWAY),
    _Case(
        kinds=(requests.ConnectionError,),
        make=ProviderBusyError,
        fact="{address} cannot be connected to",
        hint=_AWAY,
    ),
    _Case(
        kinds=(BaseException,),
        make=ProviderUnreachableError,
        fact="{address} gives no answer that makes sense",
        hint=_AWAY,
    ),
)
_LOGIN_CASES = (
    _Case(
        kinds=(exceptions.VaultError,),
        sign="wrapping token",
        make=LoginRefusedError,
        fact="the wrapping token was used before, or has ended: somebody else may have the secret id",
        hint="see in the server's audit log who unwrapped it, revoke that secret id, and issue a new one",
    ),
    _PLAIN,
    _Case(
        kinds=(exceptions.InvalidPath,),
        make=ProviderMisnamedError,
        fact="there is no login at {where}",
        hint="correct mount: below auth:, or enable the method there",
    ),
)
_ADVICE = {
    "token": "see that the token is whole, and of this server",
    "approle": "the role or its secret id is unknown, used up or ended: issue a new secret id",
    "kubernetes": "see that the role exists and allows this service account and namespace, and that the server reaches "
    "the cluster's TokenReview",
}
