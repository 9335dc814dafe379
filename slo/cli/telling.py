"""What keeps a command from its work is told in one way: on stderr, `error: `, in one line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Final

import click

from slo.cli.state import PROBLEMS

_CLICK_ERROR: Final = re.compile(r"^Error: ", re.MULTILINE)
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
    click.echo(_CLICK_ERROR.sub("error: ", told_by_click.getvalue(), count=1), nl=False, err=True)
