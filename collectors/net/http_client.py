"""What exporters over HTTP share: one session, its TLS, its credentials, and how it fails."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.request import getproxies

import aiohttp
from pydantic import Field, SecretStr

from collectors.component import Context, Settings, StartError, TryLater
from collectors.net.auth import ClientAuthConfig, ClientAuthenticator, client_authenticator
from collectors.net.fields import (
    SECOND,
    DestinationConfig,
    Headers,
    Nanoseconds,
    differs,
    shown_url,
)
from collectors.net.pieces import PIECE_BYTES, Pieces
from collectors.net.reason import reason
from collectors.net.tls import ClientTlsConfig, client_context
from collectors.net.watch import UnusableError, Watched

_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024  # OTLP specification
_KEEPALIVE_SECONDS: Final = 60.0


class HttpClientConfig(DestinationConfig):
    """Base of an exporter over HTTP.

    Attributes:
        timeout: Longest wait for an answer.
        headers: Sent with every request.
        tls: Where the endpoint is ``https://``.
        auth: Who says what we show.
        tenant_header: Carries the tenant, where a request has one.
    """

    timeout: Annotated[Nanoseconds, Field(gt=0)] = 30 * SECOND
    headers: Headers = Field(default_factory=dict[str, SecretStr])
    tls: ClientTlsConfig = ClientTlsConfig()
    auth: ClientAuthConfig | None = None
    tenant_header: str = Field(default="", json_schema_extra=differs("(there are no tenants)"))


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the far end said.

    Attributes:
        url: Who said it.
        body: As far as it is allowed to go.
    """

    url: str
    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Posts bodies, and keeps connections between them."""

    def __init__(
        self, config: HttpClientConfig, settings: Settings, *, connections: int | None = None
    ) -> None:
        """Nothing is opened yet.

        Args:
            config: Where to and how.
            settings: Of the exporter.
            connections: At a time; None is as many as it has consumers.

        Raises:
            StartError: The authenticator is none.
        """
        self._connections = connections or config.sending_queue.num_consumers
        self._component_id = settings.component_id
        self._config = config
        self._authenticator: ClientAuthenticator | None = client_authenticator(
            settings, config.auth
        )
        self._session: aiohttp.ClientSession | None = None
        self._context: Watched[ssl.SSLContext] | None = None

    async def start(self) -> None:
        """Make ready to connect; nothing is sent yet.

        Raises:
            StartError: A certificate cannot be used.
        """
        if self._session is not None:
            return
        try:
            self._context = client_context(self._component_id, self._config.tls)
        except UnusableError as error:
            msg = f"{self._component_id} cannot use TLS: {error}"
            raise StartError(msg) from error
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, keepalive_timeout=_KEEPALIVE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(total=self._config.timeout / SECOND),
            headers={
                name: value.get_secret_value() for name, value in self._config.headers.items()
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            # Asked for a proxy, the library reads the environment and netrc anew for each request.
            trust_env=bool(getproxies().keys() & {"http", "https"}),
        )

    async def stop(self) -> None:
        """Close the connections. Safe without start and twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], context: Context
    ) -> HttpAnswer:
        """Send `body` once.

        Raises:
            TryLater: No connection, or no answer in time.
        """
        if self._session is None or self._context is None:
            msg = "not started, or stopped"
            raise TryLater(msg)
        # A large body is handed over in pieces, so that one does not hold up all others.
        data = Pieces(body, headers["Content-Type"]) if len(body) > PIECE_BYTES else body
        own = dict(self._authenticator.credentials(context)) if self._authenticator else {}
        if self._config.tenant_header and context.tenant:
            own[self._config.tenant_header] = context.tenant
        try:
            async with self._session.post(
                url,
                data=data,
                headers={**headers, **own},
                allow_redirects=False,
                # Connections are kept by context: with a new certificate come new ones.
                ssl=self._context.current(),
                server_hostname=self._config.tls.server_name_override or None,
            ) as response:
                return HttpAnswer(
                    str(response.url),
                    response.status,
                    response.content_type,
                    response.headers,
                    await _read(response),
                )
        except TimeoutError as error:
            msg = f"{shown_url(url)} did not answer within {self._config.timeout / SECOND:g} s"
            raise TryLater(msg) from error
        except (aiohttp.ClientError, OSError) as error:
            msg = f"{shown_url(url)}: {reason(error)}"
            raise TryLater(msg) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer's body as far as it is allowed to go."""
    parts: list[bytes] = []
    left = _MAX_ANSWER_BYTES
    while left > 0 and (part := await response.content.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
