"""`sloctl gate`: whether there is budget enough to deploy."""

from __future__ import annotations

import math
import re

import click

from slo import names
from slo.ask import Prometheus, RefusedError, UnreachableError
from slo.cli.asking import clean, prometheus_option
from slo.cli.state import CANNOT_TELL, FINE, PROBLEMS, CannotTell, State
from slo.exact import Ratio
from slo.percent import percent
from slo.spec.problems import nearest

_FIRST_TILES = "15m"
"""By then what events there are stand in tiles of five minutes, and in the budget."""
_ID = re.compile(r"[A-Za-z0-9_.-]+")


def _share(_ctx: click.Context, _param: click.Parameter, value: str) -> Ratio:
    """``10%`` or ``10``: percent of the budget."""
    try:
        return Ratio.from_percent(value.strip().removesuffix("%"))
    except ValueError as error:
        msg = f"a share of the budget is 0% to 100%, got {value!r}"
        raise click.BadParameter(msg) from error


@click.command("gate")
@prometheus_option()
@click.option("--slo", "wanted", multiple=True, required=True, metavar="ID", help="Repeatable.")
@click.option(
    "--min-budget",
    callback=_share,
    default="0%",
    show_default=True,
    metavar="PERCENT",
    help="Share of the budget that must be left.",
)
@click.option(
    "--on-unknown",
    type=click.Choice(["pass", "fail"]),
    help="What to do when nobody can tell; without it: exit 4.",
)
@click.pass_obj
def gate(
    state: State,
    prometheus: Prometheus,
    wanted: tuple[str, ...],
    min_budget: Ratio,
    on_unknown: str | None,
) -> int:
    """Exit 0 when every SLO named has at least --min-budget left, 1 when one has not.

    Of an SLO with several budgets the emptiest decides. When the server does not answer or
    knows no budget: exit 4, or as --on-unknown says.
    """
    spent = unknown = False
    for slo_id in wanted:
        try:
            left = _left(prometheus, slo_id)
        except CannotTell as error:
            unknown = True
            error.show()
            continue
        enough = left >= float(min_budget.value) and left > 0
        spent = spent or not enough
        verdict = "passes" if enough else "too little"
        words = f"{slo_id}: {percent(left, 4)} of the budget is left, {verdict}"
        state.say(f"{words} ({min_budget.percent()} % needed)")
    if spent:
        return PROBLEMS
    if not unknown:
        return FINE
    return {"pass": FINE, "fail": PROBLEMS, None: CANNOT_TELL}[on_unknown]


def _left(server: Prometheus, slo_id: str) -> float:
    """What is left of the emptiest budget of `slo_id`."""
    if not _ID.fullmatch(slo_id):
        msg = f"no SLO can be called {slo_id!r}"
        raise CannotTell(msg)
    try:
        found = server.instant(f'{names.BUDGET_REMAINING}{{slo_id="{slo_id}"}}')
        numbers = [series.value for series in found]
        if not numbers or any(math.isnan(number) for number in numbers):
            raise CannotTell(_why(slo_id, server))
    except (UnreachableError, RefusedError) as error:
        raise CannotTell(str(error)) from error
    return min(numbers)


def _why(slo_id: str, server: Prometheus) -> str:
    known = sorted({series.labels.get("slo_id", "") for series in server.instant(names.INFO)})
    if not known:
        return "this Prometheus records no SLO: its rules are not loaded, or were not run yet"
    if slo_id not in known:
        return clean(f"no SLO is called {slo_id!r}, {nearest(slo_id, known)}")
    chosen = f'{{slo_id="{slo_id}"}}'
    if server.instant(f"{names.INFO}{chosen} offset {_FIRST_TILES}"):
        return f"{slo_id} has no budget that is known: no event was measured in its window"
    if server.instant(f"{names.SLI_TOTAL}:rate5m{chosen} > 0"):
        return f"{slo_id} has events, and no budget yet: its rules run for less than {_FIRST_TILES}"
    return f"{slo_id} has no budget yet: its rules run for less than {_FIRST_TILES}, wait for them"


COMMAND = gate
