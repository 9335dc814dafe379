"""The compiled reader of data points, its twin in Python and protobuf's parser agree."""

from __future__ import annotations

import random
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collectors.component import Signal
from collectors.wire import Malformed
from collectors.wire.points import (
    EVERY,
    Columns,
    Keys,
    edit,
    read,
    rebuild,
)
from collectors.wire.points_kernel import (
    COUNT,
    DOUBLE,
    GAUGE,
    INT,
    SUM,
    PointsKernel,
    compiled_points,
    twin_points,
)
from collectors.wire.scan import locate, scan
from tests.property.test_wire_scanners import fill_attributes

METRICS = Signal.METRICS
COLUMNS = ("resource_id", "scope_id", "entry_id", "data", "at", "word", "mark", "point_id")
SEEDS = st.integers(0, 2**32)


def readers() -> list[PointsKernel]:
    found = compiled_points()
    return [twin_points()] if found is None else [found, twin_points()]


def request(dice: random.Random) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    for _ in range(dice.randrange(3)):
        resource = message.resource_metrics.add(schema_url=dice.choice(("", "u")))
        fill_attributes(resource.resource.attributes, dice)
        for _ in range(dice.randrange(3)):
            scope = resource.scope_metrics.add()
            scope.scope.name = dice.choice(("", "lib"))
            scope.scope.version = dice.choice(("", "1"))
            fill_attributes(scope.scope.attributes, dice)
            for _ in range(dice.randrange(4)):
                fill_metric(scope.metrics.add(), dice)
    return message


def fill_metric(metric: Metric, dice: random.Random) -> None:
    metric.name, metric.unit = dice.choice(("", "things", "долго")), dice.choice(("", "s"))
    metric.description = dice.choice(("", "told"))
    kind = dice.choice(("gauge", "sum", "histogram", "exponential_histogram", "summary", ""))
    if not kind:
        return
    data = getattr(metric, kind)
    data.SetInParent()
    if kind in ("sum", "histogram", "exponential_histogram"):
        data.aggregation_temporality = dice.randrange(3)
    if kind == "sum":
        data.is_monotonic = dice.random() < 0.5
    for _ in range(dice.randrange(4)):
        point = data.data_points.add(
            start_time_unix_nano=dice.choice((0, 5, 2**64 - 1)),
            time_unix_nano=dice.randrange(2**64),
            flags=dice.choice((0, 1, 2**32 - 1)),
        )
        fill_attributes(point.attributes, dice)
        if kind in ("gauge", "sum"):
            match dice.randrange(3):
                case 0:
                    point.as_int = dice.choice((0, -1, 2**62))
                case 1:
                    point.as_double = dice.choice((0.0, -1.5, 1e300))
                case _:
                    pass
            point.exemplars.add(as_int=dice.randrange(9), time_unix_nano=3)
        else:
            point.count = dice.choice((0, 7, 2**64 - 1))
        if kind == "histogram":
            point.bucket_counts.extend([1, 2])
        if kind == "exponential_histogram":
            point.scale, point.positive.offset = dice.randrange(-9, 9), dice.randrange(-99, 99)
            point.positive.bucket_counts.extend([1, 0, 200])


REQUESTS = SEEDS.map(random.Random).map(request)
KEYS = st.sampled_from(
    [EVERY, Keys(("k0",)), Keys(("k0", "agent"), only=True), Keys((), only=True)]
)


def points_of(metric: Metric) -> list[object]:
    kind = metric.WhichOneof("data")
    return list(getattr(metric, kind).data_points) if kind else []


def messages(request_: ExportMetricsServiceRequest) -> list[tuple[object, object, Metric, object]]:
    return [
        (resource, scope, metric, point)
        for resource in request_.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in points_of(metric)
    ]


def same(one: Columns, other: Columns) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def pairs(attributes: object, keys: Keys) -> frozenset[tuple[str, bytes]]:
    listed = [(of.key, of.value.SerializeToString()) for of in attributes]  # type: ignore[attr-defined]
    chosen = [(key, value) for key, value in listed if (key in keys.names) == keys.only]
    return frozenset((f"{key}#{chosen.count((key, value))}", value) for key, value in chosen)


@given(REQUESTS, KEYS, KEYS)
def test_both_readers_say_of_each_point_what_protobuf_says(
    message: ExportMetricsServiceRequest, resource: Keys, point: Keys
) -> None:
    scanned = scan(METRICS, message.SerializeToString())
    found = [read(scanned, resource, point, kernel) for kernel in readers()]
    known = messages(message)

    assert all(same(found[0], other) for other in found[1:])
    assert len(found[0]) == len(known) == scanned.items
    for row, (_, _, metric, data) in enumerate(known):
        _, body, end, _, first, last, flags = found[0].at[row].tolist()
        assert scanned.payload[body:end] == data.SerializeToString()  # type: ignore[attr-defined]
        assert flags == data.flags  # type: ignore[attr-defined]
        assert (first >= 0) == bool(data.attributes)  # type: ignore[attr-defined]
        assert body <= max(first, body) <= max(last, body) <= end
        times = data.start_time_unix_nano, data.time_unix_nano  # type: ignore[attr-defined]
        assert tuple(found[0].word[row, :2].tolist()) == times
        assert value_of(found[0], row) == expected(data)
        kind, temporality, monotonic, _ = found[0].mark[row].tolist()
        content = getattr(metric, metric.WhichOneof("data") or "")
        assert temporality == getattr(content, "aggregation_temporality", 0)
        assert monotonic == getattr(content, "is_monotonic", False)
        assert metric.DESCRIPTOR.fields_by_number[kind].name == metric.WhichOneof("data")


def value_of(columns: Columns, row: int) -> object:
    bits, kind = columns.word[row, 2].tobytes(), int(columns.mark[row, 3])
    form = {DOUBLE: "<d", INT: "<q", COUNT: "<Q"}.get(kind)
    return None if form is None else struct.unpack(form, bits)[0]


def expected(point: object) -> object:
    if hasattr(point, "count"):
        return point.count
    name = point.WhichOneof("value")  # type: ignore[attr-defined]
    return None if name is None else getattr(point, name)


@given(REQUESTS, KEYS, KEYS)
def test_points_have_one_identity_if_and_only_if_they_are_of_one_series(
    message: ExportMetricsServiceRequest, resource: Keys, point: Keys
) -> None:
    columns = read(scan(METRICS, message.SerializeToString()), resource, point)

    series: dict[object, bytes] = {}
    for row, (of, scope, metric, data) in enumerate(messages(message)):
        content = getattr(metric, metric.WhichOneof("data") or "")
        key = (
            of.schema_url,  # type: ignore[attr-defined]
            pairs(of.resource.attributes, resource),  # type: ignore[attr-defined]
            scope.scope.name,  # type: ignore[attr-defined]
            scope.scope.version,  # type: ignore[attr-defined]
            pairs(scope.scope.attributes, EVERY),  # type: ignore[attr-defined]
            metric.name,
            metric.unit,
            metric.WhichOneof("data"),
            getattr(content, "aggregation_temporality", 0),
            getattr(content, "is_monotonic", False),
            pairs(data.attributes, point),  # type: ignore[attr-defined]
        )
        identity = columns.point_id[row].tobytes()
        assert series.setdefault(key, identity) == identity
    assert len(set(series.values())) == len(series)


@given(REQUESTS, SEEDS)
def test_an_identity_does_not_know_the_order_of_attributes(
    message: ExportMetricsServiceRequest, seed: int
) -> None:
    dice, before = random.Random(seed), read(scan(METRICS, message.SerializeToString()))
    for resource, scope, _, data in messages(message):
        for owner in (resource.resource, scope.scope, data):  # type: ignore[attr-defined]
            listed = list(owner.attributes)
            dice.shuffle(listed)
            del owner.attributes[:]
            owner.attributes.extend(listed)

    after = read(scan(METRICS, message.SerializeToString()))

    assert np.array_equal(before.point_id, after.point_id)


@settings(max_examples=150)
@given(REQUESTS, SEEDS)
def test_both_readers_agree_on_bytes_that_were_damaged(
    message: ExportMetricsServiceRequest, seed: int
) -> None:
    dice, payload = random.Random(seed), bytearray(message.SerializeToString())
    for _ in range(dice.randrange(1, 4)):
        if payload:
            payload[dice.randrange(len(payload))] = dice.randrange(256)
    scanned = locate(METRICS, bytes(payload), 3)

    found: list[Columns | None] = []
    for kernel in readers():
        try:
            found.append(read(scanned, kernel=kernel))
        except Malformed:
            found.append(None)

    written = [None if of is None else anew(of) for of in found]
    for other, bytes_ in zip(found[1:], written[1:], strict=True):
        assert (found[0] is None) == (other is None)
        assert found[0] is None or other is None or same(found[0], other)
        assert bytes_ == written[0]


def anew(columns: Columns) -> bytes:
    points = np.column_stack((columns.spots, columns.at[:, 3]))
    becomes = np.where(np.isin(columns.data[:, 2], (7, 9, 10)), 1, 0).astype(np.uint8)
    return rebuild(columns, np.empty(0, np.uint8), points, becomes)


@given(REQUESTS, SEEDS)
def test_a_request_written_anew_holds_the_points_that_were_kept(
    message: ExportMetricsServiceRequest, seed: int
) -> None:
    dice, scanned = random.Random(seed), scan(METRICS, message.SerializeToString())
    kept = np.array([dice.random() < 0.6 for _ in range(scanned.items)], np.bool_)
    written: list[bytes] = []
    for kernel in readers():
        columns = read(scanned, kernel=kernel)
        points = np.column_stack((columns.spots, columns.at[:, 3]))[kept]
        becomes = np.where(np.isin(columns.data[:, 2], (7, 9, 10)), 2, 0).astype(np.uint8)
        written.append(rebuild(columns, np.empty(0, np.uint8), points, becomes))

    assert len(set(written)) == 1
    after = messages(ExportMetricsServiceRequest.FromString(written[0]))
    before = [of for of, stays in zip(messages(message), kept.tolist(), strict=True) if stays]
    assert [of[3] for of in after] == [of[3] for of in before]
    for (resource, scope, metric, _), (old, within, was, _) in zip(after, before, strict=True):
        assert resource.resource == old.resource  # type: ignore[attr-defined]
        assert scope.scope == within.scope  # type: ignore[attr-defined]
        assert (metric.name, metric.unit, metric.description) == (
            was.name,
            was.unit,
            was.description,
        )
        content = getattr(metric, metric.WhichOneof("data") or "")
        assert getattr(content, "aggregation_temporality", 2) == 2


@given(REQUESTS, KEYS)
def test_an_edited_point_differs_in_what_was_edited_alone(
    message: ExportMetricsServiceRequest, keys: Keys
) -> None:
    scanned = scan(METRICS, message.SerializeToString())
    for kernel in readers():
        columns = read(scanned, kernel=kernel)
        numbers = np.flatnonzero(np.isin(columns.mark[:, 0], (GAUGE, SUM)))
        value = np.tile(np.array([7, 9, 11, INT], np.uint64), (len(numbers), 1))
        bodies = np.ascontiguousarray(columns.bodies[numbers])

        out, extent = edit(columns.bytes, bodies, value, SUM, keys, kernel)

        known = messages(message)
        for row, (start, end) in zip(numbers.tolist(), extent.tolist(), strict=True):
            metric = Metric.FromString(b"\x3a" + varint(end - start) + out[start:end].tobytes())
            (point,) = metric.sum.data_points
            old = known[row][3]
            assert (point.start_time_unix_nano, point.time_unix_nano, point.as_int) == (7, 9, 11)
            assert list(point.exemplars) == list(old.exemplars)  # type: ignore[attr-defined]
            assert list(point.attributes) == [
                of
                for of in old.attributes  # type: ignore[attr-defined]
                if (of.key in keys.names) == keys.only
            ]


def varint(value: int) -> bytes:
    return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))


@settings(max_examples=100)
@given(SEEDS)
def test_both_readers_follow_and_accumulate_alike(seed: int) -> None:
    dice = random.Random(seed)
    rows, size = dice.randrange(1, 5), dice.randrange(0, 40)
    values = (0, 1, 5, 2**63 - 1, 2**63, 2**64 - 1)
    doubles = [
        struct.unpack("<Q", struct.pack("<d", of))[0] for of in (0.5, -3.0, 1e18, float("nan"))
    ]
    row = np.array([dice.randrange(-1, rows) for _ in range(size)], np.int64)
    at = np.array([[0] * 6 + [dice.choice((0, 0, 0, 1))] for _ in range(size)], np.int64)
    mark = np.array(
        [[dice.choice((5, 7, 9)), 2, dice.randrange(2), dice.randrange(4)] for _ in range(size)],
        np.uint8,
    )
    word = np.array(
        [
            [dice.randrange(4), dice.randrange(9), dice.choice((*values, *doubles))]
            for _ in range(size)
        ],
        np.uint64,
    )
    at, mark, word = at.reshape(-1, 7), mark.reshape(-1, 4), word.reshape(-1, 3)

    results: list[list[bytes]] = []
    for kernel in readers():
        found: list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = []
        for in_order in (False, True):
            state, kind = np.zeros((rows, 3), np.uint64), np.zeros(rows, np.uint8)
            verdict, total = np.zeros(size, np.uint8), np.zeros((size, 4), np.uint64)
            points = at, word, mark
            kernel.accumulate(row, points, in_order, (state, kind), (verdict, total))
            found += [state, kind, verdict, total]
        state, kind = np.zeros((rows, 3), np.uint64), np.zeros(rows, np.uint8)
        place = np.full(rows, -1, np.int32)
        verdict, prior = np.zeros(size, np.uint8), np.zeros(size, np.int64)
        step = np.zeros((size, 2), np.uint64)
        kernel.follow(row, (at, word, mark), (state, kind, place), (verdict, prior, step))
        results.append([of.tobytes() for of in (*found, state, kind, place, verdict, prior, step)])

    assert all(other == results[0] for other in results)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))), st.integers(1, 8))
def test_an_index_numbers_identities_in_order_of_appearance(
    identities: list[tuple[int, int]], limit: int
) -> None:
    for kernel in readers():
        slots, known = np.zeros(16, np.int32), np.zeros((8, 2), np.uint64)
        row = np.empty(len(identities), np.int64)
        identity = np.array(identities, np.uint64).reshape(-1, 2)

        used = kernel.assign(identity, slots, known, 0, limit, row)

        seen: dict[tuple[int, int], int] = {}
        for of in identities:
            if of not in seen and len(seen) < limit:
                seen[of] = len(seen)
        assert used == len(seen)
        assert row.tolist() == [seen.get(of, -1) for of in identities]
