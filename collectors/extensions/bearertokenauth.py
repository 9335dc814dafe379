"""`bearertokenauth`: a token in a header, shown by clients and asked for by servers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from collectors.component import Context, ExtensionFactory, Host, Settings, StartError
from collectors.net.auth import AuthenticatorConfig, Side, Unauthenticated
from collectors.net.watch import UnusableError, Watched, read_file


class BearerTokenAuthConfig(AuthenticatorConfig):
    """Configuration of `bearertokenauth`: one of `token`, `tokens` and `filename`.

    Attributes:
        header: The header that carries the token.
        scheme: Stands before the token, with a space; empty for the token alone.
        tokens: A server takes each of them, a client shows the first.
        filename: A token a line; read again when it changes.
    """

    header: Annotated[str, Field(min_length=1)] = "Authorization"
    scheme: str = "Bearer"
    token: SecretStr | None = None
    tokens: tuple[SecretStr, ...] = ()
    filename: Path | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [self.token is not None, bool(self.tokens), self.filename is not None].count(True)
        if given != 1:
            msg = f"must have one of token, tokens and filename, got {given or 'none'}"
            raise ValueError(msg)
        for token in (self.token, *self.tokens):
            if token is not None and not token.get_secret_value().strip():
                msg = "a token must not be empty"
                raise ValueError(msg)
        return self

    def sides(self) -> frozenset[Side]:
        """Both."""
        return frozenset(Side)


class BearerTokenAuth:
    """Knows the tokens."""

    def __init__(self, config: BearerTokenAuthConfig, settings: Settings) -> None:
        self._header = config.header.lower()
        self._scheme = config.scheme
        paths = (config.filename,) if config.filename else ()
        try:
            self._tokens = Watched(settings.component_id, paths, lambda: _tokens(config))
        except UnusableError as error:
            msg = f"{settings.component_id}: {error}"
            raise StartError(msg) from error

    async def start(self, host: Host) -> None:
        """Nothing is left to do."""

    async def stop(self) -> None:
        """Nothing is left to do."""

    async def authenticate(self, headers: Mapping[str, str]) -> str:
        """Nobody's name: a token names no one.

        Raises:
            Unauthenticated: No token, or none of ours.
        """
        shown = headers.get(self._header, "").encode("utf-8", "surrogateescape")
        # Every token is compared, in constant time: the wait must not tell which one came close.
        matches = [hmac.compare_digest(shown, token.encode()) for token in self._shown()]
        if not any(matches):
            missing = "is missing" if not shown else "is not one that is known"
            msg = f"the token in {self._header} {missing}"
            raise Unauthenticated(msg, self._scheme or "Bearer")
        return ""

    def credentials(self, context: Context) -> Mapping[str, str]:
        """The header with the first token."""
        del context
        return {self._header: self._shown()[0]}

    def _shown(self) -> list[str]:
        prefix = f"{self._scheme} " if self._scheme else ""
        return [prefix + token for token in self._tokens.current()]


def _tokens(config: BearerTokenAuthConfig) -> tuple[str, ...]:
    if config.filename is None:
        given = (config.token,) if config.token is not None else config.tokens
        return tuple(token.get_secret_value() for token in given)
    lines = read_file(config.filename).decode("utf-8", "replace").splitlines()
    tokens = tuple(line.strip() for line in lines if line.strip())
    if not tokens:
        msg = f"{config.filename} holds no token"
        raise UnusableError(msg)
    return tokens


FACTORY = ExtensionFactory(config=BearerTokenAuthConfig, create=BearerTokenAuth)
