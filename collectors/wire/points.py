"""Data points as columns: what each is, of which series, and a request written anew from them.

A point's *identity* is 128 bits over its resource, scope, metric and attributes, whatever their
order. With keys left out, or only some kept, points that differ in nothing else have the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs, Octets, Shorts, Words
from collectors.wire.parse import Malformed
from collectors.wire.points_kernel import (
    EXPONENTIAL,
    GAUGE,
    HISTOGRAM,
    SUM,
    SUMMARY,
    KeyChoice,
    PointRows,
    PointsKernel,
    compiled_points,
    twin_points,
)
from collectors.wire.scan import Scan

POINTS: Final[PointsKernel] = compiled_points() or twin_points()

ATTRIBUTES: Final = {GAUGE: 7, SUM: 7, HISTOGRAM: 9, EXPONENTIAL: 1, SUMMARY: 7}
"""Field of a point's attributes, by kind."""

_SPARE: Final = 33
"""Bytes that `edit` may add to a point: tag, length, two times and a value."""

_FIELDS: Final = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """Which attributes make a resource or a point what it is.

    Attributes:
        names: Attribute keys.
        only: These count and no others; else all but these.
    """

    names: tuple[str, ...] = ()
    only: bool = False

    @classmethod
    def without(cls, names: Iterable[str]) -> Keys:
        """All keys but `names`."""
        return cls(tuple(sorted(set(names))))

    @property
    def choice(self) -> KeyChoice:
        """The keys as the kernel takes them."""
        return tuple(name.encode() for name in self.names), self.only

    def __bool__(self) -> bool:
        """Whether any attribute is left out."""
        return bool(self.names) or self.only


EVERY: Final = Keys()
"""All attributes count."""


@dataclass(frozen=True)
class Columns:
    """The data points of a request, one row each, in their order.

    Attributes:
        scanned: The request.
        resource_id: Identity of each resource, shape (resources, 2); `scope_id` and `entry_id`
            likewise, each over what stands above it too.
        data: Of each metric (start, end, kind, temporality) of its data; zeros without any.
        at: (tag, body, end, entry row, first attribute, end of the last attribute, flags); -1
            where there is no attribute.
        word: Start and time in Unix nanoseconds, bits of the value.
        mark: Kind, temporality, whether monotonic, type of the value (`points_kernel`).
        point_id: Identity of each point.
    """

    scanned: Scan
    kernel: PointsKernel
    resource_id: Words
    scope_id: Words
    entry_id: Words
    data: Longs
    at: Longs
    word: Words
    mark: Octets
    point_id: Words

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.at)

    def take(self, which: NDArray[np.bool_] | Longs) -> Columns:
        """Only those points; all else stays, so that rows of entries mean the same."""
        return dataclasses.replace(
            self,
            at=self.at[which],
            word=self.word[which],
            mark=self.mark[which],
            point_id=self.point_id[which],
        )

    @property
    def rows(self) -> PointRows:
        """What `PointsKernel.follow` and `accumulate` go by."""
        return self.at, self.word, self.mark

    @property
    def spots(self) -> Longs:
        """Start and end of each point with its tag."""
        return np.ascontiguousarray(self.at[:, [0, 2]])

    @property
    def bodies(self) -> Longs:
        """Start and end of each point's message."""
        return np.ascontiguousarray(self.at[:, 1:3])

    @cached_property
    def bytes(self) -> Octets:
        """The payload."""
        return np.frombuffer(self.scanned.payload, np.uint8)


def read(
    scanned: Scan, resource: Keys = EVERY, point: Keys = EVERY, kernel: PointsKernel = POINTS
) -> Columns:
    """Read every data point of a metrics request.

    Args:
        scanned: The request, from `scan.locate` or `scan.scan`.
        resource: Which attributes of a resource its identity is made of.
        point: Which attributes of a point.
        kernel: The reader.

    Raises:
        Malformed: A metric carries two kinds of data, or the request was never validated.
    """
    columns = _room(scanned, kernel, scanned.items)
    found = _fill(columns, resource, point)
    if found > scanned.items:
        columns = _room(scanned, kernel, found)
        found = _fill(columns, resource, point)
    if found < 0:
        msg = "malformed metrics request: a metric carries data more than once, or is unsound"
        raise Malformed(msg)
    return columns if found == len(columns) else columns.take(np.arange(found))


def _room(scanned: Scan, kernel: PointsKernel, points: int) -> Columns:
    return Columns(
        scanned,
        kernel,
        np.zeros((len(scanned.resources), 2), np.uint64),
        np.zeros((len(scanned.scopes), 2), np.uint64),
        np.zeros((len(scanned.entries), 2), np.uint64),
        np.zeros((len(scanned.entries), 4), np.int64),
        np.empty((points, 7), np.int64),
        np.empty((points, 3), np.uint64),
        np.empty((points, 4), np.uint8),
        np.empty((points, 2), np.uint64),
    )


def _fill(columns: Columns, resource: Keys, point: Keys) -> int:
    scanned = columns.scanned
    return columns.kernel.columns(
        scanned.payload,
        (scanned.resources, scanned.scopes, scanned.entries),
        resource.choice,
        point.choice,
        (columns.resource_id, columns.scope_id, columns.entry_id),
        columns.data,
        (*columns.rows, columns.point_id),
    )


def digests(scanned: Scan, spots: Longs, salt: Words, kernel: PointsKernel = POINTS) -> Words:
    """Identities of slices of a request, each within its own salt of two words.

    Raises:
        ValueError: A slice is outside of the request.
    """
    out = np.empty((len(spots), 2), np.uint64)
    slices, salts = np.ascontiguousarray(spots), np.ascontiguousarray(salt)
    if not kernel.digests(scanned.payload, slices, salts, out):
        msg = "slices must be inside of the request"
        raise ValueError(msg)
    return out


def gather(source: Octets, spots: Longs, kernel: PointsKernel = POINTS) -> tuple[Octets, Longs]:
    """Copy slices (start, end) one after the other: the bytes, and where each is now.

    Raises:
        ValueError: One is outside of `source`.
    """
    ends = np.cumsum(spots[:, 1] - spots[:, 0])
    starts = ends - (spots[:, 1] - spots[:, 0])
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    if not kernel.move(source, np.ascontiguousarray(spots), out, starts):
        msg = "slices must be inside of what they are taken from"
        raise ValueError(msg)
    return out, np.column_stack((starts, ends))


def rests(
    payload: Octets,
    spots: Longs,
    skipped: Iterable[int],
    temporality: Octets | None = None,
    kernel: PointsKernel = POINTS,
) -> tuple[Octets, Longs]:
    """Messages without the fields `skipped`: the bytes, and where each stands in them.

    Args:
        payload: Where the messages are.
        spots: Start and end of each.
        skipped: Numbers of fields.
        temporality: Where not 0, what field 2 becomes.
        kernel: The writer.
    """
    fields: Shorts = np.zeros(_FIELDS, np.int16)
    fields[list(skipped)] = 1
    wanted = np.zeros(len(spots), np.uint8) if temporality is None else temporality
    out = np.empty(int((spots[:, 1] - spots[:, 0]).sum()) + 2 * len(spots), np.uint8)
    extent = np.zeros((len(spots), 2), np.int64)
    written = kernel.rests(payload, spots, fields, wanted, out, extent)
    if written < 0:
        msg = "malformed metrics request: unsound"
        raise Malformed(msg)
    return out[:written], extent


def edit(
    payload: Octets,
    bodies: Longs,
    value: Words,
    kind: int,
    keys: Keys = EVERY,
    kernel: PointsKernel = POINTS,
) -> tuple[Octets, Longs]:
    """Points of one kind with other times, values and less attributes.

    Args:
        payload: Where the points are.
        bodies: Start and end of each message.
        value: Start, time, bits and type of each; what is 0 is left out.
        kind: What they are points of.
        keys: Attributes that stay.
        kernel: The writer.

    Returns:
        Bytes, and start and end in them of each point with its tag.
    """
    out = np.empty(int((bodies[:, 1] - bodies[:, 0]).sum()) + _SPARE * len(bodies), np.uint8)
    extent = np.zeros((len(bodies), 2), np.int64)
    written = kernel.edit(payload, bodies, value, ATTRIBUTES[kind], keys.choice, out, extent)
    if written < 0:
        msg = "malformed metrics request: unsound"
        raise Malformed(msg)
    return out[:written], extent


def trimmed(
    payload: Octets, bodies: Longs, field: int, keys: Keys, kernel: PointsKernel = POINTS
) -> tuple[Octets, Longs]:
    """Messages with less attributes: bytes, and start and end of each message in them.

    Args:
        payload: Where the messages are; none has a field 4, or 2 or 3 of a fixed width.
        bodies: Start and end of each.
        field: Number of the attributes field.
        keys: Attributes that stay.
        kernel: The writer.
    """
    out = np.empty(int((bodies[:, 1] - bodies[:, 0]).sum()) + _SPARE * len(bodies), np.uint8)
    extent = np.zeros((len(bodies), 2), np.int64)
    nothing = np.zeros((len(bodies), 4), np.uint64)
    if kernel.edit(payload, bodies, nothing, field, keys.choice, out, extent) < 0:
        msg = "malformed request: unsound"
        raise Malformed(msg)
    extent[:, 0] += 1  # the tag; then the length, in bytes of which all but the last say more
    more = np.ones(len(extent), np.bool_)
    while bool(more.any()):
        more &= out[extent[:, 0]] > 0x7F if len(extent) else more
        extent[more, 0] += 1
    extent[:, 0] += 1
    return out, extent


@dataclass(frozen=True, slots=True)
class Parts:
    """What a request is assembled from; see `PointsKernel.assemble` for the rows."""

    source: Octets
    resources: Longs
    scopes: Longs
    metrics: Longs
    points: Longs


def assemble(parts: Parts, kernel: PointsKernel = POINTS) -> bytes:
    """Write a request; what has no point is left out.

    Raises:
        ValueError: Rows are not in the order of their parents, or outside.
    """
    rows = parts.resources, parts.scopes, parts.metrics, parts.points
    guess = int((parts.points[:, 1] - parts.points[:, 0]).sum()) + len(parts.source)
    out = np.empty(guess, np.uint8)
    needed = kernel.assemble(parts.source, *rows, out)
    if needed > guess:
        out = np.empty(needed, np.uint8)
        needed = kernel.assemble(parts.source, *rows, out)
    if needed < 0:
        msg = "rows of a request must be in the order of their parents"
        raise ValueError(msg)
    return out[:needed].tobytes()


def rebuild(columns: Columns, changed: Octets, points: Longs, temporality: Octets) -> bytes:
    """The request of `columns` with these points only.

    Args:
        columns: What was read; heads of resources, scopes and metrics come from there.
        changed: Bytes of points that are new.
        points: Start, end and entry row of each, in the order of the entry rows; a start below
            the payload's length is in the payload, from there on in `changed`.
        temporality: What each metric's becomes; 0 leaves it as it is.
    """
    scanned, data = columns.scanned, columns.data
    payload = columns.bytes
    heads: list[tuple[Octets, Longs]] = [
        rests(payload, _inner(scanned.resources), (2,)),
        rests(payload, _inner(scanned.scopes), (2,)),
        rests(payload, _inner(scanned.entries), ATTRIBUTES),
    ]
    inner = np.ascontiguousarray(data[:, :2])
    plain = rests(payload, inner, (1,))
    if temporality.any():
        # Field 2 of what changes goes; what stays as it is keeps its own.
        other = rests(payload, inner, (1, 2), temporality)
        spots = np.where(temporality[:, None] > 0, other[1] + len(plain[0]), plain[1])
        plain = np.concatenate((plain[0], other[0])), spots
    base = len(payload) + len(changed)
    extents: list[Longs] = []
    for buffer, extent in (*heads, plain):
        extents.append(extent + base)
        base += len(buffer)
    source = np.concatenate((payload, changed, *(buffer for buffer, _ in heads), plain[0]))
    metrics = np.column_stack(
        (extents[2], scanned.entries[:, 3], data[:, 2], extents[3]),
    )
    scopes = np.column_stack((extents[1], scanned.scopes[:, 3]))
    return assemble(
        Parts(source, extents[0], _rows(scopes), _rows(metrics), _rows(points)), columns.kernel
    )


def _inner(at: Longs) -> Longs:
    return np.ascontiguousarray(at[:, 1:3])


def _rows(rows: Longs) -> Longs:
    return np.ascontiguousarray(rows, np.int64)
