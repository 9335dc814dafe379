"""An SLO under test: how it is fed, when its tiers fire, and what a test looks like.

Alerts are read from the series `ALERTS`: all labels must be as promised, annotations are for
people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil, gcd, isqrt
from typing import Final

from slo.emit.proving.scenario import GROUPS, Feed, Phase, metric
from slo.emit.yaml import Value
from slo.exact import Duration
from slo.model import AlertRule, Slo, Tier
from slo.rules.terms import SLOW_FROM, reads_raw
from slo.rules.words import filled

_MINUTE: Final = 60
WINDOW: Final = 300
"""Seconds that the shortest window looks back, and that a sum of such rates trails."""
BUSY: Final = Fraction(1000)
"""Events per second where there is traffic."""
_LONG_HOLD: Final = Duration.parse("1h")
"""Tiers that hold longer have tests of their own, in coarser steps; at the threshold it is
enough that they start to wait."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An SLO under test, its rules, and what its tests have in common.

    Attributes:
        step: Seconds between evaluations.
    """

    slo: Slo
    rules: tuple[AlertRule, ...]
    feed: Feed
    step: int

    @classmethod
    def of(cls, slo: Slo, rules: tuple[AlertRule, ...], step: Duration) -> Subject:
        """Find out how `slo` can be fed."""
        return cls(slo, rules, Feed(slo), int(step.total_seconds))

    def coarse(self, step: Duration) -> Subject:
        """The same in larger steps."""
        return replace(self, step=int(step.total_seconds))

    def ceil(self, seconds: Fraction | int) -> int:
        """The first evaluation at or after `seconds`."""
        return -int(-seconds // self.step) * self.step

    @property
    def healthy(self) -> int:
        """Seconds of good traffic before something happens: two windows of five minutes."""
        return self.ceil(2 * WINDOW)

    def after(self, seconds: int, steps: int) -> int:
        """`seconds` and some steps more, at an evaluation."""
        return self.ceil(seconds + steps * self.step)

    def series(
        self,
        phases: Sequence[Phase],
        group: str = GROUPS[0],
        *,
        errors: bool = True,
        more: Mapping[str, str] | None = None,
    ) -> list[Value]:
        """The input of one budget, a sample at each evaluation or each minute."""
        return self.feed.series(phases, group, step=self.sample, errors=errors, more=more)

    @property
    def sample(self) -> int:
        """Seconds between samples, a part of the step: a rate over five minutes needs several."""
        return self.step if self.step <= _MINUTE else gcd(self.step, _MINUTE)

    def tier_rules(self) -> Iterator[tuple[Tier, AlertRule]]:
        """The burn alerts with their tiers."""
        for rule in self.rules:
            if rule.tier is not None:
                yield rule.tier, rule

    def rule(self, name: str) -> AlertRule | None:
        """The SLO's rule called `name` that belongs to no tier, if it has one."""
        for rule in self.rules:
            if rule.name == name and rule.tier is None:
                return rule
        return None


def is_short(tier: Tier) -> bool:
    """Whether an hour is enough to prove the tier."""
    return tier.hold <= _LONG_HOLD


def fire_seconds(subject: Subject, tier: Tier, healthy: int = 0) -> Fraction:
    """Seconds of a total outage within which `tier` fires, after `healthy` good ones.

    Without a number, after those of `subject`.

    Bad events are counted from a rate over five minutes, which rises evenly: their sum grows
    with the square of the time.
    """
    before = healthy or subject.healthy
    return _fire_seconds(tier, subject.feed.worst, before, lag(subject, tier))


@lru_cache(maxsize=1024)
def _fire_seconds(tier: Tier, worst: Fraction, healthy: int, lag: int) -> Fraction:
    """Of every SLO with these numbers; exact ones take their time."""
    threshold = tier.threshold.value
    windows = [tier.long, tier.short or tier.long]
    young = threshold * healthy / (worst - threshold)
    slowest = max(min(threshold * w.total_seconds / worst, young) for w in windows)
    counted = isqrt(ceil(2 * WINDOW * tier.min_bad_events / (worst * BUSY))) + 1
    return slowest + counted + lag + tier.hold.total_seconds


def lag(subject: Subject, tier: Tier) -> int:
    """What sampling, steps and sums of smoothed rates add at most."""
    lag = 2 * subject.step
    if not reads_raw(subject.slo, tier.long):
        lag += WINDOW
    if tier.long >= SLOW_FROM:
        lag += WINDOW
    return lag


def reset_seconds(subject: Subject, tier: Tier) -> Fraction:
    """Seconds after which `tier` is silent again when all events are good again."""
    window = tier.short or tier.long
    smoothed = 0 if reads_raw(subject.slo, window) else WINDOW
    lasts = Fraction(window.ms + tier.keep_firing_for.ms, 1000)
    return lasts + smoothed + 2 * subject.step


@lru_cache(maxsize=1024)
def traffic(tier: Tier) -> Fraction:
    """Events per second at which the minimum of bad events is no obstacle within a minute."""
    return max(BUSY, tier.min_bad_events / (tier.threshold.value * 60))


def alerts(rule: AlertRule, state: str = "") -> str:
    """The query for the states of one rule's alerts; any state when none is named."""
    chosen = {"alertname": rule.name, "slo_id": rule.labels["slo_id"]}
    if "slo_tier" in rule.labels:
        chosen["slo_tier"] = rule.labels["slo_tier"]
    if state:
        chosen["alertstate"] = state
    return metric("ALERTS", chosen)


def silent(subject: Subject, seconds: int) -> Value:
    """Nothing is pending or firing for this SLO."""
    return expect(metric("ALERTS", {"slo_id": subject.slo.slo_id}), seconds)


def fires(rule: AlertRule, seconds: int, subject: Subject, state: str = "firing") -> Value:
    """Exactly one alert of `rule`, with every label that is promised."""
    by = dict.fromkeys(rule.by, GROUPS[0])
    labels = dict(rule.labels)
    for key, text in rule.labels.items():
        if "{{" in text:
            labels[key] = _told(filled(text), by)
    shown = {
        **labels,
        **by,
        "slo_id": subject.slo.slo_id,
        "alertname": rule.name,
        "alertstate": state,
    }
    return expect(alerts(rule, state), seconds, (metric("ALERTS", shown), 1))


def _told(template: str, by: Mapping[str, str]) -> str:
    for label, value in by.items():
        template = template.replace(f"{{{{ $labels.{label} }}}}", value)
    return template


def expect(query: str, seconds: int, *samples: tuple[str, int]) -> Value:
    """What `query` returns at that time."""
    return {
        "expr": query,
        "eval_time": Duration.seconds(seconds).promql(),
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
    }


def identity(subject: Subject, series: str = "") -> str:
    """The recorded `series` of the budget under test."""
    labels = {"slo_id": subject.slo.slo_id, **subject.feed.labels(GROUPS[0])}
    return metric(series, labels)


def unit_test(subject: Subject, name: str, inputs: list[Value], checks: list[Value]) -> Value:
    """A test of promtool's, named after its SLO."""
    return {
        "name": f"{subject.slo.slo_id}: {name}",
        "interval": f"{subject.sample}s",
        "input_series": inputs,
        "promql_expr_test": checks,
    }
