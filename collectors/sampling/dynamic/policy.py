"""A dynamic sampler as a policy: the rate of its key decides on a trace, by its randomness."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np

from collectors.ottl.columns import Mask
from collectors.sampling.dynamic.config import (
    EmaDynamicConfig,
    EmaThroughputConfig,
    KeyConfig,
    WindowedThroughputConfig,
)
from collectors.sampling.dynamic.keys import Fields, keys_of
from collectors.sampling.dynamic.rates import EmaRates, Rates, WindowedRates
from collectors.sampling.limits import SECOND_NS
from collectors.sampling.thresholds import NEVER, threshold
from collectors.sampling.votes import Asking, Vote, by_chance, composed, nothing

_PRECISION: Final = 4  # digits of a threshold, as the probabilistic sampler has it


class Dynamic:
    """Traces, one in so many of their key."""

    has_memory = True

    def __init__(self, config: KeyConfig, fields: Fields, rates: Rates) -> None:
        self._places = [fields.place(name) for name in config.field_list]
        self._by_length = config.use_trace_length
        self._rates = rates

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """By the rates as they stand, after the traces in `rows` have been counted."""
        if asking.is_alone or not rows.any():
            return nothing(rows)
        facts = asking.facts
        keys = keys_of(facts, self._places, by_length=self._by_length)[rows]
        distinct, of = np.unique(keys, return_inverse=True)
        counts = np.zeros(len(distinct), np.int64)
        np.add.at(counts, of, facts.spans[rows])
        listed: list[int] = distinct.tolist()
        rates = self._rates.see(dict(zip(listed, counts.tolist(), strict=True)), asking.steady_ns)
        shares = [1 / Fraction(rates[key]) for key in listed]
        exact = np.array([threshold(share, _PRECISION) for share in shares], np.uint64)
        wanted = np.full(len(rows), NEVER, np.uint64)
        share = np.array([float(share) for share in shares])
        wanted[rows] = composed(share[of], exact[of], facts.thresholds[rows])
        return by_chance(facts, rows, wanted)

    def words(self) -> object:
        """The rates, and what they come from."""
        return self._rates.words()

    def take(self, words: object) -> None:
        """Continue with rates."""
        self._rates.take(words)


def ema_dynamic(config: EmaDynamicConfig, fields: Fields) -> Dynamic:
    """A sampler that keeps a share of all traffic."""
    rate = config.goal_sample_rate
    return Dynamic(config, fields, EmaRates(config, lambda total: total / rate, rate))


def ema_throughput(config: EmaThroughputConfig, fields: Fields) -> Dynamic:
    """A sampler that keeps a number of spans by the second."""
    goal = config.goal_throughput_per_sec * config.adjustment_interval / SECOND_NS
    return Dynamic(config, fields, EmaRates(config, lambda _: goal, config.initial_sample_rate))


def windowed(config: WindowedThroughputConfig, fields: Fields) -> Dynamic:
    """A sampler that keeps a number of spans by the second, the same of each key."""
    return Dynamic(config, fields, WindowedRates(config))
