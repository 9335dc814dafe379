"""Counts the events of a request by SLO, and by the labels of its budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.component import Signal
from collectors.indicators import Matched, Matcher
from collectors.processors.sli.config import CountedConfig, DimensionConfig
from collectors.wire.scan import Coded, Scan, locate
from collectors.wire.spans import resource_attributes, resource_rows, span_attributes
from collectors.wire.values import as_text

OTHER: Final = "__other__"
"""Value of every label of the events for whose own values there is no room."""
LONGEST: Final = 128
"""Characters of a label value; what is longer counts as other."""

Codes: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Counted:
    """Events of one SLO with the same label values.

    Attributes:
        slo: Its index in the order of the SLOs.
        values: Of its labels, in their order; empty where a span has no such attribute.
    """

    slo: int
    values: tuple[str, ...]
    good: int
    bad: int


class Counter:
    """Knows which spans are events of which SLO, which of them are bad, and whose they are."""

    def __init__(self, slos: Mapping[str, CountedConfig]) -> None:
        self._by = tuple(tuple(slo.by.items()) for slo in slos.values())
        self._matcher = Matcher(slos)

    def count(self, payload: bytes, items: int) -> list[Counted]:
        """Good and bad events in a traces request, of the SLOs and label values that have any.

        In the order of the SLOs, and then of their first events: where there is no room for all
        label values, the same ones have it however spans are cut into requests.

        Args:
            payload: The request, which was validated before.
            items: Its spans.
        """
        scanned = locate(Signal.TRACES, payload, items)
        found: list[Counted] = []
        for matched in self._matcher.match(scanned):
            if matched.events.any():
                found.extend(_counted(scanned, matched, self._by[matched.slo]))
        return found


def _counted(
    scanned: Scan, matched: Matched, by: Sequence[tuple[str, DimensionConfig]]
) -> list[Counted]:
    bad = matched.bad[matched.events]
    if not by:
        wrong = int(np.count_nonzero(bad))
        return [Counted(matched.slo, (), len(bad) - wrong, wrong)]
    events = replace(scanned, entries=scanned.entries[matched.rows[matched.events]])
    sets, codes = _label_sets(events, [of.attribute or label for label, of in by])
    total = np.bincount(codes, minlength=len(sets))
    wrongs = np.bincount(codes[bad], minlength=len(sets))
    _, first = np.unique(codes, return_index=True)
    counts = zip(sets, (total - wrongs).tolist(), wrongs.tolist(), strict=True)
    found = [Counted(matched.slo, values, good, wrong) for values, good, wrong in counts]
    return [found[at] for at in np.argsort(first).tolist()]


def _label_sets(events: Scan, keys: Sequence[str]) -> tuple[list[tuple[str, ...]], Codes]:
    """The distinct label values of `events`, and for each event which of them it has."""
    of_spans = span_attributes(events, keys)
    of_resources = resource_attributes(events, keys)
    sets: list[tuple[str, ...]] = [()]
    codes: Codes = np.zeros(len(events.entries), np.int64)
    for key in keys:
        texts, column = _column(events, of_spans[key], of_resources[key])
        # Numbers stay below the square of the spans of a request, however many labels there are.
        seen, codes = np.unique(codes * len(texts) + column, return_inverse=True)
        pairs = (divmod(each, len(texts)) for each in seen.tolist())
        sets = [(*sets[before], texts[at]) for before, at in pairs]
    return sets, codes


def _column(events: Scan, of_spans: Coded, of_resources: Coded) -> tuple[list[str], Codes]:
    """An attribute of each span, else of its resource: the texts, and which one an event has."""
    places: dict[str, int] = {"": 0}

    def numbered(values: Sequence[bytes]) -> Codes:
        # One more, which the code -1 chooses: there is none.
        return np.array([*(places.setdefault(_label(v), len(places)) for v in values), 0], np.int64)

    own = numbered(of_spans.values)[of_spans.codes]
    shared = numbered(of_resources.values)[of_resources.codes][resource_rows(events)]
    return list(places), np.where(of_spans.codes >= 0, own, shared)


def _label(value: bytes) -> str:
    text = as_text(value)
    return text if len(text) <= LONGEST else OTHER
