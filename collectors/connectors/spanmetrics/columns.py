"""From spans to groups of spans that belong in one series, without looking at any by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from collectors.connectors.spanmetrics.config import (
    SERVICE,
    SPAN_KIND,
    SPAN_NAME,
    STATUS_CODE,
    DimensionConfig,
)
from collectors.counting import Groups, Key, combined, text_value
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.scan import Coded, Scan
from collectors.wire.spans import (
    durations_ns,
    ends_ns,
    kinds,
    resource_attributes,
    resource_rows,
    span_attributes,
    span_ids,
    span_names,
    statuses,
    trace_ids,
)

_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES: Final = ("UNSET", "OK", "ERROR")


_UNKNOWN: Final = text_value("unknown_service")  # as the SDKs name what has no name
_KIND_VALUES: Final = tuple(text_value(f"SPAN_KIND_{kind}") for kind in _KINDS)
_STATUS_VALUES: Final = tuple(text_value(f"STATUS_CODE_{status}") for status in _STATUSES)


@dataclass(frozen=True, slots=True)
class Column:
    """One dimension over all spans: `codes[span]` indexes `values`."""

    codes: Longs
    values: tuple[bytes | None, ...]


class Spans:
    """The columns of one request; each is read once, when it is asked for first."""

    def __init__(self, scanned: Scan, keys: Sequence[str]) -> None:
        self._scanned = scanned
        self._of_spans: Mapping[str, Coded] = span_attributes(scanned, keys)
        self._of_resources: Mapping[str, Coded] = resource_attributes(scanned, (*keys, SERVICE))

    @cached_property
    def resources(self) -> Longs:
        """Row of the resource of each span."""
        return resource_rows(self._scanned)

    @cached_property
    def durations(self) -> Words:
        """Nanoseconds that each span took."""
        return durations_ns(self._scanned)

    @cached_property
    def ends(self) -> Words:
        """Unix time at which each span ended."""
        return ends_ns(self._scanned)

    @cached_property
    def trace_ids(self) -> Octets:
        """See `collectors.wire.spans.trace_ids`."""
        return trace_ids(self._scanned)

    @cached_property
    def span_ids(self) -> Octets:
        """See `collectors.wire.spans.span_ids`."""
        return span_ids(self._scanned)

    def column(self, dimension: DimensionConfig | str) -> Column:
        """A dimension that is always there, by name, or one that the user added."""
        if isinstance(dimension, DimensionConfig):
            return self._attribute(dimension)
        return self._always[dimension]

    @cached_property
    def _always(self) -> Mapping[str, Column]:
        names = span_names(self._scanned)
        services = self._of_resources[SERVICE]
        return {
            SERVICE: Column(
                services.codes[self.resources].astype(np.int64), (*services.values, _UNKNOWN)
            ),
            SPAN_NAME: Column(
                names.codes.astype(np.int64),
                tuple([text_value(name.decode()) for name in names.values]),
            ),
            SPAN_KIND: _numbered(kinds(self._scanned), _KIND_VALUES),
            STATUS_CODE: _numbered(statuses(self._scanned), _STATUS_VALUES),
        }

    def _attribute(self, dimension: DimensionConfig) -> Column:
        own, inherited = self._of_spans[dimension.name], self._of_resources[dimension.name]
        above = inherited.codes[self.resources].astype(np.int64)
        shifted = np.where(above >= 0, above + len(own.values), -1)
        codes: Longs = np.where(own.codes >= 0, own.codes, shifted).astype(np.int64)
        default = None if dimension.default is None else text_value(dimension.default)
        return Column(codes, (*own.values, *inherited.values, default))


def group(spans: Spans, dimensions: Sequence[DimensionConfig | str]) -> Groups:
    """Part the spans by resource and by the values of `dimensions`."""
    columns = [spans.column(dimension) for dimension in dimensions]
    codes = combined([spans.resources, *(column.codes for column in columns)])
    _, first, of_span = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    leaders = first[order]
    parts = [[column.values[code] for code in column.codes[leaders].tolist()] for column in columns]
    keys: list[Key] = list(zip(*parts, strict=True)) if parts else [()] * len(leaders)
    rows = spans.resources[leaders].tolist()
    return Groups(place[of_span], tuple(zip(rows, keys, strict=True)))


def _numbered(numbers: Words, values: tuple[bytes, ...]) -> Column:
    """A column of enumerated numbers; one that the protocol does not know counts as 0."""
    known = np.where(numbers < len(values), numbers, np.uint64(0))
    return Column(known.astype(np.int64), values)
