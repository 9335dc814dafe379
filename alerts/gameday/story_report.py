"""What a long story has shown: a summary for who answers for it, then chapters and budgets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from alerts.gameday import report
from alerts.gameday.runner import FINE
from alerts.gameday.virtual.budgets import TOLERANCE, Budget, Closed
from alerts.gameday.virtual.telling import Ending
from slo.plural import plural

_BUDGETS = (
    "| SLO | budget | window | left | bad | off |",
    "|---|---|---|---:|---:|---:|",
)


def markdown(ending: Ending) -> str:
    """The whole report."""
    lines = [f"# Game day: {ending.tale.title}", "", *_summary(ending), ""]
    lines += ["## Chapters", "", *report.table(ending.outcomes), ""]
    lines += ["## Budgets", "", *_words(), "", *_BUDGETS]
    lines += [_row(each) for each in ending.budgets if each.by == "" or each.true > 0]
    lines += ["", "## Deploy gate", "", *_gates(ending)]
    return "\n".join(lines) + "\n"


def passed(ending: Ending) -> bool:
    """Every chapter came out as it must, and every budget is true."""
    return all(each.passed for each in ending.outcomes)


def _summary(ending: Ending) -> Iterator[str]:
    """What somebody who reads no table must know."""
    good = sum(each.passed for each in ending.outcomes)
    found = [one for each in ending.outcomes for one in each.found]
    met = sum(one.verdict in FINE for one in found)
    yield (
        f"{good} of {plural(len(ending.outcomes), 'chapter')} came out as they must: "
        f"{met} of {plural(len(found), 'alert')} in time and at the right team, and no other."
    )
    for what, counts in (("Pages", ending.pages), ("Tickets", ending.tickets)):
        yield f"- {what}: {_counted(counts)}."
    spent = [each for each in ending.budgets if each.window.name != "month" and each.left <= 0]
    emptied = ", ".join(_named(each) for each in spent) or "none"
    yield f"- Budgets spent at the end: {emptied}."
    worst = max(ending.budgets, key=lambda each: each.error)
    yield (
        f"- {len(ending.budgets)} budgets, over the last days and over the calendar's month, are "
        f"those of the simulator's books to {worst.error:.2%} (allowed {TOLERANCE:.1%})."
    )
    lasting = sum(ending.seconds.values())
    parts = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in ending.seconds.items())
    yield f"- {ending.samples / 1e6:.1f} million samples in {lasting:.0f} s: {parts}."
    for each in ending.outcomes:
        if not each.passed:
            yield f"- **{each.scenario.id}**: {report.reason(each)}"


def _words() -> Iterator[str]:
    yield (
        "*Left* is what Prometheus has recorded, *bad* the minutes of the window as far as they "
        "were bad, *off* the distance to the simulator's books as a share of what is spent. "
        "Budgets of which a part was spent; of the others nothing was."
    )


def _row(each: Budget) -> str:
    bad = "-" if math.isnan(each.measured) else f"{each.bad_minutes:.0f} min"
    cells = (each.slo, each.by, each.window.name, f"{each.left:.1%}", bad, f"{each.error:.2%}")
    return f"| {' | '.join(cells)} |"


def _gates(ending: Ending) -> Iterator[str]:
    yield "`sloctl gate`, asked every hour, would have refused deployments:"
    yield ""
    if not ending.gates:
        yield "- never"
    for each in ending.gates:
        hours = (each.end - each.begin) / 3600 + 1
        yield f"- {_gate(each)}: from {_moment(each.begin)} on, for {plural(round(hours), 'hour')}"


def _gate(each: Closed) -> str:
    return f"{each.slo} ({each.by})" if each.by else each.slo


def _named(each: Budget) -> str:
    name = f"{each.slo} ({each.by})" if each.by else each.slo
    return f"{name} {each.left:.0%}"


def _counted(counts: Counter[str]) -> str:
    told = (f"{team} {count}" for team, count in sorted(counts.items()))
    return ", ".join(told) or "none"


def _moment(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%-d %B, %H:%M}"
