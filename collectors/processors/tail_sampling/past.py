"""What was decided already: a kept trace by its threshold, a dropped one by a fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from collectors.processors.tail_sampling.config import DecisionCacheConfig
from collectors.sampling.index_kernel import Rows
from collectors.sampling.memory import Memory
from collectors.wire.kernel import Longs, Words

_KEPT: Final = np.dtype([("threshold", "u8"), ("second", "u4")])
_SECOND_NS: Final = 1_000_000_000
_LATEST: Final = 2**32 - 1


class Past:
    """The memory of decisions, bounded: it knows the last of each kind."""

    def __init__(self, config: DecisionCacheConfig) -> None:
        self._kept = Memory(config.sampled_cache_size, _KEPT)
        self._dropped = Memory(config.non_sampled_cache_size)

    @classmethod
    def of(cls, parts: Mapping[str, bytes]) -> Past:
        """What `dump` told of, whatever its sizes; raises ValueError if of another layout."""
        made = cls(DecisionCacheConfig(sampled_cache_size=0, non_sampled_cache_size=0))
        made._kept = Memory.of(_below("kept/", parts), _KEPT)
        made._dropped = Memory.of(_below("dropped/", parts))
        return made

    @property
    def size_bytes(self) -> int:
        """Bytes that it takes by now."""
        return self._kept.size_bytes + self._dropped.size_bytes

    def keep(self, digests: Words, thresholds: Words, steady_ns: int) -> None:
        """Remember traces that were kept."""
        notes = np.zeros(len(digests), _KEPT)
        notes["threshold"] = thresholds
        notes["second"] = min(steady_ns // _SECOND_NS, _LATEST)
        self._kept.remember(digests, None, notes)

    def drop(self, digests: Words, is_final: Rows) -> None:
        """Remember traces that were dropped; what is final no later span changes."""
        self._dropped.remember(digests, is_final)

    def kept(self, digests: Words) -> Longs:
        """The place of each trace that was kept, else -1."""
        return self._kept.recall(digests)

    def dropped(self, digests: Words) -> tuple[Rows, Rows]:
        """Which traces were dropped, and which of these for good."""
        places = self._dropped.recall(digests)
        return places >= 0, self._dropped.marks(places)

    def renew(self, digests: Words) -> None:
        """Keep what was decided in mind for as long as spans of its trace come."""
        for memory in (self._kept, self._dropped):
            memory.renew(digests)

    def thresholds(self, places: Longs) -> Words:
        """At which threshold each was kept."""
        found: Words = self._kept.notes["threshold"][places]
        return found

    def ages_seconds(self, places: Longs, steady_ns: int) -> Longs:
        """Whole seconds since each was decided on."""
        seconds = self._kept.notes["second"][places].astype(np.int64)
        ages: Longs = np.maximum(0, steady_ns // _SECOND_NS - seconds)
        return ages

    def dump(self) -> dict[str, bytes]:
        """All state."""
        kept = {f"kept/{name}": value for name, value in self._kept.dump().items()}
        return kept | {f"dropped/{name}": value for name, value in self._dropped.dump().items()}

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Continue from what `dump` gave; raises ValueError if it is of another layout."""
        self._kept.load(_below("kept/", parts))
        self._dropped.load(_below("dropped/", parts))


def _below(prefix: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}
