"""A client that is let in by what ``auth:`` names and by nothing else, renews that, and is let in anew once.

hvac would take ``$VAULT_TOKEN``, ``~/.vault-token``, ``$VAULT_ADDR`` and certificates of the environment, and requests
``~/.netrc`` and proxies: all of them are set here, so none is.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import hvac  # type: ignore[import-untyped]
import requests
from hvac.exceptions import Forbidden, InvalidPath, Unauthorized, VaultError  # type: ignore[import-untyped]

from strongroom.core.key_entries import AppRoleLogin, KubernetesLogin, TokenLogin, VaultKey, check_address
from strongroom.core.key_entries import Place as SecretPlace
from strongroom.core.secret import Secret
from strongroom.keys.errors import (
    LoginRefusedError,
    ProviderMisnamedError,
    ProviderUnreachableError,
    ProviderUntrustedError,
)
from strongroom.keys.retrying import ask_again
from strongroom.keys.secret_files import read_secret_file
from strongroom.keys.vault.explaining import FAILURES, Place, expired, explain, explain_login

_SECONDS = 10
_RENEW_AT = 2 / 3
"""Of the time for which a token holds."""
_REDIRECTS = range(300, 400)
Answer = TypeVar("Answer")
Ask = Callable[[Any], Answer]


class VaultSession:
    """Requests to one server, as one identity."""

    def __init__(
        self, subject: str, entry: VaultKey, variable: Callable[[str], str | None], now: Callable[[], datetime]
    ) -> None:
        """Nobody is asked before the first request; raises ProviderMisnamedError for an address that is none."""
        self._subject, self._entry, self._variable, self.now = subject, entry, variable, now
        self.address = _find_address(subject, entry, variable)
        self._client: Any = None
        self._renew_at: datetime | None = None
        self._unwrapped: Secret | None = None

    def place(self, api_path: str, capability: str = "read") -> Place:
        """Name what is asked for."""
        return Place(
            subject=self._subject,
            address=self.address,
            api_path=api_path,
            namespace=self._entry.namespace,
            capability=capability,
        )

    def ask(self, ask: Ask[Answer], place: Place) -> Answer:
        """Make a request with a client that is let in.

        Where the server says no and the token is none any more, log in anew, once. hvac's ``InvalidPath`` is the
        caller's to explain; everything else is raised as the errors of ``keys.errors``.
        """
        self._be_let_in()
        try:
            return self._ask(ask, place)
        except (Forbidden, Unauthorized) as error:
            if self._is_let_in():
                raise explain(error, place) from None
        self._renew_login(place)
        try:
            return self._ask(ask, place)
        except (Forbidden, Unauthorized) as error:
            raise explain(error, place) from None

    def ask_nobody(self, ask: Ask[Answer], place: Place) -> Answer:
        """Make a request for which nobody has to be let in."""
        return self._ask(ask, place, self._connect())

    def _ask(self, ask: Ask[Answer], place: Place, client: Any = None) -> Answer:
        """Make a request, again where that can help; Forbidden and its like are for who knows the token."""

        def try_once() -> Answer:
            try:
                return ask(client or self._client)
            except FAILURES as error:
                if isinstance(error, InvalidPath | Forbidden | Unauthorized):
                    raise
                raise explain(error, place) from None

        return ask_again(try_once)

    def _be_let_in(self) -> None:
        if self._client is None:
            self._log_in()
        elif self._renew_at is not None and self.now() >= self._renew_at:
            self._renew()

    def _renew(self) -> None:
        """Ask for more time; where there is none left (``max_ttl``), log in as at first."""
        try:
            answer = self._client.auth.token.renew_self()["auth"]
            self._keep_time(answer["lease_duration"])
        except FAILURES:
            self._log_in()

    def _renew_login(self, place: Place) -> None:
        """Log in anew; of a token that somebody else brings, only where he has brought another."""
        before = self._client.token
        self._log_in()
        if isinstance(self._entry.auth, TokenLogin) and self._client.token == before:
            raise expired(place)

    def _is_let_in(self) -> bool:
        try:
            self._client.auth.token.lookup_self()
        except VaultError:
            return False
        except FAILURES:  # it was there a moment ago: what it said then counts
            return True
        return True

    def _log_in(self) -> None:
        auth, client = self._entry.auth, self._connect()
        place = self.place("auth/token/lookup-self" if isinstance(auth, TokenLogin) else f"auth/{auth.mount}/login")
        try:
            seconds = ask_again(lambda: self._present(client, place))
        except FAILURES as error:
            raise explain_login(error, place, auth.method) from None
        self._client = client
        self._keep_time(seconds)

    def _present(self, client: Any, place: Place) -> int:
        """Present what ``auth:`` names; return for how many seconds we are let in, 0 for ever."""
        auth = self._entry.auth
        try:
            match auth:
                case TokenLogin():
                    return self._bring_token(client, auth)
                case AppRoleLogin():
                    role, secret = self._read_role(auth), self._read_secret_id(client, auth)
                    return _read_seconds(client.auth.approle.login(role, secret, mount_point=auth.mount))
                case KubernetesLogin():
                    token = read_secret_file(self._subject, Path(auth.token_file), is_private=False).decode().strip()
                    return _read_seconds(client.auth.kubernetes.login(auth.role, token, mount_point=auth.mount))
        except FAILURES as error:
            raise explain_login(error, place, auth.method) from None

    def _bring_token(self, client: Any, auth: TokenLogin) -> int:
        client.token = self._read_place(auth.token, "token")
        try:
            return int(client.auth.token.lookup_self()["data"]["ttl"])
        except (Forbidden, Unauthorized):
            raise expired(self.place("auth/token/lookup-self")) from None

    def _read_role(self, auth: AppRoleLogin) -> str:
        return auth.role_id if isinstance(auth.role_id, str) else self._read_place(auth.role_id, "role id")

    def _read_secret_id(self, client: Any, auth: AppRoleLogin) -> str:
        """Return the secret id; a wrapping token gives it out once, so it is kept."""
        if self._unwrapped is not None:
            return self._unwrapped.reveal()
        given = self._read_place(auth.secret_id, "secret id")
        if not auth.wrapped:
            return given
        client.token = given
        try:
            self._unwrapped = Secret(str(client.sys.unwrap()["data"]["secret_id"]))
        finally:
            client.token = ""
        return self._unwrapped.reveal()

    def _read_place(self, place: SecretPlace, what: str) -> str:
        if place.file is not None:
            text = read_secret_file(f"{self._subject} ({what})", Path(place.file)).decode(errors="replace").strip()
        else:
            text = (self._variable(str(place.variable)) or "").strip()
        if not text:
            fact = f"the {what} is missing: {place.file or place.variable} holds none"
            raise LoginRefusedError(self._subject, fact, "put it there, or correct auth:")
        return text

    def _keep_time(self, seconds: int) -> None:
        self._renew_at = self.now() + timedelta(seconds=seconds * _RENEW_AT) if seconds else None

    def _connect(self) -> Any:
        """Make a client that nobody has let in yet."""
        session = requests.Session()
        session.trust_env = False
        session.verify = _check_authorities(self._subject, self._entry.ca_file)
        session.hooks["response"].append(self._refuse_redirect)
        return hvac.Client(
            url=self.address,
            token="",
            cert=(),
            verify=session.verify,
            timeout=_SECONDS,
            session=session,
            allow_redirects=False,
            namespace=self._entry.namespace,
        )

    def _refuse_redirect(self, response: requests.Response, **_: object) -> None:
        """Leave a token with the server that it is for."""
        if response.status_code in _REDIRECTS:
            response.close()
            fact = f"{self.address} sends callers to another address"
            raise ProviderUnreachableError(self._subject, fact, "name the address of the server that leads")


def find_authorities() -> Path:
    """Return the file of those who may have signed a server's certificate where no ``ca_file`` is named."""
    return Path(requests.utils.DEFAULT_CA_BUNDLE_PATH)


def _read_seconds(answer: Any) -> int:
    return int(answer["auth"]["lease_duration"])


def _find_address(subject: str, entry: VaultKey, variable: Callable[[str], str | None]) -> str:
    if entry.address is not None:
        return entry.address
    text = variable(str(entry.address_variable))
    if text is None:
        raise ProviderMisnamedError(subject, f"{entry.address_variable} is not set", "let it name the server's address")
    try:
        return check_address(text)
    except ValueError as error:
        raise ProviderMisnamedError(subject, f"{entry.address_variable} {error}", "correct it") from None


def _check_authorities(subject: str, file: str | None) -> str | bool:
    """Return what requests verifies with; raises ProviderUntrustedError for a file that holds no authority."""
    if file is None:
        return True
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else "it holds no certificate (PEM)"
        raise ProviderUntrustedError(subject, f"ca_file {file} cannot be used: {reason}", "correct ca_file") from None
    return file
