"""`sloctl status`: budget left, burn, and when the budget ends, for every SLO."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from slo.ask import Prometheus
from slo.cli.asking import answers, clean, prometheus_option
from slo.cli.standing import Standing, standings
from slo.cli.state import FINE, CannotTell, State
from slo.cli.table import show
from slo.percent import percent
from slo.spec.problems import nearest

_HEADINGS = ("SLO", "objective", "window", "budget left", "burn 1h", "at this pace spent", "alerts")
_BELOW = ("alerts", "window", "objective", "at this pace spent")
_YEAR_SECONDS = 365 * 86_400
_CLEAR = "\x1b[H\x1b[2J"


@click.command("status")
@prometheus_option()
@click.option("--slo", "wanted", multiple=True, metavar="ID", help="Only this SLO; repeatable.")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(min=1, max=3600),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="How often, with --watch.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.pass_obj
def status(
    state: State,
    prometheus: Prometheus,
    wanted: tuple[str, ...],
    watch: bool,
    every: float,
    form: str,
) -> int:
    """Show how every SLO stands, the least budget first.

    Exits 0 when there is something to show, whatever it is; 4 when the server does not
    answer or records no SLO. For a verdict see `sloctl gate`.
    """
    del state
    if not watch:
        _show(_asked(prometheus, wanted), form)
        return FINE
    while True:
        try:
            found = _asked(prometheus, wanted)
        except CannotTell as error:
            error.show()
        else:
            if form == "text" and sys.stdout.isatty():
                click.echo(_CLEAR, nl=False)
            _show(found, form)
        time.sleep(every)


def _asked(server: Prometheus, wanted: Sequence[str]) -> list[Standing]:
    with answers():
        found = standings(server)
    if not found:
        msg = f"{server.url} records no SLO: are the generated rules loaded?"
        raise CannotTell(msg)
    for slo_id in wanted:
        if slo_id not in {one.slo_id for one in found}:
            hint = nearest(slo_id, (one.slo_id for one in found))
            msg = f"no SLO is called {slo_id!r}, {hint}"
            raise CannotTell(msg)
    return [one for one in found if not wanted or one.slo_id in wanted]


def _show(found: list[Standing], form: str) -> None:
    if form == "json":
        click.echo(json.dumps({"slos": [_plain(one) for one in found]}, indent=2))
        return
    show(_HEADINGS, [_row(one) for one in found], _BELOW)


def _plain(one: Standing) -> dict[str, object]:
    return {
        "slo_id": one.slo_id,
        "by": dict(one.by),
        "objective_percent": one.objective,
        "window": one.window,
        "team": one.team,
        "budget_left": one.left,
        "burn_rate": one.burn,
        "exhausted_in_seconds": one.ends_in,
        "exhausted_at": None if one.ends_in is None else _moment(one.ends_in),
        "firing": list(one.firing),
    }


def _row(one: Standing) -> list[str]:
    by = ", ".join(f"{key}={text}" for key, text in sorted(one.by.items()))
    return [
        clean(f"{one.slo_id} ({by})" if by else one.slo_id),
        clean(f"{one.objective} %" if one.objective else "unknown"),
        clean(one.window or "unknown"),
        "unknown" if one.left is None else percent(one.left, 4),
        "unknown" if one.burn is None else f"{one.burn:.3g}x",
        _ends(one),
        clean(", ".join(one.firing)),
    ]


def _ends(one: Standing) -> str:
    if one.left is not None and one.left <= 0:
        return "spent"
    if one.ends_in is None:
        return "unknown" if one.burn is None or one.left is None else "never"
    if one.ends_in > _YEAR_SECONDS:
        return "in more than a year"
    return _moment(one.ends_in) or "never"


def _moment(seconds: float) -> str | None:
    """The moment so many seconds from now, to the minute, UTC; None beyond all calendars."""
    try:
        moment = datetime.fromtimestamp(time.time() + seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%MZ")


COMMAND = status
