"""The tests of one SLO while something around it changes: labels, and planned work.

Where no raw series are known that mean a good and a bad event, planned work is proven on a
stand-in for the SLI: the rules around it are the same, word for word, which the links between
the files prove. A change of labels is then seen as far as the recorded rates go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from slo import names
from slo.emit.proving.scenario import Phase, metric
from slo.emit.proving.subject import (
    BUSY,
    WINDOW,
    Subject,
    expect,
    fire_seconds,
    fires,
    identity,
    is_short,
    silent,
    unit_test,
)
from slo.emit.yaml import Value
from slo.model import AlertRule, Rolling, Sli, SliKind, Slo, Tier

_LABEL: Final = "relabelled"
"""A label that no SLI names."""
EXCLUDED: Final = (1200, 1800)
"""First and last second of the planned work in a test, an evaluation at any interval of rules."""
_FINE: Final = 2.0**-13
"""What a share of a budget is rounded to: a power of two, so that 1 stays exactly 1."""
_LONG: Final = 10_000
"""Seconds that a series may last beyond its test."""


def stand_in(slo: Slo) -> Slo:
    """`slo` with events that raw series tell, in place of its own."""
    by = f" by ({', '.join(sorted(slo.by))}) " if slo.by else ""
    errors, total = (f"sum{by}(rate({series}[$window]))" for series in names.STAND_INS)
    return replace(slo, sli=Sli(SliKind.EVENTS, errors, total))


def relabelled(subject: Subject) -> Iterator[Value]:
    """Targets come back with another label, as the SLO does with another description.

    No event counts twice, none is lost, and the alert is one alert.
    """
    chosen = _fastest(subject)
    if chosen is None:
        return
    if not subject.feed.raw:
        yield _described_anew(subject, *chosen)
        return
    tier, rule = chosen
    before, after = subject.healthy, subject.after(WINDOW, 2)
    start = before + after
    end = start + subject.ceil(fire_seconds(subject, tier, start))
    gone, good = Phase(before, BUSY, gone=True), Phase(after, BUSY)
    bad = Phase(end - start, BUSY, subject.feed.worst)
    old = [Phase(before, BUSY), Phase(end - before, BUSY, gone=True)]
    inputs = [
        *subject.series(old, more={_LABEL: "before"}),
        *subject.series([gone, good, bad], more={_LABEL: "after"}),
        _described_before(subject),
    ]
    total = f"{names.SLI_TOTAL}:rate5m"
    rate = f"round({identity(subject, total)} / {int(BUSY)}, 0.5)"
    checks = [
        silent(subject, start),
        expect(rate, start, (identity(subject), 1)),
        fires(rule, end, subject),
        expect(rate, end, (identity(subject), 1)),
    ]
    yield unit_test(subject, "relabelled", inputs, checks)


def excluded(subject: Subject) -> Iterator[Value]:
    """All fails while planned work is left out: no budget is used, during it or right after.

    A failure after it is one again.

    Args:
        subject: Of an SLO whose only excluded span is `EXCLUDED`.
    """
    chosen = _fastest(subject)
    start, end = EXCLUDED
    after = subject.after(2 * WINDOW, 1)
    worst = subject.feed.worst
    phases = [Phase(start, BUSY), Phase(end - start, BUSY, worst), Phase(after, BUSY)]
    again = end + after
    untouched = (start + WINDOW, end, end + WINDOW, again)
    errors = f"{names.SLI_ERRORS}:rate5m"
    checks = [
        expect(identity(subject, errors), end, (identity(subject, errors), 0)),
        *(silent(subject, subject.ceil(moment)) for moment in untouched),
    ]
    left = f"round({identity(subject, names.BUDGET_REMAINING)}, {_FINE})"
    if isinstance(subject.slo.window, Rolling):
        checks += [
            expect(left, subject.ceil(moment), (identity(subject), 1)) for moment in untouched
        ]
    if chosen is not None:
        tier, rule = chosen
        fired = again + subject.ceil(fire_seconds(subject, tier, again))
        phases.append(Phase(fired - again, BUSY, worst))
        checks.append(fires(rule, fired, subject))
    yield unit_test(subject, "planned work", subject.series(phases), checks)


def _described_anew(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    """The rates go on, and the SLO has another description: the alert is one alert."""
    start = subject.healthy
    end = subject.ceil(start + fire_seconds(subject, tier))
    phases = [Phase(start, BUSY), Phase(end - start, BUSY, subject.feed.worst)]
    inputs = [*subject.series(phases), _described_before(subject)]
    checks = [silent(subject, start), fires(rule, end, subject)]
    return unit_test(subject, "described anew", inputs, checks)


def _fastest(subject: Subject) -> tuple[Tier, AlertRule] | None:
    """The first tier that does not hold for hours."""
    return next((each for each in subject.tier_rules() if is_short(each[0])), None)


def _described_before(subject: Subject) -> Value:
    """The SLO as it was described until now: nothing may be joined with it."""
    told = {"slo_id": subject.slo.slo_id, _LABEL: "before"}
    return {"series": metric(names.INFO, told), "values": f"1+0x{_LONG // subject.sample}"}
