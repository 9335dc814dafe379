"""What keeps a command from its work is told in one way: on stderr, `error: `, in one line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Final

import click

from slo.cli.state import PROBLEMS

_CLICK_ERROR: Final = re.compile(r"^Error: ", re.MULTILINE)
_NO_COMMAND: Final = re.compile(r"No such command '(.+)'\.")
_EXTRA: Final = re.compile(r"Got unexpected extra argument \((.+)\)")
_INTERRUPTED: Final = 130


def told(call: Callable[[], object]) -> int:
    """Call a command that is not standalone, and tell what it raises.

    Returns:
        The exit code: that of the exception, 1 for what the operating system refuses, 130 for
        an interruption, otherwise what the command returns.
    """
    try:
        result = call()
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        click.echo(f"error: {error.filename or 'input or output'}: {words}", err=True)
        return PROBLEMS
    return result if isinstance(result, int) else 0


def _show(error: click.ClickException) -> None:
    """Tell a problem on stderr, click's own as ours are told: `error: `, in lower case."""
    told_by_click = io.StringIO()
    error.show(told_by_click)  # ours print by themselves
    words = _CLICK_ERROR.sub("error: ", told_by_click.getvalue(), count=1)
    if isinstance(error, click.UsageError):
        words = f"{words.rstrip()}{_way_out(error)}\n"
    click.echo(words, nl=False, err=True)


def _way_out(error: click.UsageError) -> str:
    """What click does not say: the command of a lazy group that was meant, where a file belongs."""
    command = error.ctx and error.ctx.command
    wrong = _NO_COMMAND.fullmatch(error.message)
    if wrong and error.ctx and isinstance(command, click.Group) and not command.commands:
        near = get_close_matches(wrong[1], command.list_commands(error.ctx), 1)
        return f" Did you mean '{near[0]}'?" if near else ""
    extra = _EXTRA.fullmatch(error.message)
    if extra and command and any("--config" in option.opts for option in command.params):
        return f": a file is given as --config {extra[1]}"
    return ""
