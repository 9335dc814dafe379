"""`collector why`: what was decided about one trace, by whom, and on what facts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final, NoReturn

import click

from collectors.cli.progress import Progress
from collectors.cli.traces import find, is_snapshot_unread, matching, work_bytes
from collectors.cli.why_words import as_json, as_text
from collectors.service.storage import DECISIONS, LOGS

_DIGITS: Final = 32
_LEAST_DIGITS: Final = 8
_UNKNOWN_EXIT: Final = 4
_UNREAD: Final = (
    "collector: the snapshot cannot be read (damaged, or of another version): "
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
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
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
        _stop(f"{data} has no decision log: no tail_sampling has run here") if is_data else _stop(
            f"{data} is not a data directory"
        )
    wanted = _resolved(_digits(trace_id), data)
    progress = Progress("looking", work_bytes(data, inbox=spans))
    found = find(data, wanted, inbox=spans, passed=progress.passed)
    progress.close()
    if found.is_snapshot_unread:
        click.echo(_UNREAD, err=True)
    click.echo(as_json(found) if form == "json" else as_text(found))
    if not found.is_known:
        sys.exit(_UNKNOWN_EXIT)


def _digits(text: str) -> str:
    """The hexadecimal digits of an id as somebody wrote it; exits with 2 if it is none."""
    plain = text.strip().lower().replace("-", "").removeprefix("0x")
    wrong = re.search("[^0-9a-f]", plain)
    if wrong:
        _misused(f"{text}: {wrong[0]} is no hexadecimal digit; a trace id has {_DIGITS} of them")
    if not _LEAST_DIGITS <= len(plain) <= _DIGITS:
        few = f", at least the first {_LEAST_DIGITS}" if len(plain) < _DIGITS else ""
        _misused(f"{text} has {len(plain)} digits; a trace id has {_DIGITS}{few}")
    if not plain.strip("0") and len(plain) == _DIGITS:
        _misused("an id of zeros is none: spans without a trace id are kept, and not decided on")
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
        _stop(f"no trace that is known here begins with {digits}", _UNKNOWN_EXIT)
    some = "".join(f"\n  {one.hex()}" for one in found)
    return _misused(f"several traces begin with {digits}:{some}")


def _stop(line: str, code: int = 1) -> NoReturn:
    click.echo(f"collector: {line}", err=True)
    sys.exit(code)


def _misused(line: str) -> NoReturn:
    _stop(line, 2)
