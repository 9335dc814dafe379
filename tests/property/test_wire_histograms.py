"""Histograms in flat arrays: the compiled half, its twin in Python, and what protobuf reads."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
)

from collectors.wire.histograms import Bank
from collectors.wire.histograms_kernel import (
    ADD,
    COPY,
    DONE,
    FELL,
    FITS,
    SIZE_A,
    START,
    TAKE_OUT,
    UNFIT,
    HistogramsKernel,
    compiled_histograms,
    twin_histograms,
)
from collectors.wire.kernel import Longs, Octets
from collectors.wire.parse import Malformed
from collectors.wire.points_kernel import EXPONENTIAL, HISTOGRAM
from tests.property.test_wire_scanners import fill_attributes

SEEDS = st.integers(0, 2**32)
Point = HistogramDataPoint | ExponentialHistogramDataPoint
COUNTS = (0, 0, 1, 3, 200, 2**40, 2**64 - 1)
REALS = (0.0, -1.5, 2.5, 1e300, float("inf"), float("nan"))


def kernels() -> list[HistogramsKernel]:
    found = compiled_histograms()
    return [twin_histograms()] if found is None else [found, twin_histograms()]


def some_point(dice: random.Random) -> Point:
    point: Point
    if dice.random() < 0.4:
        size = dice.choice((0, 1, 3, 3, 3))
        point = HistogramDataPoint(
            bucket_counts=[dice.choice(COUNTS) for _ in range(dice.choice((size, size + 1)))],
            explicit_bounds=[dice.choice((1.0, 1.0, 2.0)) for _ in range(size)],
        )
    else:
        point = ExponentialHistogramDataPoint(
            scale=dice.choice((0, 3, 3, 4, 20, -5, -64, 64, 65)),
            zero_count=dice.choice(COUNTS),
            zero_threshold=dice.choice((0.0, 0.0, 0.5, 3.0, -1.0, *REALS)),
        )
        for side in (point.positive, point.negative):
            if dice.random() < 0.6:
                side.offset = dice.choice((0, -3, 5, 90, -2000, 2**31 - 200, -(2**31)))
                side.bucket_counts.extend(
                    dice.choice(COUNTS) for _ in range(dice.choice((0, 1, 4, 30, 200)))
                )
    point.count = dice.choice(COUNTS)
    for name in ("sum", "min", "max"):
        if dice.random() < 0.8:
            setattr(point, name, dice.choice(REALS))
    point.flags, point.time_unix_nano = dice.randrange(2), dice.randrange(9)
    fill_attributes(point.attributes, dice)
    if dice.random() < 0.3:
        point.exemplars.add(as_double=2.0)
    return point


def laid(points: list[Point]) -> tuple[Octets, Longs]:
    """All messages in one buffer, and where each stands and of which kind it is."""
    spots, data = list[tuple[int, int, int]](), bytearray()
    for point in points:
        start = len(data)
        data += point.SerializeToString()
        kind = HISTOGRAM if isinstance(point, HistogramDataPoint) else EXPONENTIAL
        spots.append((start, len(data), kind))
    return np.frombuffer(bytes(data), np.uint8), np.array(spots, np.int64).reshape(-1, 3)


def state(bank: Bank) -> dict[str, bytes]:
    return bank.snapshot()


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_both_halves_do_the_same_to_the_last_bit(seed: int) -> None:
    dice = random.Random(seed)
    payload, points = laid([some_point(dice) for _ in range(dice.randrange(1, 9))])
    work = [
        (
            dice.choice((COPY, ADD, ADD, TAKE_OUT, FITS)),
            np.array([dice.randrange(5) for _ in range(6)], np.int64),
            np.array([dice.randrange(len(points)) for _ in range(6)], np.int64),
            dice.random() < 0.2,
        )
        for _ in range(6)
    ]
    results = list[list[dict[str, bytes] | bytes]]()
    for kernel in kernels():
        read, kept = Bank.read(payload, points, kernel), Bank(5, kernel)
        found: list[dict[str, bytes] | bytes] = [state(read)]
        for how, mine, others, among in work:
            right, which = (kept, others % 5) if among else (read, others)
            found += [kept.combine(how, mine, right, which).tobytes(), state(kept)]
        kept.keep(np.array([4, 0, 2]))
        results.append([*found, state(kept)])

    assert all(other == results[0] for other in results)


def message(kind: int, data: bytes) -> Point:
    if kind == HISTOGRAM:
        (explicit,) = Histogram.FromString(data).data_points
        return explicit
    (exponential,) = ExponentialHistogram.FromString(data).data_points
    return exponential


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_row_is_written_as_what_was_read(seed: int) -> None:
    dice = random.Random(seed)
    given_points = [some_point(dice) for _ in range(dice.randrange(1, 6))]
    payload, points = laid(given_points)
    for kernel in kernels():
        bank = Bank.read(payload, points, kernel)
        rows = np.flatnonzero(bank.sensible)
        times = np.array([[7, 0 if row % 2 else 9] for row in rows], np.uint64).reshape(-1, 2)

        out, extents = bank.points(rows, payload, points[rows, :2], times)

        data = out.tobytes()
        for row, (start, end), (begun, now) in zip(
            rows.tolist(), extents.tolist(), times.tolist(), strict=True
        ):
            expected = given_points[row]
            expected.start_time_unix_nano, expected.time_unix_nano = begun, now
            found = message(int(points[row, 2]), data[start:end])
            assert normal(found) == normal(expected)


def normal(point: Point) -> bytes:
    """With nothing that says the same in two ways: empty buckets at the ends, senseless zeros."""
    plain = type(point).FromString(point.SerializeToString())
    if isinstance(plain, ExponentialHistogramDataPoint):
        if not plain.zero_threshold > 0:
            plain.zero_threshold = 0.0
        for name in ("positive", "negative"):
            side = getattr(plain, name)
            counts, first = list(side.bucket_counts), side.offset
            while counts and not counts[-1]:
                counts.pop()
            while counts and not counts[0]:
                counts.pop(0)
                first += 1
            plain.ClearField(name)  # type: ignore[arg-type]  # one of the two sides
            if counts:
                side.offset, side.bucket_counts[:] = first, counts
    return plain.SerializeToString(deterministic=True)


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_damaged_bytes_are_refused_or_read_alike(seed: int) -> None:
    dice = random.Random(seed)
    payload, points = laid([some_point(dice) for _ in range(2)])
    damaged = payload.copy()
    for _ in range(dice.randrange(1, 4)):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    found = list[dict[str, bytes] | None]()
    for kernel in kernels():
        try:
            found.append(state(Bank.read(damaged, points, kernel)))
        except Malformed:
            found.append(None)

    # protobuf also judges what is in attributes and exemplars
    assert found[-1] is None or found[0] == found[-1]


def test_fields_that_come_in_pieces_are_read_as_protobuf_reads_them() -> None:
    one = ExponentialHistogramDataPoint(count=1, scale=2)
    one.positive.offset = 4
    one.positive.bucket_counts.extend([1, 2])
    other = ExponentialHistogramDataPoint(scale=3)
    other.positive.offset = 6
    other.positive.bucket_counts.append(300)
    explicit = HistogramDataPoint(bucket_counts=[1, 2], explicit_bounds=[1.0])
    loose = b"\x31" + (5).to_bytes(8, "little") + b"\x3a\x08" + bytes(8)
    pieces = [one.SerializeToString() + other.SerializeToString() + b"\x42\x02\x10\x07"]
    pieces.append(explicit.SerializeToString() + loose)
    payload = np.frombuffer(b"".join(pieces), np.uint8)
    ends = np.cumsum([0, *map(len, pieces)])
    points = np.column_stack((ends[:-1], ends[1:], [EXPONENTIAL, HISTOGRAM]))

    for kernel in kernels():
        bank = Bank.read(payload, points, kernel)

        assert bank.pool.tolist()[:4] == [1, 2, 300, 7]
        assert bank.pool.tolist()[6:] == [1, 2, 5]


def test_rows_that_say_what_cannot_be_are_refused() -> None:
    point = HistogramDataPoint(count=3, bucket_counts=[1, 2], explicit_bounds=[1.0])
    payload, points = laid([point])
    row = np.zeros(1, np.int64)
    for kernel in kernels():
        bank = Bank.read(payload, points, kernel)
        with pytest.raises(ValueError, match="not there"):
            bank.combine(ADD, row + 1, bank, row)
    compiled = compiled_histograms()
    if compiled is not None:
        for column in (SIZE_A, START):
            bank = Bank.read(payload, points, compiled)
            bank.head[0, column] = 2**40
            with pytest.raises(ValueError, match="not sound"):
                bank.combine(ADD, row, bank, row)


def test_outcomes_tell_other_buckets_from_less_of_them() -> None:
    payload, points = laid(
        [
            HistogramDataPoint(count=3, bucket_counts=[1, 2], explicit_bounds=[1.0]),
            HistogramDataPoint(count=4, bucket_counts=[0, 4], explicit_bounds=[1.0]),
            HistogramDataPoint(count=3, bucket_counts=[1, 2], explicit_bounds=[2.0]),
        ]
    )
    for kernel in kernels():
        bank = Bank.read(payload, points, kernel)

        outcome = bank.combine(TAKE_OUT, np.array([0, 0, 0]), bank, np.array([1, 2, 0]))

        assert outcome.tolist() == [FELL, UNFIT, DONE]
