"""The policy `slo`: what shows why an SLO is not met, in no more bytes than allowed.

Wanted are bad events while a budget burns, and a share of them while none does; nearly bad
ones; and exemplars. A budget of bytes wins. What it sheds is chosen by randomness: of those
that are wanted alike the ones with the most of it stay, and the threshold rises to where the
cut is. So adjusted counts stay right, and other samplers keep the same traces.

Source: N. Duffield, C. Lund, M. Thorup, "Priority sampling for estimation of arbitrary subset
sums", J. ACM 54(6), 2007: the threshold of those that stay is the first that does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np

from collectors.indicators import Matcher
from collectors.ottl.columns import Mask
from collectors.sampling.burning import Burning
from collectors.sampling.counted import BURNING, SHED, SHED_EVENTS
from collectors.sampling.late import Late
from collectors.sampling.limits import Bucket, admitted
from collectors.sampling.plan import UNKNOWN, Facts
from collectors.sampling.slo_config import SloPolicyConfig
from collectors.sampling.tallies import Counts
from collectors.sampling.thresholds import ALWAYS, NEVER, threshold
from collectors.sampling.votes import Asking, Vote, certain, composed
from collectors.wire.kernel import Words
from collectors.wire.scan import Scan

_PRECISION: Final = 4  # digits of a threshold, as the probabilistic sampler has it
_WHOLE: Final = 100
_KINDS: Final = ("an event", "a bad event", "a nearly bad event")
EVENT, BAD, NEAR = range(len(_KINDS))


class SloBits:
    """Bits of spans: whether they are an event, a bad one, a nearly bad one, of each SLO."""

    def __init__(self, config: SloPolicyConfig) -> None:
        self._matcher = Matcher(config.slos)
        self._nearness = config.nearness()
        self._last: tuple[Scan, Words] | None = None
        self._keys = tuple(key for slo in config.slos.values() for key in slo.spans.read_keys())
        self._meant = tuple(
            f"{name}: {slo.spans.model_dump_json()}" for name, slo in config.slos.items()
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Attribute keys by which events are known."""
        return self._keys

    @property
    def texts(self) -> tuple[str, ...]:
        """What each bit stands for, the SLO's definition included."""
        kinds = [*_KINDS[:NEAR], f"{_KINDS[NEAR]}, by {self._nearness:g},"]
        return tuple(f"{kind} of {meant}" for meant in self._meant for kind in kinds)

    def words(self, scanned: Scan) -> Words:
        """The bits of each span of a request, from the lowest."""
        found = np.zeros(len(scanned.entries), np.uint64)
        for matched in self._matcher.match(scanned, self._nearness):
            masks = (matched.events, matched.bad, matched.almost)
            for kind, mask in enumerate(masks):
                bit = np.uint64(1 << (matched.slo * len(_KINDS) + kind))
                found[matched.rows[mask]] |= bit
        self._last = scanned, found
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """What `bad` counts, by number."""
        return tuple(f"{_KINDS[BAD]} of {meant}" for meant in self._meant)

    def bad(self, scanned: Scan) -> Words:
        """Shape (SLOs, entries): 1 for each span that is a bad event, else 0."""
        last, self._last = self._last, None  # mostly of the request that was looked at last
        words = last[1] if last is not None and last[0] is scanned else self.words(scanned)
        shifts = np.arange(BAD, len(self._meant) * len(_KINDS), len(_KINDS), dtype=np.uint64)
        found: Words = words >> shifts[:, None] & np.uint64(1)
        return found


class Slo:
    """What the SLOs of a configuration want."""

    has_memory = True

    def __init__(
        self, name: str, config: SloPolicyConfig, first_bit: int, bad_events: Counts
    ) -> None:
        """Make it ready.

        Args:
            name: Of the policy, for what it counts.
            config: Its configuration.
            first_bit: Where the bits of `SloBits` begin.
            bad_events: How many of an SLO each trace has.
        """
        self._name = name
        self._config = config
        self._ids = tuple(config.slos)
        self._first = first_bit
        self._bad_events = bad_events
        budgets = [slo.budget() for slo in config.slos.values()]
        self._burning = Burning(budgets, config.window, config.burn_rate)
        self._bucket = Bucket(config.bytes_per_second, config.burst_capacity)
        self._last: Words = np.zeros(0, np.uint64)
        self._interval = 0
        self._shown = [0] * len(self._ids)
        self._shed = [0] * len(self._ids)
        self._shed_events = [0] * len(self._ids)

    def arrived(self, flags: Words, steady_ns: int) -> None:
        """Count the events of the spans of one request."""
        self._last = flags
        counts = [
            [int(np.count_nonzero(flags & self._bit(slo, kind))) for slo in range(len(self._ids))]
            for kind in (EVENT, BAD)
        ]
        if any(counts[EVENT]):
            events, bad = (np.array(of, np.int64) for of in counts)
            self._burning.count(events, bad, steady_ns)

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """First what is wanted, then what the bytes suffice for."""
        facts = asking.facts
        if asking.is_alone:
            return self._ask_alone(asking, rows)
        burning = np.array(self._burning.now(asking.steady_ns), np.bool_)[:, None]
        urgent = self._urgent(facts, rows, burning)
        thresholds = self._thresholds(facts, rows, urgent)
        wanted: Mask = facts.randomness >= thresholds
        exemplars = self._exemplars(facts, rows, wanted, asking.steady_ns)
        thresholds[exemplars] = UNKNOWN
        classes = (exemplars | urgent, wanted & ~urgent)
        kept, cuts = self._within_budget(facts, classes, asking.steady_ns)
        shed = (wanted | exemplars) & ~kept
        asking.shed.append((self._count_shed, shed))
        thresholds[shed] = UNKNOWN
        return Vote(kept, np.maximum(thresholds, cuts))

    def totals(self) -> Iterator[tuple[str, dict[str, str], int]]:
        """What was shed of each SLO, and whether its budget burns."""
        burning = self._burning.now()
        for slo, name in enumerate(self._ids):
            labels = {"policy": self._name, "slo_id": name}
            yield SHED, labels, self._shed[slo]
            yield SHED_EVENTS, labels, self._shed_events[slo]
            yield BURNING, labels, int(burning[slo])

    def words(self) -> object:
        """All state, in words of JSON."""
        return {
            "burning": self._burning.words(),
            "bucket": self._bucket.words(),
            "interval": self._interval,
            "slos": list(self._ids),
            "shown": self._shown,
            "shed": self._shed,
            "shed_events": self._shed_events,
        }

    def take(self, words: object) -> None:
        """Continue from `words`; of SLOs that have come or gone only the bucket is taken."""
        match words:
            case {
                "burning": burning,
                "bucket": bucket,
                "interval": int(interval),
                "slos": list(slos),
                "shown": list(shown),
                "shed": list(shed),
                **rest,
            }:
                self._bucket.take(bucket)
                self._shed = self._taken(slos, shed)
                self._shed_events = self._taken(slos, rest.get("shed_events"))
                if tuple(slos) == self._ids:
                    self._burning.take(burning)
                    self._interval, self._shown = interval, [int(of) for of in shown]
            case _:
                pass

    def _ask_alone(self, asking: Asking, rows: Mask) -> Vote:
        """Late spans: a bad event while the budget burns, if there is room for it.

        What is wanted by the share of a calm hour as well, and is not kept, is shed.
        """
        facts = asking.facts
        urgent = self._urgent(facts, rows, self._burned(facts))
        kept = self._afforded(facts, urgent, asking.steady_ns)
        wanted: Mask = facts.randomness >= self._thresholds(facts, rows, urgent)
        asking.shed.append((self._count_shed_events, wanted & ~kept))
        return certain(kept)

    def _afforded(self, facts: Facts, urgent: Mask, steady_ns: int) -> Mask:
        """Of `urgent` late spans those for which the bytes of what comes back suffice.

        Only the first one of a trace can be: behind it more comes back, and no more is left.
        """
        kept = np.zeros_like(urgent)
        if urgent.any():
            late = Late(facts)
            first = late.firsts(urgent)
            costs = late.costs()[first]
            chosen = admitted(costs, self._bucket.at(steady_ns))
            self._bucket.spend(int(costs[chosen].sum()))
            kept[first[chosen]] = True
        return kept

    def _burned(self, facts: Facts) -> Mask:
        """Shape (SLOs, spans or 1): whether each budget burned once each late span had come.

        What came behind it in its request does not count: so it is the same however spans are
        cut into requests.
        """
        if facts.places is None:
            return np.array(self._burning.now(), np.bool_)[:, None]
        behind = np.empty((2, len(self._ids), len(facts)), np.int64)
        for slo in range(len(self._ids)):
            for kind, bit in enumerate((EVENT, BAD)):
                so_far = np.cumsum((self._last & self._bit(slo, bit)) != 0)
                behind[kind, slo] = so_far[-1] - so_far[facts.places]
        return self._burning.without(*behind)

    def _urgent(self, facts: Facts, rows: Mask, burning: Mask) -> Mask:
        """Traces with a bad event of an SLO whose budget burns."""
        found = np.zeros_like(rows)
        for slo, burns in enumerate(burning):
            if burns.any():
                found |= rows & self._has(facts, slo, BAD) & burns
        return found

    def _thresholds(self, facts: Facts, rows: Mask, urgent: Mask) -> Words:
        """The threshold of each trace, before the bytes are looked at."""
        shares = (
            (BAD, self._share(facts, self._config.calm_sampling_percentage)),
            (NEAR, self._share(facts, self._config.near_sampling_percentage)),
        )
        found = np.where(urgent, np.uint64(ALWAYS), np.uint64(NEVER))
        for slo in range(len(self._ids)):
            for kind, share in shares:
                has = rows & self._has(facts, slo, kind)
                found[has] = np.minimum(found[has], share[has])
        return found

    def _share(self, facts: Facts, percentage: float) -> Words:
        share = Fraction(str(percentage)) / _WHOLE
        return composed(float(share), threshold(share, _PRECISION), facts.thresholds)

    def _exemplars(self, facts: Facts, rows: Mask, wanted: Mask, steady_ns: int) -> Mask:
        """Traces with bad events that are wanted for there are too few of their SLO."""
        found = np.zeros_like(rows)
        if not self._config.exemplars:
            return found
        interval = steady_ns // self._config.exemplar_interval
        if interval != self._interval:
            self._interval, self._shown = interval, [0] * len(self._ids)
        for slo in range(len(self._ids)):
            bad = rows & self._has(facts, slo, BAD)
            have = self._shown[slo] + int(np.count_nonzero(bad & (wanted | found)))
            missing = max(0, self._config.exemplars - have)
            found[np.flatnonzero(bad & ~wanted & ~found)[:missing]] = True
            self._shown[slo] += int(np.count_nonzero(bad & (wanted | found)))
        return found

    def _within_budget(
        self, facts: Facts, classes: tuple[Mask, ...], steady_ns: int
    ) -> tuple[Mask, Words]:
        """Who of each class stays, one class after the other, and the thresholds of the cuts."""
        kept = np.zeros(len(facts), np.bool_)
        cuts = np.full(len(facts), ALWAYS, np.uint64)
        for wanted in classes:
            room = self._bucket.at(steady_ns)
            fits = wanted & (facts.sizes <= room)
            cut = _cut(facts, fits, room)
            stays: Mask = fits & (facts.randomness >= np.uint64(cut))
            self._bucket.spend(int(facts.sizes[stays].sum()))
            cuts[stays] = cut
            kept |= stays
        return kept, cuts

    def _has(self, facts: Facts, slo: int, kind: int) -> Mask:
        found: Mask = (facts.bits & self._bit(slo, kind)) != 0
        return found

    def _bit(self, slo: int, kind: int) -> np.uint64:
        return np.uint64(1 << (self._first + slo * len(_KINDS) + kind))

    def _taken(self, slos: list[str], counts: object) -> list[int]:
        before = dict(zip(slos, counts if isinstance(counts, list) else [], strict=False))
        return [int(before.get(name, 0)) for name in self._ids]

    def _count_shed(self, facts: Facts, lost: Mask) -> None:
        """Count the bad events of `lost`, and the traces that have any."""
        self._count_shed_events(facts, lost)
        for slo in range(len(self._ids)):
            self._shed[slo] += int(np.count_nonzero(lost & self._has(facts, slo, BAD)))

    def _count_shed_events(self, facts: Facts, lost: Mask) -> None:
        for slo in range(len(self._ids)):
            self._shed_events[slo] += int(self._bad_events(facts, slo)[lost].sum())


def _cut(facts: Facts, wanted: Mask, room: int) -> int:
    """The least threshold at which what is left of `wanted` fits into `room` bytes."""
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(facts.randomness[rows], kind="stable")[::-1]]
    over = np.flatnonzero(np.cumsum(facts.sizes[rows]) > room)
    return int(facts.randomness[rows[over[0]]]) + 1 if len(over) else ALWAYS
