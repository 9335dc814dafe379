"""How components and authenticators meet: `auth: {authenticator: id}`.

An authenticator is an extension that keeps one or both of the protocols below; ours are
found in the same way as anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Protocol, runtime_checkable

from pydantic import Field

from collectors.component import Config, Context, Settings, StartError


class Side(StrEnum):
    """Who authenticates: a server those who come, a client itself."""

    SERVER = "server"
    CLIENT = "client"


class Unauthenticated(Exception):  # noqa: N818 - an answer to the sender, not an error of ours
    """The sender has not shown who it is; says what is missing, never what was sent.

    Attributes:
        challenge: Value of the header `WWW-Authenticate`.
    """

    def __init__(self, reason: str, challenge: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.challenge = challenge


@runtime_checkable
class ServerAuthenticator(Protocol):
    """Tells who sent a request."""

    async def authenticate(self, headers: Mapping[str, str]) -> str:
        """The sender's name, empty where it has none.

        Args:
            headers: Of the request, names in lower case.

        Raises:
            Unauthenticated: It is not to be taken.
        """
        ...


@runtime_checkable
class ClientAuthenticator(Protocol):
    """Says who we are."""

    def credentials(self, context: Context) -> Mapping[str, str]:
        """Headers to send with a request, names in lower case.

        Args:
            context: Who sent us what the request carries.
        """
        ...


class AuthenticatorConfig(Config):
    """Base of an authenticator's configuration: says on which sides it can stand."""

    def sides(self) -> frozenset[Side]:
        """What this configuration is good for."""
        raise NotImplementedError


class AuthConfig(Config):
    """`auth`: base of the two below.

    Attributes:
        authenticator: Id of an extension that `service.extensions` starts.
    """

    SIDE: ClassVar[Side]
    authenticator: Annotated[str, Field(min_length=1)]


class ServerAuthConfig(AuthConfig):
    """`auth` of a server."""

    SIDE: ClassVar[Side] = Side.SERVER


class ClientAuthConfig(AuthConfig):
    """`auth` of a client."""

    SIDE: ClassVar[Side] = Side.CLIENT


SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "x-auth-token",
    }
)
"""Headers that are never kept: what is kept is on disk, and in dead letters."""


def server_authenticator(
    settings: Settings, config: ServerAuthConfig | None
) -> ServerAuthenticator | None:
    """The extension that `config` names; None where there is no `auth`.

    Raises:
        StartError: There is none, or it cannot do that.
    """
    if config is None:
        return None
    found: object = settings.extensions.get(config.authenticator)
    if isinstance(found, ServerAuthenticator):
        return found
    raise StartError(_text(settings, config))


def client_authenticator(
    settings: Settings, config: ClientAuthConfig | None
) -> ClientAuthenticator | None:
    """The extension that `config` names; None where there is no `auth`.

    Raises:
        StartError: There is none, or it cannot do that.
    """
    if config is None:
        return None
    found: object = settings.extensions.get(config.authenticator)
    if isinstance(found, ClientAuthenticator):
        return found
    raise StartError(_text(settings, config))


def _text(settings: Settings, config: AuthConfig) -> str:
    known: Sequence[str] = sorted(settings.extensions)
    return (
        f"{settings.component_id}: the authenticator must be an extension that authenticates a "
        f"{config.SIDE}, got {config.authenticator!r} of {', '.join(known) or 'none'}"
    )
