"""How often chance alone fires a tier.

The model: bad events arrive at random (a Poisson process) on a service that spends exactly
its budget, burn 1, the worst that still is healthy. An alert starts whenever an arrival lifts
all windows to their thresholds at once; that rate is exact for sliding windows. What the
model leaves out: bursts, which make every estimate too low, and evaluation in steps, which
makes it too high.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Final

from slo.model import Tier, TierForm

MONTH_SECONDS: Final = 30 * 24 * 3600
_SPREAD: Final = 12
"""Standard deviations beyond which a Poisson probability is taken as 0 (below 1e-30)."""


def false_alerts(tier: Tier, bad_per_second: Fraction) -> float:
    """Expected alerts of `tier` in 30 days on a service that burns at exactly 1.

    Args:
        tier: Its thresholds and its `min_bad_events` are respected.
        bad_per_second: The whole budget spent evenly: traffic times budget, above 0.

    Source: up-crossings of a joint threshold by two nested sliding counts of one Poisson
    process; for a held alert, the chance of that many independent windows in a row.
    """
    rate = float(bad_per_second)
    if tier.form is TierForm.SUSTAINED:
        return _held(tier, rate)
    long_mean = rate * tier.long.ms / 1000
    long_count = _count(tier, long_mean, float(tier.min_bad_events))
    if tier.short is None:
        crossings = rate * _pmf(long_count - 1, long_mean)
    else:
        short_mean = rate * tier.short.ms / 1000
        short_count = _count(tier, short_mean, 0)
        crossings = rate * _joint(short_mean, long_mean, short_count, long_count)
    alerts = crossings * MONTH_SECONDS
    return alerts / (1 + alerts * tier.keep_firing_for.ms / 1000 / MONTH_SECONDS)


def least_events(tier: Tier, bad_per_second: Fraction, allowed: Fraction) -> int:
    """The smallest minimum of bad events at which chance fires at most `allowed` a month.

    It is never below the minimum that `tier` has.
    """
    mean = float(bad_per_second) * gate_seconds(tier)
    limit = float(allowed)
    if false_alerts(tier, bad_per_second) <= limit:
        return math.ceil(tier.min_bad_events)
    low, high = math.ceil(tier.min_bad_events), int(mean + _reach(mean)) + 50
    while low < high:
        middle = (low + high) // 2
        asking = replace(tier, min_bad_events=Fraction(middle))
        if false_alerts(asking, bad_per_second) <= limit:
            high = middle
        else:
            low = middle + 1
    return low


def gate_seconds(tier: Tier) -> int:
    """Seconds that `min_bad_events` is meant for: the long window, or what the tier holds.

    A held tier asks for that pace all the time, so that the count is reached when it fires
    and waiting for it does not come on top of the hold.
    """
    return max(tier.long.ms, tier.hold.ms) // 1000


def _count(tier: Tier, mean: float, least: float) -> int:
    """Bad events that a window needs: more than burn times what is usual, and `least`."""
    return max(math.floor(float(tier.burn) * mean) + 1, math.ceil(least), 1)


def _held(tier: Tier, rate: float) -> float:
    """A ratio that must stay above: that many independent windows in a row."""
    window = tier.long.ms / 1000
    hold = tier.hold.ms / 1000
    least = float(tier.min_bad_events) * window / hold
    above = _tail(_count(tier, rate * window, least), rate * window)
    return float(MONTH_SECONDS / (hold + window) * above ** (1 + hold / window))


def _joint(short_mean: float, long_mean: float, short: int, long: int) -> float:
    """Chance that the next arrival lifts both counts to their thresholds, and one was below."""
    rest_mean = long_mean - short_mean
    by_short = _pmf(short - 1, short_mean) * _tail(long - short, rest_mean)
    reach = _reach(rest_mean)
    first = max(short, math.floor(long - 1 - rest_mean - reach))
    last = min(
        long - 1,
        math.ceil(short_mean + _reach(short_mean)),
        math.ceil(long - 1 - rest_mean + reach),
    )
    by_long = math.fsum(
        _pmf(count, short_mean) * _pmf(long - 1 - count, rest_mean)
        for count in range(first, last + 1)
    )
    return by_short + by_long


def _reach(mean: float) -> float:
    """How far from its mean a count is ever found."""
    return _SPREAD * math.sqrt(mean) + 20


def _pmf(count: int, mean: float) -> float:
    if count < 0:
        return 0.0
    if mean <= 0:
        return 1.0 if count == 0 else 0.0
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


def _tail(count: int, mean: float) -> float:
    """P(X >= count), from the side where there is less to add."""
    if count <= max(0.0, mean - _reach(mean)):
        return 1.0
    if count > mean + _reach(mean):
        return 0.0
    if count <= mean:
        return max(0.0, 1.0 - _sum(count - 1, mean, -1))
    return _sum(count, mean, 1)


def _sum(count: int, mean: float, step: int) -> float:
    """Chances of `count` and of all counts beyond it, upwards or downwards, away from the mean."""
    term = total = _pmf(count, mean)
    while count > 0 or step > 0:
        term *= mean / (count + 1) if step > 0 else count / mean
        count += step
        total += term
        if term <= total * 1e-17:
            break
    return total
