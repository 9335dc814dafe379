"""`collector why`: what was decided about one trace, by whom, and on what facts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import click

from collectors.cli.progress import Progress
from collectors.cli.traces import find, is_snapshot_unread, matching, work_bytes
from collectors.cli.why_words import as_json, as_text
from collectors.service.storage import DECISIONS, LOGS
from slo.cli.state import CANNOT_TELL, CannotTell, Fault

_DIGITS: Final = 32
_LEAST_DIGITS: Final = 8
_UNREAD: Final = (
    "warning: the snapshot cannot be read (damaged, or of another version): "
    "what waits and what samplers remember is not in the answer"
)


@click.command()
@click.argument("trace_id")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The data directory of the daemon, which may run.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option(
    "--spans/--no-spans", default=True, help="Look for the trace's spans in the inbox as well."
)
def why(trace_id: str, data: Path, form: str, spans: bool) -> None:
    """Explain what became of a trace, of a dropped one too.

    TRACE_ID has 32 hexadecimal digits; the first eight do, if no other trace begins with them.
    Exit code 4: nothing is known of it.
    """
    if not (data / DECISIONS).is_dir():
        is_data = any((data / name).is_dir() for name in LOGS)
        wrong = "has no decision log: no tail_sampling has run here"
        msg = f"{data} {wrong if is_data else 'is not a data directory'}"
        raise Fault(msg)
    wanted = _resolved(_digits(trace_id), data)
    progress = Progress("looking", work_bytes(data, inbox=spans))
    found = find(data, wanted, inbox=spans, passed=progress.passed)
    progress.close()
    if found.is_snapshot_unread:
        click.echo(_UNREAD, err=True)
    click.echo(as_json(found) if form == "json" else as_text(found))
    if not found.is_known:
        sys.exit(CANNOT_TELL)


def _digits(text: str) -> str:
    """The hexadecimal digits of an id as somebody wrote it; exits with 2 if it is none."""
    plain = text.strip().lower().replace("-", "").removeprefix("0x")
    wrong = re.search("[^0-9a-f]", plain)
    if wrong:
        msg = f"{text}: {wrong[0]} is no hexadecimal digit; a trace id has {_DIGITS} of them"
        raise click.UsageError(msg)
    if not _LEAST_DIGITS <= len(plain) <= _DIGITS:
        few = f", at least the first {_LEAST_DIGITS}" if len(plain) < _DIGITS else ""
        msg = f"{text} has {len(plain)} digits; a trace id has {_DIGITS}{few}"
        raise click.UsageError(msg)
    if not plain.strip("0") and len(plain) == _DIGITS:
        msg = "an id of zeros is none: spans without a trace id are kept, and not decided on"
        raise click.UsageError(msg)
    return plain


def _resolved(digits: str, data: Path) -> bytes:
    if len(digits) == _DIGITS:
        return bytes.fromhex(digits)
    found = matching(data, digits)
    if len(found) == 1:
        return found[0]
    if not found:
        if is_snapshot_unread(data):
            click.echo(_UNREAD, err=True)
        msg = f"no trace that is known here begins with {digits}"
        raise CannotTell(msg)
    some = "".join(f"\n  {one.hex()}" for one in found)
    msg = f"several traces begin with {digits}:{some}"
    raise click.UsageError(msg)
