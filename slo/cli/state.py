"""What every command knows: how much to say, in which colours, and the exit codes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

import click

FINE: Final = 0
PROBLEMS: Final = 1
USAGE: Final = 2
BUG: Final = 3
CANNOT_TELL: Final = 4


@dataclass(frozen=True, slots=True)
class State:
    """How much to say."""

    quiet: bool = False
    verbose: bool = False

    def say(self, text: str) -> None:
        """Tell what was done, on stdout."""
        if not self.quiet:
            click.echo(text)

    def detail(self, text: str) -> None:
        """Tell what only `--verbose` asks for, on stderr."""
        if self.verbose:
            click.echo(text, err=True)


class Fault(click.ClickException):
    """What the world does not let us do, told in one line: exit 1."""

    exit_code = PROBLEMS

    def show(self, file: object = None) -> None:
        """Print the line."""
        del file
        click.echo(f"error: {self.format_message()}", err=True)


class CannotTell(click.ClickException):
    """There is no answer, so no verdict: exit 4."""

    exit_code = CANNOT_TELL

    def show(self, file: object = None) -> None:
        """Print the line."""
        del file
        click.echo(f"cannot tell: {self.format_message()}", err=True)


def coloured(stream: object = None) -> bool:
    """Whether `stream`, stderr by default, takes colours and `NO_COLOR` is not set.

    Source: no-color.org: any value but the empty one counts.
    """
    stream = sys.stderr if stream is None else stream
    isatty = getattr(stream, "isatty", None)
    return not os.environ.get("NO_COLOR") and isatty is not None and bool(isatty())
