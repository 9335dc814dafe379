"""Who sent a request: its address, its name, its tenant, and the headers that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from collectors.component import Config, Context
from collectors.net.auth import SECRET_HEADERS, ServerAuthConfig, ServerAuthenticator
from collectors.net.fields import differs

_OF_THE_TRANSPORT: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "expect",
        "host",
        "keep-alive",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""What `include_metadata: true` leaves out: it says nothing about the sender."""


_LONGEST_TENANT: Final = 256
"""Characters. A tenant is a header again on the way out, and a label here."""


class BadSenderError(Exception):
    """The request says something about its sender that cannot be; the text says what may."""


def _names(value: tuple[str, ...] | bool) -> tuple[str, ...] | bool:
    if isinstance(value, bool):
        return value
    for name in value:
        if name.lower() in SECRET_HEADERS:
            msg = f"must not keep {name!r}: kept headers are on disk, and credentials must not be"
            raise ValueError(msg)
    return tuple(sorted({name.lower() for name in value}))


def _lower(value: str) -> str:
    if value.lower() in SECRET_HEADERS:
        msg = f"must not be {value!r}: the tenant is on disk, and credentials must not be"
        raise ValueError(msg)
    return value.lower()


class SenderConfig(Config):
    """What a server wants to know of its clients.

    Attributes:
        include_metadata: Request headers that are kept with the request, by name; true keeps
            all but those of the transport. Credentials are never kept.
        tenant_header: The header whose value is the tenant; without it the tenant is the
            name that `auth` found.
        auth: Who may send.
    """

    include_metadata: Annotated[tuple[str, ...] | bool, AfterValidator(_names)] = False
    tenant_header: Annotated[str, AfterValidator(_lower)] = Field(
        default="", json_schema_extra=differs("(there are no tenants)")
    )
    auth: ServerAuthConfig | None = None

    @model_validator(mode="after")
    def _is_one_word(self) -> Self:
        if " " in self.tenant_header:
            msg = f"tenant_header must be the name of a header, got {self.tenant_header!r}"
            raise ValueError(msg)
        return self


class Senders:
    """Makes the context of each request of one server."""

    def __init__(
        self, config: SenderConfig, transport: str, authenticator: ServerAuthenticator | None
    ) -> None:
        self._keep = config.include_metadata
        self._tenant_header = config.tenant_header
        self._transport = transport
        self._authenticator = authenticator

    async def context(self, headers: Mapping[str, str], peer: str) -> Context:
        """The context of a request.

        Args:
            headers: By name in lower case.
            peer: Address of the sender.

        Raises:
            Unauthenticated: It has not shown who it is.
            BadSenderError: It cannot be called what it wants to be called.
        """
        name = await self._authenticator.authenticate(headers) if self._authenticator else ""
        tenant = headers.get(self._tenant_header, "") if self._tenant_header else name
        if tenant and not _can_be_sent_on(tenant):
            msg = f"a tenant must be at most {_LONGEST_TENANT} printable ASCII characters"
            raise BadSenderError(msg)
        return Context(tenant, peer, self._kept(headers), self._transport)

    def _kept(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        if self._keep is False:
            return ()
        names = sorted(headers) if self._keep is True else self._keep
        return tuple(
            (name, _text(headers[name]))
            for name in names
            if name in headers and not (self._keep is True and _is_noise(name))
        )


def _can_be_sent_on(tenant: str) -> bool:
    return tenant.isascii() and tenant.isprintable() and len(tenant) <= _LONGEST_TENANT


def _text(value: str) -> str:
    """A header's value as text that can be written down: what is no UTF-8 is replaced."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_noise(name: str) -> bool:
    return (
        name in SECRET_HEADERS
        or name in _OF_THE_TRANSPORT
        or name.startswith(("content-", "grpc-", ":"))
        or name.endswith("-bin")
    )
