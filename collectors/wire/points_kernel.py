"""The seam between the two readers of data points: the compiled one, and its twin in Python."""

from __future__ import annotations

import importlib
from typing import Final, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs, Octets, Shorts, Words

Ints: TypeAlias = NDArray[np.int32]

PointRows: TypeAlias = tuple[Longs, Words, Octets]
"""Places, words and marks of points, as `PointsKernel.columns` fills them."""

KeyChoice: TypeAlias = tuple[tuple[bytes, ...], bool]
"""Attribute keys, and whether they are the only ones that count, or the ones that do not."""

GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY = 5, 7, 9, 10, 11
"""Kinds of metrics: the fields of `Metric` that hold their data."""

DELTA, CUMULATIVE = 1, 2
"""Temporalities, as the protocol numbers them."""

DOUBLE, INT, COUNT = 1, 2, 3
"""What the bits of a value mean; 0 is no value, `COUNT` the count of a histogram or summary."""

NO_VALUE: Final = 1
"""Bit of a point's flags: it only says that its series has no value now."""

FIRST, NEXT, RESET, LATE, TWICE, EMPTY = 1, 2, 3, 4, 5, 6
"""Verdicts on a point: the first of its series, a further one, the first after the source began
again, older than the newest or of a source that began before, of the same time as the newest,
without a value. 0: no row."""

NOBODY: Final = -2
"""`prior` of a point that has none before it; -1 is the state before this batch."""


class PointsKernel(Protocol):
    """Functions over data points. Arrays are C-contiguous and of the types named."""

    def columns(
        self,
        payload: bytes,
        levels: tuple[Longs, Longs, Longs],
        resource_keys: KeyChoice,
        point_keys: KeyChoice,
        ids: tuple[Words, Words, Words],
        data_at: Longs,
        rows: tuple[Longs, Words, Octets, Words],
    ) -> int:
        """Read every data point: how many there are, -1 where the payload makes no sense.

        Identities are two words: SipHash-1-3 with 128 bits over the parent's identity, the
        names, and the attributes in the order of their digests.

        Args:
            payload: A metrics request.
            levels: Resources, scopes and entries, as `scan.Scan` has them.
            resource_keys: Which attributes make a resource what it is.
            point_keys: Which attributes make a point what it is.
            ids: Become the identities of resources, scopes and entries.
            data_at: Becomes, of each metric, (start, end, kind, temporality) of its data; 0 none.
            rows: Become, of each point: (tag, body, end, entry row, first attribute, end of the
                last one, flags); (start, time, bits of the value); (kind, temporality, is
                monotonic, type of the value); its identity.
        """
        ...

    def records(
        self,
        payload: bytes,
        levels: tuple[Longs, Longs, Longs],
        keys: KeyChoice,
        whole: bool,
        ids: tuple[Words, Words, Words],
        count: Longs,
    ) -> bool:
        """Identities of log records, as `columns` has those of points; whether all made sense.

        Args:
            payload: A logs request.
            levels: Resources, scopes and records, as `scan.Scan` has them.
            keys: Which attributes make a record what it is.
            whole: Severity, body and the name of the event do too.
            ids: Become the identities of resources, scopes and records.
            count: Becomes how many attributes of each record counted.
        """
        ...

    def digests(self, payload: bytes, spot: Longs, salt: Words, out: Words) -> bool:
        """Identities of slices (start, end), each within its own salt; whether all were inside.

        SipHash as in `columns`, over the two words of the salt and the slice.
        """
        ...

    def assign(
        self, identity: Words, slots: Ints, known: Words, used: int, limit: int, row: Longs
    ) -> int:
        """Number identities in order of appearance; how many are known afterwards.

        Args:
            identity: To be looked up.
            slots: The table, a power of two and at least twice `limit`: row + 1, or 0.
            known: Identity of each row.
            used: Rows that are taken.
            limit: Most rows.
            row: Becomes the row of each, -1 where there is no room for a new one.
        """
        ...

    def follow(
        self,
        row: Longs,
        points: PointRows,
        series: tuple[Words, Octets, Ints],
        found: tuple[Octets, Longs, Words],
    ) -> None:
        """Set each point against the one before it in its series, in order.

        Args:
            row: The series of each point, -1 for none.
            points: As from `columns`.
            series: Start, time and value of the newest point of each series; the type of that
                value, 0 before the first; and -1 for each, room to work in.
            found: Become, of each point: a verdict; the point before it, `NOBODY`, or -1 for what
                stood in `series`; the start of what was added since, and what, by the point's type.
        """
        ...

    def accumulate(
        self,
        row: Longs,
        points: PointRows,
        in_order: bool,
        series: tuple[Words, Octets],
        found: tuple[Octets, Words],
    ) -> None:
        """Add each point to its series, in order.

        Args:
            row: As in `follow`.
            points: As from `columns`.
            in_order: A point that is not newer than the newest is not added.
            series: Start, time and sum so far of each series; the type of that sum. A whole
                number that goes beyond 64 bits goes on as a double.
            found: Become, of each point: a verdict; start, time, sum and type after it.
        """
        ...

    def move(self, source: Octets, spot: Longs, target: Octets, to: Longs) -> bool:
        """Copy slices (start, end) to places in `target`; whether all were inside."""
        ...

    def rests(
        self,
        payload: Octets,
        spot: Longs,
        skipped: Shorts,
        temporality: Octets,
        out: Octets,
        extent: Longs,
    ) -> int:
        """Copy messages without the fields that are `skipped`; the bytes written, -1 if wrong.

        Args:
            payload: Where the messages are.
            spot: Start and end of each.
            skipped: 1 at each field that is left out.
            temporality: Where not 0, field 2 is written with it at the end of the message.
            out: Takes the copies.
            extent: Becomes start and end of each in `out`.
        """
        ...

    def edit(
        self,
        payload: Octets,
        spot: Longs,
        value: Words,
        attributes: int,
        keys: KeyChoice,
        out: Octets,
        extent: Longs,
    ) -> int:
        """Copy data points with other times, values, and less attributes; -1 if wrong.

        Args:
            payload: Where the points are.
            spot: Start and end of each point's message.
            value: Start, time, bits and type of each; what is 0 is left out.
            attributes: Number of the attributes field.
            keys: Which attributes stay.
            out: Takes the copies, each as field 1 of a message; 33 bytes more are needed of each.
            extent: Becomes start and end of each in `out`.
        """
        ...

    def assemble(
        self,
        source: Octets,
        resource: Longs,
        scope: Longs,
        metric: Longs,
        point: Longs,
        out: Octets,
    ) -> int:
        """Write a request; the bytes needed, and nothing written where `out` has less. -1 if wrong.

        What has no point is left out. Rows are in the order of their parents.

        Args:
            source: Where all parts are.
            resource: Start and end of each resource's own fields.
            scope: Likewise, and the row of its resource.
            metric: Likewise, the row of its scope, the field of its data, start and end of that
                message's own fields.
            point: Start and end of each point as a field, and the row of its metric.
            out: Takes the request.
        """
        ...


def compiled_points() -> PointsKernel | None:
    """The compiled reader, or None where the project was installed without a C compiler."""
    try:
        return cast("PointsKernel", importlib.import_module("collectors.wire._points"))
    except ImportError:
        return None


def twin_points() -> PointsKernel:
    """The reader in Python."""
    return cast("PointsKernel", importlib.import_module("collectors.wire.points_reference"))
