"""What spans and log records say of agents, as columns; each distinct value is read once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.component import Signal
from collectors.dialects import Builder, Column
from collectors.dialects.atoms import fits
from collectors.dialects.words import LONGEST_NAME, OTHER
from collectors.wire.kernel import Longs, Words
from collectors.wire.scan import Coded, Scan, attributes, identifiers, numbers, slices, texts
from collectors.wire.spans import (
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    ends_ns,
    keys_of,
    parent_ids,
    resource_rows,
    scope_texts,
    span_ids,
    trace_ids,
)
from collectors.wire.values import as_text

_RESOURCE: Final = 1  # ResourceSpans.resource, likewise in the others
_ATTRIBUTES: Final = {Signal.TRACES: 9, Signal.LOGS: 6}  # of Span and LogRecord
_TIME, _OBSERVED = 1, 11  # LogRecord.time_unix_nano and observed_time_unix_nano
_TRACE_ID, _SPAN_ID = 9, 10  # likewise trace_id and span_id
_PLACE: Final = (
    "service.instance.id",
    "k8s.pod.uid",
    "k8s.pod.name",
    "container.id",
    "host.name",
)
"""What tells one process from another, best first."""

_MOST: Final = 2**62
_KNOWN: Final = 1 << 14
"""Processes that need not be read anew with each request."""

_REMEMBERED_BYTES: Final = 4096
"""Of a resource: whoever sends longer ones is read anew, else they fill the memory."""


@dataclass(frozen=True, slots=True)
class Who:
    """One process, as its resource tells it.

    Attributes:
        family: Namespace and service: instances of one replace each other.
        place: What tells it from others of its family.
        name: Class of the agent, for labels.
    """

    family: str
    place: str
    name: str
    role: str
    version: str
    tier: str

    @property
    def identity(self) -> str:
        """Unique in the fleet."""
        return f"{self.family}\n{self.place}"

    @property
    def number(self) -> int:
        """A number that stands for its identity."""
        return _number(self.identity)


def hashed(*words: str | int) -> int:
    """A number that stands for `words`: 1 or more, the same everywhere, 63 bits."""
    text = "\x1f".join(str(word) for word in words)
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 1) or 1


@lru_cache(_KNOWN)
def _number(identity: str) -> int:
    return hashed(identity)


def people(scanned: Scan, role_keys: Sequence[str]) -> tuple[list[Who], Longs]:
    """The processes that sent a request, and which of them each resource row is."""
    coded = texts(scanned, slices(scanned, scanned.resources, (_RESOURCE,))[0])
    keys = tuple(role_keys)
    found = [
        _who(value, keys) if len(value) <= _REMEMBERED_BYTES else _read(value, keys)
        for value in coded.values
    ]
    rows: Longs = coded.codes.astype(np.int64)
    if np.any(rows < 0):  # no resource at all
        rows = np.where(rows < 0, len(found), rows)
        found.append(_who(b"", keys))
    return found, rows


def _read(value: bytes, role_keys: tuple[str, ...]) -> Who:
    said = {
        item.key: as_text(item.value.SerializeToString())
        for item in Resource.FromString(value).attributes
    }
    service = said.get("service.name", "")
    name = said.get("gen_ai.agent.name") or service or "unknown"
    place = next((said[key] for key in _PLACE if said.get(key)), "")
    if place and not said.get("service.instance.id") and said.get("process.pid"):
        place = f"{place}/{said['process.pid']}"
    return Who(
        family=f"{said.get('service.namespace', '')}\n{service or name}"[:512],
        place=place[:512],
        name=name if len(name) <= LONGEST_NAME else OTHER,
        role=next((said[key] for key in role_keys if said.get(key)), "")[:64],
        version=said.get("service.version", "")[:128],
        tier=said.get("mas.service.tier", "")[:64] or "standard",
    )


_who = lru_cache(_KNOWN)(_read)


class Facts:
    """The spans or log records of one request."""

    def __init__(self, scanned: Scan, keys: Iterable[str]) -> None:
        """Read the attributes `keys`."""
        self.scanned = scanned
        self._signal = scanned.signal
        field = np.full(len(scanned.entries), _ATTRIBUTES[self._signal], np.int16)
        self._said = attributes(scanned, scanned.entries, field, sorted(set(keys)))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.scanned.entries)

    @property
    def resources(self) -> Longs:
        """Resource row of each."""
        return resource_rows(self.scanned)

    def column(self, keys: Sequence[str]) -> Column:
        """What the first of `keys` that is there says."""
        if len(keys) == 1:
            return _column(self._said[keys[0]])
        built = Builder(len(self))
        for key in keys:
            still = built.codes < 0
            if np.any(still):
                built.fill(still, self._said[key], as_text)
        return built.column()

    def times(self) -> Longs:
        """When each ended or was written, by the sender's clock."""
        if self._signal is Signal.TRACES:
            found = ends_ns(self.scanned)
        else:
            stated, observed = numbers(self.scanned, self.scanned.entries, (_TIME, _OBSERVED))
            found = np.where(stated > 0, stated, observed)
        return np.minimum(found, np.uint64(_MOST)).astype(np.int64)

    @property
    def are_spans(self) -> bool:
        """Whether these are spans, not log records."""
        return self._signal is Signal.TRACES

    def identities(self) -> Longs:
        """A number for each span, 0 for a log record."""
        return self.spans() if self.are_spans else np.zeros(len(self), np.int64)

    def spans(self) -> Longs:
        """The number of each span, and of the span that a log record was written in."""
        if self.are_spans:
            return _halves(keys_of(trace_ids(self.scanned), span_ids(self.scanned)))
        spots = slices(self.scanned, self.scanned.entries, (_TRACE_ID, _SPAN_ID))
        traces = identifiers(self.scanned, spots[0], TRACE_ID_BYTES)
        return _halves(keys_of(traces, identifiers(self.scanned, spots[1], SPAN_ID_BYTES)))

    def parents(self) -> Longs:
        """The number of the span above each span, 0 for none and for log records."""
        if not self.are_spans:
            return np.zeros(len(self), np.int64)
        return _halves(keys_of(trace_ids(self.scanned), parent_ids(self.scanned)))

    def of_scopes(self, patterns: Sequence[str]) -> NDArray[np.bool_]:
        """Which were made by an instrumentation whose scope fits one of `patterns`."""
        scopes = scope_texts(self.scanned)[0]
        hits = [fits(value.decode("utf-8", "replace"), patterns) for value in scopes.values]
        of_scope = np.array([*hits, False], np.bool_)[scopes.codes]
        found: NDArray[np.bool_] = of_scope[self.scanned.entries[:, 3]]
        return found


def hashes(column: Column) -> Longs:
    """A number for each row's value, 0 where there is none."""
    found = [hashed(value) if value else 0 for value in column.values]
    return np.array([*found, 0], np.int64)[column.codes]


def at(column: Column, rows: Longs) -> Column:
    """A column of some rows, with the values that these have alone."""
    used, codes = np.unique(column.codes[rows], return_inverse=True)
    absent = int(len(used) > 0 and used[0] < 0)
    values = tuple(column.values[code] for code in used[absent:].tolist())
    return Column(codes.astype(np.int64) - absent, values)


def pairs(left: Longs, right: Longs) -> Longs:
    """One number for two, 1 or more, 63 bits; the mixing is that of splitmix64."""
    words = left.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + right.astype(np.uint64)
    words = (words ^ (words >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return np.maximum((words >> np.uint64(1)).astype(np.int64), 1)


def whole(column: Column) -> Longs:
    """What a column says as whole numbers; what is none is 0."""
    found = [
        int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
        for text in column.values
    ]
    return np.array([*found, 0], np.int64)[column.codes]


def _halves(keys: Words) -> Longs:
    return (keys >> np.uint64(1)).astype(np.int64)


def _column(coded: Coded) -> Column:
    return Column(coded.codes.astype(np.int64), tuple(as_text(of) for of in coded.values))
