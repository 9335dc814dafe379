"""What commands that ask a Prometheus have in common: the option, and exit 4 without an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import click

from slo.ask import Prometheus, RefusedError, UnreachableError
from slo.cli.state import CannotTell

_F = TypeVar("_F", bound=Callable[..., object])
_TIMEOUT: Final = 30.0
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""What a header may be called. Source: RFC 9110, 5.6.2."""


def _server(ctx: click.Context, _param: click.Parameter, value: str | None) -> Prometheus | None:
    """A server from its address; a wrong address is wrong usage."""
    file = ctx.params.pop("headers", None)
    if value is None:
        return None
    headers = headers_in(Path(file)) if isinstance(file, str) else ()
    try:
        return Prometheus(value, timeout_seconds=_TIMEOUT, headers=headers)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def headers_in(file: Path) -> tuple[tuple[str, str], ...]:
    """The headers in `file`, one ``Name: value`` on each line; what is wrong is not repeated."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        name, colon, text = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not colon or _TOKEN.fullmatch(name) is None or not text.strip().isprintable():
            msg = f"{file}:{number} must be a header, Name: value"
            raise click.BadParameter(msg)
        found.append((name, text.strip()))
    return tuple(found)


def prometheus_option(*, required: bool = True) -> Callable[[_F], _F]:
    """``--prometheus URL`` and ``--headers FILE``, also from the environment.

    The command takes one parameter, `prometheus`.
    """
    address = click.option(
        "--prometheus",
        callback=_server,
        required=required,
        envvar="FLEETSLO_PROMETHEUS",
        show_envvar=True,
        metavar="URL",
        help="Base address of a Prometheus, or of what answers as one does.",
    )
    # Eager, so that it is known when the address is read.
    headers = click.option(
        "--headers",
        type=click.Path(exists=True, dir_okay=False),
        envvar="FLEETSLO_PROMETHEUS_HEADERS",
        show_envvar=True,
        is_eager=True,
        metavar="FILE",
        help="Headers to send it, one 'Name: value' on each line: credentials, a tenant.",
    )
    return lambda command: address(headers(command))


@contextmanager
def answers() -> Generator[None]:
    """Turn what the server does not tell into `CannotTell`."""
    try:
        yield
    except (UnreachableError, RefusedError) as error:
        raise CannotTell(str(error)) from error


def clean(text: str) -> str:
    """`text` from a server, safe on a terminal: no control characters."""
    return "".join(char if char.isprintable() else "?" for char in text)
