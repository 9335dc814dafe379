"""`basicauth`: user and password, shown by clients or asked for by servers.

Source: RFC 7617; Apache HTTP Server, "Password Formats".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

import bcrypt
from pydantic import Field, SecretStr, model_validator

from collectors.component import Config, Context, ExtensionFactory, Host, Settings, StartError
from collectors.net.auth import AuthenticatorConfig, Side, Unauthenticated
from collectors.net.watch import UnusableError, Watched, read_file

_CHALLENGE: Final = 'Basic realm="telemetry", charset="UTF-8"'
_BCRYPT: Final = ("$2a$", "$2b$", "$2y$")
_SHA: Final = "{SHA}"
_MOST_KNOWN: Final = 1024
_NOBODY: Final = "$2b$05$" + "C" * 53
"""Stands for the hash of a user who does not exist, so that the answer takes as long."""


class HtpasswdConfig(Config):
    """`htpasswd`: who may come.

    Attributes:
        file: Lines of ``user:password``; read again when it changes.
        inline: The same, in the configuration; goes before the file.
    """

    file: Path | None = None
    inline: SecretStr | None = None

    @model_validator(mode="after")
    def _has_users(self) -> Self:
        if self.file is None and self.inline is None:
            msg = "must have file or inline"
            raise ValueError(msg)
        return self


class ClientCredentialsConfig(Config):
    """`client_auth`: who we are; the files are read again when they change."""

    username: str = ""
    password: SecretStr | None = None
    username_file: Path | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if bool(self.username) == (self.username_file is not None):
            msg = "must have one of username and username_file"
            raise ValueError(msg)
        if (self.password is not None) == (self.password_file is not None):
            msg = "must have one of password and password_file"
            raise ValueError(msg)
        if ":" in self.username:
            msg = "must not have a colon in username"
            raise ValueError(msg)
        return self


class BasicAuthConfig(AuthenticatorConfig):
    """Configuration of `basicauth`: `htpasswd` for servers, `client_auth` for clients."""

    htpasswd: HtpasswdConfig | None = None
    client_auth: Annotated[ClientCredentialsConfig | None, Field()] = None

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if (self.htpasswd is None) == (self.client_auth is None):
            msg = "must have one of htpasswd (for servers) and client_auth (for clients)"
            raise ValueError(msg)
        return self

    def sides(self) -> frozenset[Side]:
        """The one that it has values for."""
        return frozenset({Side.SERVER if self.htpasswd is not None else Side.CLIENT})


class BasicAuth:
    """Knows the users, or our own name."""

    def __init__(self, config: BasicAuthConfig, settings: Settings) -> None:
        users, own = config.htpasswd or HtpasswdConfig(inline=SecretStr("")), config.client_auth
        try:
            self._users = Watched(
                settings.component_id, _paths(users.file), lambda: _read_users(users)
            )
            self._own = Watched(
                settings.component_id,
                _paths(own.username_file, own.password_file) if own else (),
                lambda: _own_header(own),
            )
        except UnusableError as error:
            msg = f"{settings.component_id}: {error}"
            raise StartError(msg) from error
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._salt = secrets.token_bytes(16)
        self._checking = asyncio.Semaphore(1)

    async def start(self, host: Host) -> None:
        """Nothing is left to do."""

    async def stop(self) -> None:
        """Nothing is left to do."""

    async def authenticate(self, headers: Mapping[str, str]) -> str:
        """The user.

        Raises:
            Unauthenticated: No user and password, or not the right ones.
        """
        shown = headers.get("authorization", "")
        user, password = _parted(shown)
        stored = self._users.current().get(user, _NOBODY)
        mark = hmac.digest(self._salt, f"{stored}\n{shown}".encode("utf-8", "replace"), "sha256")
        if mark not in self._known:
            # A slow hash is worked out once, beside the event loop, one at a time: whoever
            # tries passwords waits for himself.
            async with self._checking:
                is_right = await asyncio.to_thread(_matches, stored, password)
            if not is_right:
                msg = "user and password do not belong together"
                raise Unauthenticated(msg, _CHALLENGE)
            self._known[mark] = None
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return user

    def credentials(self, context: Context) -> Mapping[str, str]:
        """The header that says who we are."""
        del context
        return {"authorization": self._own.current()}


def _paths(*paths: Path | None) -> tuple[Path, ...]:
    return tuple(path for path in paths if path is not None)


def _parted(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        msg = "user and password are missing"
        raise Unauthenticated(msg, _CHALLENGE)
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        msg = "user and password cannot be read"
        raise Unauthenticated(msg, _CHALLENGE) from error
    user, _, password = text.partition(":")
    return user, password


def _matches(stored: str, password: str) -> bool:
    plain = password.encode("utf-8", "surrogateescape")
    if stored.startswith(_BCRYPT):
        try:
            return bcrypt.checkpw(plain[:72], stored.encode())  # bcrypt reads no further
        except ValueError:
            return False
    if stored.startswith(_SHA):
        digest = hashlib.sha1(plain, usedforsecurity=False).digest()
        return hmac.compare_digest(base64.b64encode(digest), stored[len(_SHA) :].encode())
    return hmac.compare_digest(plain, stored.encode())


def _read_users(config: HtpasswdConfig) -> Mapping[str, str]:
    text = read_file(config.file).decode("utf-8", "replace") if config.file else ""
    inline = config.inline.get_secret_value() if config.inline else ""
    users: dict[str, str] = {}
    for number, line in enumerate(f"{text}\n{inline}".splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, stored = line.strip().partition(":")
        known = stored.startswith((*_BCRYPT, _SHA)) or not stored.startswith(("$", "{"))
        if not colon or not user or not stored or not known:
            msg = f"line {number} of htpasswd must be user:password, the password plain, or as "
            raise UnusableError(msg + "htpasswd -B (bcrypt) or -s (SHA-1) writes it")
        users[user] = stored
    return users


def _own_header(config: ClientCredentialsConfig | None) -> str:
    if config is None:
        return ""
    name = _line(config.username_file) if config.username_file else config.username
    password = (
        _line(config.password_file)
        if config.password_file
        else (config.password.get_secret_value() if config.password else "")
    )
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _line(path: Path) -> str:
    return read_file(path).decode("utf-8", "replace").strip()


FACTORY = ExtensionFactory(config=BasicAuthConfig, create=BasicAuth)
