"""What botocore and Secrets Manager say, as what is the case.

Codes are AWS's (https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html); a server that only
plays Secrets Manager has some of its own. Messages are looked into and never handed on.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore import exceptions  # type: ignore[import-untyped]

from strongroom.core.errors import StrongroomError
from strongroom.keys.errors import (
    KeyConflictError,
    KeyDeletedError,
    KeyDeniedError,
    KeyNotFoundError,
    KeyUnusableError,
    LoginExpiredError,
    LoginRefusedError,
    ProviderBusyError,
    ProviderMisnamedError,
    ProviderUnreachableError,
    ProviderUntrustedError,
)

FAILURES = (exceptions.BotoCoreError, exceptions.ClientError, ValueError, OSError)
"""All that a request may raise; an endpoint that is none is a ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is asked for: the key, the secret, and the action that a policy has to allow."""

    subject: str
    secret: str
    action: str

    @property
    def policy(self) -> str:
        """The statement of a policy that allows it."""
        resource = (
            self.secret if self.secret.startswith("arn:") else f"arn:aws:secretsmanager:*:*:secret:{self.secret}-*"
        )
        return f'"Action": "secretsmanager:{self.action}", "Resource": "{resource}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Codes of AWS's, with a sign in the message, and what they mean; ``{…}`` are a place's attributes."""

    codes: tuple[str, ...]
    make: type[StrongroomError]
    fact: str
    hint: str
    sign: str = ""

    def say(self, place: Place) -> StrongroomError:
        words = {name: getattr(place, name) for name in ("secret", "action", "policy")}
        return self.make(place.subject, self.fact.format(**words), self.hint.format(**words))


def explain(error: BaseException, place: Place) -> StrongroomError:
    """Say what a request failed of."""
    if isinstance(error, exceptions.ClientError):
        return _explain_answer(error, place)
    _, make, fact, hint = next(case for case in _BEFORE if isinstance(error, case[0]))
    return make(place.subject, fact, hint)


def _explain_answer(error: exceptions.ClientError, place: Place) -> StrongroomError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    for case in _ANSWERS:
        if {code, status} & set(case.codes) and case.sign in message:
            return case.say(place)
    return (_FAILED if status >= "500" else _REFUSED).say(place)


_AWAY = "see that the region's endpoint can be reached from here; then the same command"
_LOG_IN = "give this process credentials: a role of its machine or Pod, AWS_PROFILE, or aws sso login"
_LIST = "keys.show lists the versions that are there"
_ANSWERS = (
    *(
        _Case(
            codes=("ResourceNotFoundException",),
            sign=sign,
            make=KeyNotFoundError,
            fact="{secret} has no such version (any more)",
            hint=_LIST,
        )
        for sign in ("version", "staging label")
    ),
    _Case(
        codes=("ResourceNotFoundException",),
        make=KeyNotFoundError,
        fact="there is no secret {secret} in this account and region",
        hint="correct secret: and region:, or keys.init",
    ),
    _Case(
        codes=("InvalidRequestException",),
        sign="delet",
        make=KeyDeletedError,
        fact="{secret} is marked to be deleted",
        hint="bring it back: aws secretsmanager restore-secret --secret-id {secret}",
    ),
    _Case(
        codes=("DecryptionFailure", "EncryptionFailure"),
        make=KeyUnusableError,
        fact="{secret} cannot be decrypted: its KMS key is disabled, gone, or not ours to use",
        hint="enable the KMS key, and allow kms:Decrypt on it",
    ),
    _Case(
        codes=("ExpiredTokenException", "ExpiredToken", "RequestExpired", "TokenRefreshRequired"),
        make=LoginExpiredError,
        fact="the AWS credentials have ended",
        hint=_LOG_IN,
    ),
    _Case(
        codes=(
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
        ),
        make=LoginRefusedError,
        fact="AWS does not accept the credentials",
        hint=_LOG_IN,
    ),
    _Case(
        codes=("AccessDeniedException", "AccessDenied", "403"),
        make=KeyDeniedError,
        fact="no policy allows {action} of {secret}",
        hint="allow {policy}",
    ),
    _Case(
        codes=("ResourceExistsException",),
        make=KeyConflictError,
        fact="{secret} is there already",
        hint=_LIST,
    ),
    _Case(
        codes=("LimitExceededException",),
        make=KeyConflictError,
        fact="{secret} has as many versions or labels as AWS allows",
        hint="retire versions that nothing needs any more (keys.show)",
    ),
    _Case(
        codes=("InvalidParameterException", "InvalidRequestException"),
        sign="staging label",
        make=KeyConflictError,
        fact="somebody else moved the labels of {secret} meanwhile",
        hint=_LIST,
    ),
    _Case(
        codes=(
            "ThrottlingException",
            "Throttling",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "429",
            "PreconditionNotMetException",
        ),
        make=ProviderBusyError,
        fact="Secrets Manager is asked too often",
        hint="wait a little; then the same command",
    ),
    _Case(
        codes=("InternalServiceError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException"),
        make=ProviderBusyError,
        fact="Secrets Manager fails by itself",
        hint=_AWAY,
    ),
)
_FAILED = _ANSWERS[-1]
_REFUSED = _Case(
    codes=(),
    make=ProviderMisnamedError,
    fact="Secrets Manager refuses {action} of {secret}",
    hint="correct secret:, version: and stage:",
)
_Kinds = tuple[type[BaseException], ...]
_BEFORE: tuple[tuple[_Kinds, type[StrongroomError], str, str], ...] = (
    (
        (exceptions.SSLError,),
        ProviderUntrustedError,
        "Secrets Manager's certificate is not trusted, or it does not speak TLS",
        "let ca_file name its authority (PEM), and correct endpoint:",
    ),
    (
        (exceptions.NoRegionError, exceptions.InvalidRegionError, exceptions.UnknownEndpointError),
        ProviderMisnamedError,
        "the region is missing or none",
        "say region: in system.yaml",
    ),
    (
        (exceptions.ProfileNotFound, exceptions.ConfigNotFound, exceptions.ConfigParseError),
        ProviderMisnamedError,
        "the profile is not among the AWS configuration",
        "correct profile:, or aws configure",
    ),
    (
        (exceptions.ParamValidationError, exceptions.InvalidEndpointConfigurationError),
        ProviderMisnamedError,
        "what system.yaml says of it is not accepted",
        "correct secret:, version: and stage:",
    ),
    (
        (
            exceptions.TokenRetrievalError,
            exceptions.UnauthorizedSSOTokenError,
            exceptions.SSOTokenLoadError,
            exceptions.RefreshWithMFAUnsupportedError,
        ),
        LoginExpiredError,
        "the credentials have ended",
        _LOG_IN,
    ),
    (
        (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.NoAuthTokenError,
            exceptions.MetadataRetrievalError,
        ),
        LoginRefusedError,
        "there are no AWS credentials here",
        _LOG_IN,
    ),
    (
        (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError),
        ProviderBusyError,
        "Secrets Manager cannot be connected to",
        _AWAY,
    ),
    ((ValueError,), ProviderMisnamedError, "the endpoint is no address", "correct endpoint: and region:"),
    ((BaseException,), ProviderUnreachableError, "Secrets Manager gives no answer that makes sense", _AWAY),
)
