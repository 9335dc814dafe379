"""From configuration to policies that can be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from collectors.sampling.dynamic.keys import Fields
from collectors.sampling.dynamic.policy import ema_dynamic, ema_throughput, windowed
from collectors.sampling.limits import Bucket, Second
from collectors.sampling.policies.combined import All, Allocated, Composite, Not
from collectors.sampling.policies.config import LatencyConfig, SpanCountConfig
from collectors.sampling.policies.leaves import (
    HasFlag,
    HasNumber,
    HasState,
    HasStatus,
    HasText,
    Holds,
    IsFlagged,
    Leaf,
)
from collectors.sampling.policies.questions import Leaves
from collectors.sampling.policies.schema import PolicyConfig
from collectors.sampling.policies.single import (
    Always,
    Limited,
    SaltedShare,
    Share,
    Where,
    WithBit,
    counted,
    longer,
)
from collectors.sampling.slo import Slo, SloBits
from collectors.sampling.tallies import Tallies
from collectors.sampling.votes import Policy

STATUSES: Final = {"UNSET": 0, "OK": 1, "ERROR": 2}

BlockT = TypeVar("BlockT")


class Builder:
    """Makes policies; what they ask about spans is gathered in `leaves` and `fields`.

    Attributes:
        slos: Those made so far that count events as they arrive.
        tallies: What these add up of each trace.
    """

    def __init__(self, leaves: Leaves, fields: Fields, *, invert_decisions: bool) -> None:
        self._leaves = leaves
        self._invert_decisions = invert_decisions
        self.slos: list[Slo] = []
        self.tallies = Tallies(fields)
        self._makers: dict[str, Callable[[PolicyConfig], Policy]] = {
            "always_sample": lambda _: Always(),
            "latency": self._latency,
            "numeric_attribute": self._leaf,
            "probabilistic": self._share,
            "status_code": self._leaf,
            "string_attribute": self._leaf,
            "boolean_attribute": self._leaf,
            "trace_state": self._leaf,
            "trace_flags": self._leaf,
            "rate_limiting": self._rate,
            "bytes_limiting": self._bytes,
            "span_count": self._count,
            "ottl_condition": self._leaf,
            "and": lambda config: All([self.build(part) for part in config.parts()]),
            "not": lambda config: Not([self.build(part) for part in config.parts()]),
            "drop": lambda config: All([self.build(part) for part in config.parts()]),
            "composite": self._composite,
            "ema_dynamic": lambda of: ema_dynamic(given(of.ema_dynamic), fields),
            "ema_throughput": lambda of: ema_throughput(given(of.ema_throughput), fields),
            "windowed_throughput": lambda of: windowed(given(of.windowed_throughput), fields),
            "slo": self._slo,
        }

    def build(self, config: PolicyConfig) -> Policy:
        """The policy of `config`.

        Raises:
            TooManyLeaves: There is no bit left for one of its questions.
        """
        return self._makers[config.type](config)

    def _leaf(self, config: PolicyConfig) -> Policy:
        return WithBit(
            self._leaves.bit(given(leaf_of(config))),
            inverts=inverts(config),
            is_veto=self._invert_decisions,
        )

    def _latency(self, config: PolicyConfig) -> Policy:
        of = config.latency or LatencyConfig()
        test = longer(of.threshold_ms, of.upper_threshold_ms)
        return Where(test, is_lasting=not of.upper_threshold_ms)

    def _count(self, config: PolicyConfig) -> Policy:
        of = config.span_count or SpanCountConfig()
        return Where(counted(of.min_spans, of.max_spans), is_lasting=False)

    def _share(self, config: PolicyConfig) -> Policy:
        of = given(config.probabilistic)
        return SaltedShare(of) if of.hash_salt else Share(of)

    def _rate(self, config: PolicyConfig) -> Policy:
        of = given(config.rate_limiting)
        return Limited(Bucket(of.spans_per_second, of.burst_capacity), by_bytes=False)

    def _bytes(self, config: PolicyConfig) -> Policy:
        of = given(config.bytes_limiting)
        return Limited(Bucket(of.bytes_per_second, of.burst_capacity), by_bytes=True)

    def _composite(self, config: PolicyConfig) -> Policy:
        of = given(config.composite)
        rates = of.rates()
        return Composite(
            [Allocated(self.build(part), Second(rates[part.name])) for part in of.ordered()]
        )

    def _slo(self, config: PolicyConfig) -> Policy:
        of = given(config.slo)
        bits = SloBits(of)
        made = Slo(config.name, of, self._leaves.group(bits), self.tallies.group(bits))
        self.slos.append(made)
        return made


def leaf_of(config: PolicyConfig) -> Leaf | None:
    """The question about spans that a policy asks, None where it asks none.

    `invert_match` is no part of it.
    """
    if config.type == "trace_flags":
        return IsFlagged()
    if status := config.status_code:
        return HasStatus(frozenset(STATUSES[code] for code in status.status_codes))
    if state := config.trace_state:
        return HasState(state.key, state.usable())
    if holds := config.ottl_condition:
        return Holds(tuple(holds.span), tuple(holds.spanevent))
    return _attribute(config)


def _attribute(config: PolicyConfig) -> Leaf | None:
    if text := config.string_attribute:
        return HasText(text.key, frozenset(text.values), text.enabled_regex_matching)
    if flag := config.boolean_attribute:
        return HasFlag(flag.key, flag.value)
    if number := config.numeric_attribute:
        # 0 counts as not given, as the Collector has it.
        return HasNumber(number.key, number.min_value or None, number.max_value or None)
    return None


def inverts(config: PolicyConfig) -> bool:
    """Whether `invert_match` is set."""
    blocks = (config.numeric_attribute, config.string_attribute, config.boolean_attribute)
    return any(block.invert_match for block in blocks if block is not None)


def given(block: BlockT | None) -> BlockT:
    """A block that the configuration has checked to be there."""
    if block is None:
        msg = "the block of the policy's type is missing"
        raise ValueError(msg)
    return block
