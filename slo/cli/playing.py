"""What commands that replay a past have in common: its time, its server, and its failures."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import click

from slo.ask import Prometheus
from slo.cli.asking import answers
from slo.cli.state import CannotTell, Fault
from slo.exact import Duration
from slo.replay import ReplayError, TooMuchError
from slo.servers import MissingToolError, ServerError

_PATIENCE_SECONDS: Final = 300.0
_GRID_SECONDS: Final = 300
"""Stories begin and end at whole 5 minutes, as tiles do."""


def moment(text: str) -> int:
    """A moment in seconds since 1970: Unix time, ISO 8601, or a duration before now.

    Raises:
        BadParameter: None of these.
    """
    try:
        return int(time.time()) - int(Duration.parse(text).total_seconds)
    except ValueError:
        pass
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"a moment is 30d (ago), 2026-11-20T08:00:00Z or Unix seconds, got {text!r}"
        raise click.BadParameter(msg) from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def stretch(since: str, until: str | None) -> tuple[int, int]:
    """Start and end of a story, on the grid of tiles.

    Raises:
        BadParameter: It does not end after it starts.
    """
    end = moment(until) if until else int(time.time())
    start = moment(since) // _GRID_SECONDS * _GRID_SECONDS
    end = end // _GRID_SECONDS * _GRID_SECONDS
    if not 0 < start < end:
        msg = f"the past must end at least 5 minutes after it starts, got {start} to {end}"
        raise click.BadParameter(msg)
    return start, end


def reachable(server: Prometheus) -> Prometheus:
    """`server`, after it has answered; from now on with the patience that a long past needs.

    Raises:
        CannotTell: It does not answer.
    """
    with answers():
        server.instant("vector(1)")
    return replace(server, timeout_seconds=_PATIENCE_SECONDS)


@contextmanager
def played() -> Generator[None]:
    """Turn what a replay meets into exit codes: 4 where a tool or an answer is missing."""
    try:
        with answers():
            yield
    except (MissingToolError, ServerError) as error:
        raise CannotTell(str(error)) from error
    except (ReplayError, TooMuchError) as error:
        raise Fault(str(error)) from error
