"""`sloctl explain`: what an SLO's alerts mean in time and money, or what a code means."""

from __future__ import annotations

import re
from pathlib import Path

import click

from slo.cli.codes import known_codes, page
from slo.cli.reading import read_paths
from slo.cli.report import report
from slo.cli.state import FINE, PROBLEMS, Fault, State
from slo.cli.tiers import show
from slo.model import Slo
from slo.spec.problems import nearest

_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")


@click.command("explain")
@click.argument("target", metavar="PATH|CODE")
@click.argument("slo", required=False)
@click.pass_obj
def explain(state: State, target: str, slo: str | None) -> int:
    """Explain the alerts of one SLO or of all in PATH; or a message's CODE, as SLO012.

    For an SLO: each tier with what it takes to fire, how long that takes and how much of
    the budget is spent by then, and how often chance alone would fire it.
    """
    if _CODE.fullmatch(target.upper()) and not Path(target).exists():
        click.echo(_page(target.upper()))
        return FINE
    if target != "-" and not Path(target).exists():
        msg = (
            f"{target!r} is neither a path nor a code such as SLO012; "
            "an SLO is named after the path: sloctl explain slos/ NAME"
        )
        raise click.BadParameter(msg)
    reading = read_paths([target])
    report([p for p in reading.problems if p.level == "error"], reading.sources, state)
    if reading.project is None:
        return PROBLEMS
    for each in _chosen(reading.project.slos, slo):
        show(each)
    return FINE


def _chosen(slos: tuple[Slo, ...], wanted: str | None) -> tuple[Slo, ...]:
    if not slos:
        msg = "no SLO is there to be explained"
        raise Fault(msg)
    if wanted is None:
        return slos
    found = tuple(slo for slo in slos if wanted in {slo.slo_id, slo.name, slo.catalog_id})
    if not found:
        hint = nearest(wanted, (slo.slo_id for slo in slos))
        msg = f"no SLO is called {wanted!r}, {hint}"
        raise Fault(msg)
    return found


def _page(code: str) -> str:
    text = page(code)
    if text is None:
        msg = f"no message has the code {code}, {nearest(code, known_codes())}"
        raise Fault(msg)
    return text.rstrip()


COMMAND = explain
