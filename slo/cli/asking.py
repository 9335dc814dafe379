"""What commands that ask a Prometheus have in common: the option, and exit 4 without an answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TypeVar

import click

from slo.ask import Prometheus, RefusedError, UnreachableError
from slo.cli.state import CANNOT_TELL

_F = TypeVar("_F", bound=Callable[..., object])
_TIMEOUT: Final = 30.0


class CannotTell(click.ClickException):
    """There is no answer, so no verdict: exit 4."""

    exit_code = CANNOT_TELL

    def show(self, file: object = None) -> None:
        """Print the line."""
        del file
        click.echo(f"cannot tell: {self.format_message()}", err=True)


def _server(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Prometheus | None:
    """A server from its address; a wrong address is wrong usage."""
    if value is None:
        return None
    try:
        return Prometheus(value, timeout_seconds=_TIMEOUT)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def prometheus_option(*, required: bool = True) -> Callable[[_F], _F]:
    """``--prometheus URL``, also from FLEETSLO_PROMETHEUS."""
    return click.option(
        "--prometheus",
        callback=_server,
        required=required,
        envvar="FLEETSLO_PROMETHEUS",
        metavar="URL",
        help="Base address of a Prometheus, or of what answers as one does.",
    )


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
