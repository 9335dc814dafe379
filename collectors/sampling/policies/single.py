"""The policies that look at a trace by themselves, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np

from collectors.ottl.columns import Mask
from collectors.sampling.limits import Bucket, admitted
from collectors.sampling.plan import Facts
from collectors.sampling.policies.config import ProbabilisticConfig
from collectors.sampling.thresholds import threshold
from collectors.sampling.votes import (
    Asking,
    Vote,
    by_chance,
    certain,
    chance_elsewhere,
    composed,
    nothing,
)
from collectors.wire.kernel import Octets, Words

_MILLISECOND_NS: Final = np.uint64(1_000_000)
_PRECISION: Final = 4  # digits of a threshold, as the probabilistic sampler has it
_WHOLE: Final = 100
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_WORD: Final = 2**64

Test: TypeAlias = Callable[[Facts], Mask]


class Forgetful:
    """Base of policies whose answers do not depend on what was asked before."""

    has_memory = False

    def words(self) -> object:
        """Nothing."""
        return None

    def take(self, words: object) -> None:
        """There is nothing to take."""


class Always(Forgetful):
    """Every trace."""

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """Yes."""
        del asking
        return certain(rows)


class WithBit(Forgetful):
    """Traces with a span for which a leaf's answer is yes; or, inverted, without any."""

    def __init__(self, bit: np.uint64, *, inverts: bool = False, is_veto: bool = False) -> None:
        """Take the bit of a leaf.

        Args:
            bit: The word in which only it is set.
            inverts: The answer is turned round.
            is_veto: And counts as an inverted decision.
        """
        self._bit = bit
        self._inverts = inverts
        self._is_veto = inverts and is_veto

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """By the bits of the trace."""
        has: Mask = (asking.facts.bits & self._bit) != 0
        if asking.is_alone and self._inverts:
            return nothing(rows)
        vote = certain(rows & (has ^ self._inverts))
        return Vote(vote.sampled, vote.thresholds, is_inverted=self._is_veto)


class Where(Forgetful):
    """Traces whose facts pass a test."""

    def __init__(self, test: Test, *, is_lasting: bool) -> None:
        """Take a test.

        Args:
            test: The test.
            is_lasting: What passes it still does when more spans come.
        """
        self._test = test
        self._is_lasting = is_lasting

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """By the test."""
        if asking.is_alone and not self._is_lasting:
            return nothing(rows)
        return certain(rows & self._test(asking.facts))


def longer(above_ms: int, at_most_ms: int) -> Test:
    """Whether a trace took longer than `above_ms`, and not longer than `at_most_ms` unless 0."""

    def test(facts: Facts) -> Mask:
        taken = np.where(facts.ends_ns > facts.starts_ns, facts.ends_ns - facts.starts_ns, 0)
        whole = taken // _MILLISECOND_NS
        found: Mask = whole > np.uint64(above_ms)
        return found & (whole <= np.uint64(at_most_ms)) if at_most_ms else found

    return test


def counted(least: int, most: int) -> Test:
    """Whether a trace has at least `least` spans, and at most `most` unless 0."""

    def test(facts: Facts) -> Mask:
        found: Mask = facts.spans >= least
        return found & (facts.spans <= most) if most else found

    return test


class Share(Forgetful):
    """A share of traces, by their own randomness."""

    def __init__(self, config: ProbabilisticConfig) -> None:
        share = Fraction(str(min(config.sampling_percentage, _WHOLE))) / _WHOLE
        self._share = float(share)
        self._exact = threshold(share, _PRECISION)

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """By randomness."""
        if asking.is_alone:
            return certain(rows) if self._exact == 0 else nothing(rows)
        wanted = composed(self._share, self._exact, asking.facts.thresholds)
        return by_chance(asking.facts, rows, wanted)


class SaltedShare(Forgetful):
    """A share of traces by a hash of a salt and the trace id, as the Collector draws it."""

    def __init__(self, config: ProbabilisticConfig) -> None:
        self._start = _fnv(config.hash_salt.encode())
        share = Fraction(str(min(config.sampling_percentage, _WHOLE))) / _WHOLE
        self._most = np.uint64(int((_WORD - 1) * share))
        self._is_all = share == 1

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """By the hash, which is not the randomness that thresholds are about."""
        if self._is_all:
            return certain(rows)
        if asking.is_alone:
            return nothing(rows)
        chosen: Mask = _hashes(asking.facts.ids, self._start) <= self._most
        return chance_elsewhere(rows, chosen)


class Limited:
    """Traces until a bucket is empty; each costs its spans, or its bytes."""

    has_memory = True

    def __init__(self, bucket: Bucket, *, by_bytes: bool) -> None:
        self._bucket = bucket
        self._by_bytes = by_bytes

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """In the order of the traces, one after the other."""
        if asking.is_alone:
            return nothing(rows)
        sampled: Mask = np.zeros_like(rows)
        facts = asking.facts
        places = np.flatnonzero(rows)
        sizes = (facts.sizes if self._by_bytes else facts.spans)[places].astype(np.int64)
        chosen = admitted(sizes, self._bucket.at(asking.steady_ns))
        self._bucket.spend(int(sizes[chosen].sum()))
        sampled[places[chosen]] = True
        return chance_elsewhere(rows, sampled)

    def words(self) -> object:
        """The bucket."""
        return self._bucket.words()

    def take(self, words: object) -> None:
        """Continue with the bucket."""
        self._bucket.take(words)


def _fnv(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) % _WORD
    return value


def _hashes(ids: Octets, start: int) -> Words:
    """FNV-1a, 64 bits, of what `start` is the hash of, and each id."""
    found = np.full(len(ids), start, np.uint64)
    for column in range(ids.shape[1]):
        found = (found ^ ids[:, column]) * np.uint64(_FNV_PRIME)
    return found
