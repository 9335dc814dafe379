"""Counts the events of a request by SLO."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.component import Signal
from collectors.indicators import Matcher, SloConfig
from collectors.wire.scan import locate

Counts: TypeAlias = NDArray[np.int64]


class Counter:
    """Knows which spans are events of which SLO, and which of them are bad."""

    def __init__(self, slos: Mapping[str, SloConfig]) -> None:
        self._slos = len(slos)
        self._matcher = Matcher(slos)

    def count(self, payload: bytes, items: int) -> Counts:
        """Good and bad events in a traces request: shape (SLOs, 2), in the order of the SLOs.

        Args:
            payload: The request, which was validated before.
            items: Its spans.
        """
        found = np.zeros((self._slos, 2), np.int64)
        for matched in self._matcher.match(locate(Signal.TRACES, payload, items)):
            bad = int(np.count_nonzero(matched.bad))
            found[matched.slo] += (int(np.count_nonzero(matched.events)) - bad, bad)
        return found
