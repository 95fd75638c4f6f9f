"""What can be wrong with a key or with who holds it: a class a fact, each with its exit code.

Facts and hints name providers, places, versions and policies, never a value, and no answer of a server. Errors of
libraries are not chained: their texts and attributes may hold what was sent.
"""

from __future__ import annotations

from strongroom.core.errors import ConfigurationError, GuardError, KeyMissingError, UnreachableError


class KeyNotFoundError(KeyMissingError):
    """The provider answers, and holds no such key or version."""


class KeyDeletedError(KeyMissingError):
    """The version was deleted, and can be brought back."""


class KeyDestroyedError(KeyMissingError):
    """The version is gone for good."""


class KeyUnusableError(KeyMissingError):
    """The provider holds the key, and cannot decrypt it."""


class KeyFormatError(KeyMissingError):
    """What the provider holds is no key as ``system.yaml`` says it is written."""


class KeyExposedError(KeyMissingError):
    """Others may read the file in which a key is, or change it."""


class KeyDeniedError(KeyMissingError):
    """We are known to the provider, and may not do this."""


class LoginRefusedError(KeyMissingError):
    """The provider does not let us in."""


class LoginExpiredError(LoginRefusedError):
    """What let us in has ended, and there is no other."""


class ProviderUnreachableError(UnreachableError):
    """The provider does not answer, or says that it cannot now."""


class ProviderBusyError(ProviderUnreachableError):
    """The same, where asking again in a moment may help."""


class ProviderUntrustedError(ConfigurationError):
    """The connection is not what it should be: no TLS, or a certificate that is not trusted."""


class ProviderMisnamedError(ConfigurationError):
    """What ``system.yaml`` says of the provider does not fit what is there: its address, mount, version, region."""


class KeyConflictError(GuardError):
    """Somebody else was faster, or what was to be made is there; nothing was written."""
