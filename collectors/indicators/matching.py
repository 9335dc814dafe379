"""Finds the events of a request, column by column; no span is looked at by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.indicators.config import SERVICE, SloConfig, SpansConfig
from collectors.wire.kernel import Words
from collectors.wire.scan import Scan
from collectors.wire.spans import (
    ERROR,
    outcomes,
    resource_attributes,
    resource_rows,
    span_attribute_spots,
    span_names,
)
from collectors.wire.values import as_text, named, read_as

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Matched:
    """The events of one SLO in a request.

    Attributes:
        slo: Its index in the order of the SLOs.
        rows: Spans that may be events of some SLO, as rows of `Scan.entries`.
        events: Which of `rows` are events of this one.
        bad: Which of them are bad.
        almost: Which good ones took nearly too long.
    """

    slo: int
    rows: NDArray[np.int64]
    events: Mask
    bad: Mask
    almost: Mask


class Matcher:
    """Knows which spans are events of which SLO, and which of them are bad."""

    def __init__(self, slos: Mapping[str, SloConfig]) -> None:
        self._events = tuple(slo.spans for slo in slos.values())
        self._of_service: dict[str, list[int]] = {}
        for index, spans in enumerate(self._events):
            self._of_service.setdefault(spans.service, []).append(index)

    def match(self, scanned: Scan, nearness: float = 0) -> list[Matched]:
        """The events in a traces request, of each SLO that may have any, in their order.

        Args:
            scanned: The request.
            nearness: Good events within this share of a duration that is bad are almost
                bad: of 0.2 and ``above: 1s`` those from 0.8 s on. 0 for none.
        """
        candidates = self._candidates(scanned)
        if not candidates:
            return []
        # Whatever else is asked is asked of spans only that have a service and name for it.
        rows = np.flatnonzero(reduce(np.logical_or, (mask for _, mask in candidates)))
        wanted = [self._events[index] for index, _ in candidates]
        if len(rows) < len(scanned.entries):
            scanned = replace(scanned, entries=scanned.entries[rows])
        columns = _Columns(scanned, wanted)
        found: list[Matched] = []
        for index, mask in candidates:
            spans = self._events[index]
            events = columns.events(spans, mask[rows])
            bad = columns.bad(spans, events)
            almost = columns.almost(spans, events & ~bad, nearness)
            found.append(Matched(index, rows, events, bad, almost))
        return found

    def _candidates(self, scanned: Scan) -> list[tuple[int, Mask]]:
        """SLOs, and the spans of their service and name; those without any are left out."""
        services = resource_attributes(scanned, (SERVICE,))[SERVICE]
        concerned = [self._of_service.get(as_text(value), []) for value in services.values]
        if not any(concerned):
            return []
        code_of_span = services.codes[resource_rows(scanned)]
        indexes = {index for of_code in concerned for index in of_code}
        is_named = any(self._events[index].span_name is not None for index in indexes)
        names = span_names(scanned) if is_named else None
        found: dict[int, Mask] = {}
        for code, of_code in enumerate(concerned):
            of_service: Mask = code_of_span == code
            for index in of_code:
                name = self._events[index].span_name
                mask = of_service
                if name is not None and names is not None:
                    mask = of_service & named(names, name)
                if mask.any():
                    found[index] = mask | found[index] if index in found else mask
        return sorted(found.items(), key=lambda each: each[0])


class _Columns:
    """The columns of one request that its SLOs ask for, each read and compared once."""

    def __init__(self, scanned: Scan, wanted: Sequence[SpansConfig]) -> None:
        self._scanned = scanned
        asked = {key for spans in wanted for key in (*spans.attributes, *spans.bad.attributes)}
        keys = sorted(asked)
        self._spots = dict(zip(keys, span_attribute_spots(scanned, keys), strict=True))
        self._read: tuple[Words, Words] | None = None
        self._masks: dict[tuple[str, str | int], Mask] = {}

    def events(self, spans: SpansConfig, candidates: Mask) -> Mask:
        """Which of `candidates`, spans of the right service and name, are events."""
        events = candidates
        for key, text in spans.attributes.items():
            events = events & self._equal(key, text)
        return events

    def bad(self, spans: SpansConfig, events: Mask) -> Mask:
        """Which of `events` are bad."""
        bad: Mask = np.zeros(len(events), np.bool_)
        if spans.bad.status:
            bad |= self._once(("status", ""), lambda: self._outcomes()[0] == ERROR)
        if spans.bad.above:
            bad |= self._above(spans.bad.above)
        for key, text in spans.bad.attributes.items():
            bad |= self._equal(key, text)
        return bad & events

    def almost(self, spans: SpansConfig, good: Mask, nearness: float) -> Mask:
        """Which of `good` events took nearly too long."""
        if not nearness or not spans.bad.above:
            return np.zeros(len(good), np.bool_)
        return good & self._above(int(spans.bad.above * (1 - nearness)))

    def _above(self, above: int) -> Mask:
        return self._once(("above", above), lambda: self._outcomes()[1] > np.uint64(above))

    def _equal(self, key: str, text: str) -> Mask:
        return self._once(
            (f"attribute {key}", text), lambda: read_as(self._scanned, self._spots[key], text)
        )

    def _outcomes(self) -> tuple[Words, Words]:
        if self._read is None:
            self._read = outcomes(self._scanned)
        return self._read

    def _once(self, key: tuple[str, str | int], make: Callable[[], Mask]) -> Mask:
        mask = self._masks.get(key)
        if mask is None:
            mask = self._masks[key] = make()
        return mask
