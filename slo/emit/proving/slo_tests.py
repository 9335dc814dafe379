"""The tests of one SLO: it fires in time at each tier, and is silent whenever it should be.

A test is short. A young series has a young history, so a window of three days fills in
minutes; times are computed for exactly that history.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Final

from slo import names
from slo.emit.proving.change_tests import relabelled
from slo.emit.proving.scenario import GROUPS, Phase, metric
from slo.emit.proving.subject import (
    BUSY,
    WINDOW,
    Subject,
    alerts,
    expect,
    fire_seconds,
    fires,
    identity,
    is_short,
    lag,
    reset_seconds,
    silent,
    traffic,
    unit_test,
)
from slo.emit.yaml import Value
from slo.exact import Duration
from slo.model import AlertRule, Tier, TierForm
from slo.policy import gate_seconds
from slo.rules.burn import IDLE

_TOLD: Final = 900
"""Seconds until it is told that traffic or the signal is gone: a window, and ten minutes more."""
_SHORT_RESET: Final = 900
_BELOW: Final = Fraction(9, 10)
_ABOVE: Final = Fraction(11, 10)


def slo_tests(subject: Subject) -> Iterator[Value]:
    """The tests of the SLO that an hour is enough for."""
    yield _signal(subject)
    yield from relabelled(subject)
    if not subject.slo.alerting.tiers:
        return
    if any(is_short(tier) for tier in subject.slo.alerting.tiers):
        yield _outage(subject)
    for tier, rule in subject.tier_rules():
        yield _just_below(subject, tier, rule)
        yield _just_above(subject, tier, rule)
    if all(tier.min_bad_events > 1 for tier in subject.slo.alerting.tiers):
        yield _few_events(subject)


def long_tests(subject: Subject) -> Iterator[Value]:
    """The tests of tiers that hold for hours, for coarse steps: they last as long as the hold."""
    for tier, rule in subject.tier_rules():
        if not is_short(tier):
            yield _held(subject, tier, rule)


def _held(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    """A total outage keeps the alert pending for all of its hold, and fires it then."""
    told = subject.ceil(subject.healthy + fire_seconds(subject, tier))
    waits = int((subject.healthy + tier.hold.total_seconds) // subject.step * subject.step)
    phases = [
        Phase(subject.healthy, BUSY),
        Phase(told - subject.healthy, BUSY, subject.feed.worst),
    ]
    checks = [
        silent(subject, subject.healthy),
        expect(alerts(rule, "firing"), waits),
        fires(rule, waits, subject, "pending"),
        fires(rule, told, subject),
    ]
    return unit_test(subject, f"{tier.name}, held", subject.series(phases), checks)


def _signal(subject: Subject) -> Value:
    """Good events only, then none, then no series at all."""
    idle, lost = subject.rule(IDLE), subject.rule(names.SIGNAL_LOST)
    healthy, gone = subject.healthy, subject.after(_TOLD, 2)
    quiet = subject.after(_TOLD, 6) if idle else subject.after(WINDOW, 4)
    phases = [
        Phase(healthy, BUSY),
        Phase(quiet, Fraction(0)),
        Phase(gone, Fraction(0), gone=True),
    ]
    errors_name, ratio_name = f"{names.SLI_ERRORS}:rate5m", names.error_ratio("5m")
    errors = metric(errors_name, {"slo_id": subject.slo.slo_id})
    ratio = metric(ratio_name, {"slo_id": subject.slo.slo_id})
    quiet_end = healthy + quiet
    checks = [
        expect(errors, healthy, (identity(subject, errors_name), 0)),
        expect(ratio, healthy, (identity(subject, ratio_name), 0)),
        silent(subject, healthy),
        expect(ratio, quiet_end),
        fires(idle, quiet_end, subject) if idle else silent(subject, quiet_end),
    ]
    if lost is not None:
        checks.append(expect(alerts(lost, "firing"), quiet_end + 540))
    if lost is not None and not subject.feed.lasting:
        checks.append(fires(lost, quiet_end + gone, subject))
    if lost is None and not subject.feed.lasting:
        checks.append(silent(subject, quiet_end + gone))
    inputs = subject.series(phases, errors=False)
    return unit_test(subject, "no errors, no traffic, no signal", inputs, checks)


def _outage(subject: Subject) -> Value:
    """All events turn bad: every tier fires in its time, for this budget only."""
    start = subject.healthy
    tiers = [(tier, rule) for tier, rule in subject.tier_rules() if is_short(tier)]
    fired = [(rule, subject.ceil(start + fire_seconds(subject, tier))) for tier, rule in tiers]
    end = max(moment for _, moment in fired)
    resets = [
        (rule, subject.ceil(end + seconds))
        for tier, rule in tiers
        if (seconds := reset_seconds(subject, tier)) <= _SHORT_RESET
    ]
    tail = max((moment for _, moment in resets), default=end) - end
    phases = [Phase(start, BUSY), Phase(end - start, BUSY, subject.feed.worst)]
    if tail:
        phases.append(Phase(tail, BUSY))
    inputs = subject.series(phases)
    if subject.slo.by:
        healthy = [Phase(end + tail, 10 * BUSY)]
        inputs.extend(subject.series(healthy, GROUPS[1]))
    checks = [silent(subject, start)]
    checks.extend(fires(rule, moment, subject) for rule, moment in fired)
    checks.extend(expect(alerts(rule), moment) for rule, moment in resets)
    return unit_test(subject, "total outage", inputs, checks)


def _just_below(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    bad = _below(tier)
    seconds = subject.after(WINDOW, 6)
    phases = [Phase(seconds, traffic(tier), bad)]
    checks = [expect(alerts(rule), seconds)]
    return unit_test(subject, f"{tier.name}, just below", subject.series(phases), checks)


def _just_above(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    bad = _above(tier, subject.feed.worst)
    waits = tier.hold if is_short(tier) else Duration(0)
    needs = WINDOW + lag(subject, tier) + waits.total_seconds
    seconds = subject.ceil(needs)
    phases = [Phase(seconds, traffic(tier), bad)]
    state = "firing" if waits == tier.hold else "pending"
    checks = [fires(rule, seconds, subject, state)]
    return unit_test(subject, f"{tier.name}, just above", subject.series(phases), checks)


@lru_cache(maxsize=1024)
def _below(tier: Tier) -> Fraction:
    return tier.threshold.value * _BELOW


@lru_cache(maxsize=1024)
def _above(tier: Tier, worst: Fraction) -> Fraction:
    threshold = tier.threshold.value
    return min(threshold * _ABOVE, (threshold + worst) / 2)


@lru_cache(maxsize=1024)
def _few(tiers: tuple[Tier, ...], seconds: int) -> Fraction:
    """Events per second of which half of the least minimum comes in `seconds`."""
    return min(
        tier.min_bad_events
        / 2
        / max(gate_seconds(tier) if tier.form is TierForm.SUSTAINED else 0, seconds)
        for tier in tiers
    )


def _few_events(subject: Subject) -> Value:
    """Everything is bad, and it is too little to wake somebody.

    Beside it a busy budget has bad events in plenty, and keeps its objective.
    """
    seconds = subject.healthy
    rate = _few(subject.slo.alerting.tiers, seconds)
    checks = [silent(subject, seconds)]
    if subject.feed.worst == 1:
        ratio = identity(subject, names.error_ratio("5m"))
        checks.append(expect(f"round({ratio}, 0.001)", seconds, (identity(subject), 1)))
    inputs = subject.series([Phase(seconds, rate, subject.feed.worst)])
    if subject.slo.by:
        some = min(tier.threshold.value for tier in subject.slo.alerting.tiers) / 2
        inputs.extend(subject.series([Phase(seconds, 100 * BUSY, some)], GROUPS[1]))
    return unit_test(subject, "few events, all bad", inputs, checks)
