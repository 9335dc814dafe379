"""Policies that make no sense together: what contradicts itself, or is always dropped.

Of each policy we take what it demands for sure; what depends on chance or on limits cannot
be compared. So what is refused here can really never keep a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

from collectors.sampling.policies.build import inverts, leaf_of
from collectors.sampling.policies.config import LatencyConfig, SpanCountConfig
from collectors.sampling.policies.leaves import HasNumber, HasStatus, HasText, Leaf
from collectors.sampling.policies.schema import PolicyConfig

_INFINITE: Final = 2**63
_DURATION: Final = "latency"
_SPANS: Final = "span_count"


@dataclass(frozen=True, slots=True)
class Within:
    """A number of the trace, `low` and `high` included."""

    what: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Some:
    """A span for which a leaf's answer is yes."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class NoneOf:
    """No span for which a leaf's answer is yes."""

    leaf: Leaf


Demand: TypeAlias = Within | Some | NoneOf


@dataclass(frozen=True, slots=True)
class Demands:
    """What a trace must be for a policy to want it.

    Attributes:
        known: All of these.
        is_all: And nothing else.
    """

    known: tuple[Demand, ...]
    is_all: bool = True


def demands(policy: PolicyConfig) -> Demands:
    """What `policy` demands of a trace; nothing of what wants every trace."""
    match policy.type:
        case "always_sample":
            return Demands(())
        case "and" | "drop":
            parts = [demands(part) for part in policy.parts()]
            known = [demand for part in parts for demand in part.known]
            return Demands(tuple(known), all(part.is_all for part in parts))
        case "not":
            return _opposite(demands(policy.parts()[0]))
        case _:
            demand = _single(policy)
            return Demands((), is_all=False) if demand is None else Demands((demand,))


def _single(policy: PolicyConfig) -> Demand | None:
    """What a policy that is not made of others demands; None where that cannot be compared."""
    if policy.type == "latency":
        took = policy.latency or LatencyConfig()
        return Within(_DURATION, took.threshold_ms + 1, took.upper_threshold_ms or _INFINITE)
    if policy.type == "span_count":
        has = policy.span_count or SpanCountConfig()
        return Within(_SPANS, has.min_spans, has.max_spans or _INFINITE)
    leaf = leaf_of(policy)
    if leaf is None:
        return None
    return NoneOf(leaf) if inverts(policy) else Some(leaf)


def clash(policies: Sequence[PolicyConfig]) -> str:
    """Why no trace can be all that `policies` demand; empty where one can."""
    every = [(part, demand) for part in policies for demand in demands(part).known]
    for (one, left), (other, right) in combinations(every, 2):
        if _contradict(left, right) or _contradict(right, left):
            return f"what {one.name} demands, {other.name} rules out"
    return ""


def shadowed(policies: Sequence[PolicyConfig]) -> Iterator[tuple[int, str]]:
    """Policies all of whose traces a policy drops: their place, and why."""
    drops = [policy for policy in policies if policy.type == "drop"]
    for place, policy in enumerate(policies):
        if policy.type == "drop":
            continue
        mine = demands(policy).known
        for drop in drops:
            theirs = demands(drop)
            if theirs.is_all and all(_follows(mine, demand) for demand in theirs.known):
                yield place, f"{drop.name} drops every trace that {policy.name} wants"
                break


def _opposite(of: Demands) -> Demands:
    """What the refusal of a single demand comes to."""
    match of:
        case Demands((Some(leaf),), True):
            return Demands((NoneOf(leaf),))
        case Demands((NoneOf(leaf),), True):
            return Demands((Some(leaf),))
        case Demands((Within(what, low, high),), True) if high == _INFINITE:
            return Demands((Within(what, 0, low - 1),))
        case _:
            return Demands((), is_all=False)


def _contradict(left: Demand, right: Demand) -> bool:
    match left, right:
        case Within(what, low, high), Within(other, least, most):
            return what == other and (high < least or most < low)
        case Some(leaf), NoneOf(other):
            return _implies(leaf, other)
        case _:
            return False


def _follows(mine: Iterable[Demand], demand: Demand) -> bool:
    """Whether who fulfils all of `mine` fulfils `demand`."""
    for own in mine:
        match own, demand:
            case Within(what, low, high), Within(other, least, most):
                found = what == other and least <= low and high <= most
            case Some(leaf), Some(wanted):
                found = _implies(leaf, wanted)
            case NoneOf(leaf), NoneOf(wanted):
                found = _implies(wanted, leaf)
            case _:
                found = False
        if found:
            return True
    return False


def _implies(leaf: Leaf, wanted: Leaf) -> bool:
    """Whether a span that says yes to `leaf` says yes to `wanted`."""
    match leaf, wanted:
        case HasStatus(codes), HasStatus(others):
            return codes <= others
        case HasText(key, values, False), HasText(other, others, False):
            return key == other and values <= others
        case HasNumber(key, low, high), HasNumber(other, least, most):
            is_above = least is None or (low is not None and low >= least)
            is_below = most is None or (high is not None and high <= most)
            return key == other and is_above and is_below
        case _:
            return leaf == wanted
