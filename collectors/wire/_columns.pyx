# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""Data points as columns: the compiled half of `points.read`.

As in `_kernel.pyx`, every read of a payload is checked by hand against the end of the
message that it happens in, and work on payloads runs without the GIL. Rows and extents
that come from Python are checked before they are used.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from collectors.wire._identity cimport (
    Keys,
    Pairs,
    Sip,
    absorb,
    absorb_text,
    add_pair,
    all_of,
    begin,
    close,
    fill,
    finish,
    forget,
    name_parents,
)
from collectors.wire._reading cimport Bytes, outside, read_length, read_tag, read_varint, skip

cdef enum:
    DOUBLE = 1
    INT = 2
    COUNT = 3


cdef struct Metric:
    int64_t data_start
    int64_t data_end
    uint8_t kind        # field of the data message, 0 for none
    uint8_t temporality
    uint8_t monotonic


cdef int read_metric(
    Bytes data, int64_t cursor, int64_t end, const uint64_t* parent, Metric* metric, uint64_t* out
) noexcept nogil:
    cdef Sip sip
    cdef int64_t spot[4]
    cdef int64_t length
    cdef uint64_t value
    cdef uint32_t field
    cdef int wire
    spot[0] = spot[1] = spot[2] = spot[3] = 0
    metric.kind = metric.temporality = metric.monotonic = 0
    metric.data_start = metric.data_end = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire != 2:
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        if field == 1:
            spot[0], spot[1] = cursor, cursor + length
        elif field == 3:
            spot[2], spot[3] = cursor, cursor + length
        elif field == 5 or field == 7 or 9 <= field <= 11:
            if metric.kind:
                return 1
            metric.kind = <uint8_t>field
            metric.data_start, metric.data_end = cursor, cursor + length
        cursor += length
    cursor, end = metric.data_start, metric.data_end
    if metric.kind == 7 or metric.kind == 9 or metric.kind == 10:
        while cursor < end:
            if read_tag(data, &cursor, end, &field, &wire):
                return 1
            if wire == 0:
                if read_varint(data, &cursor, end, &value):
                    return 1
                if field == 2:
                    metric.temporality = <uint8_t>value if value < 3 else 0
                elif field == 3 and metric.kind == 7:
                    metric.monotonic = value != 0
            elif skip(data, &cursor, end, field, wire, 0):
                return 1
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    absorb(&sip, metric.kind | (<uint64_t>metric.temporality << 8) | (<uint64_t>metric.monotonic << 16))
    absorb_text(&sip, data, spot[0], spot[1])
    absorb_text(&sip, data, spot[2], spot[3])
    finish(&sip, out)
    return 0


cdef int read_point(
    Bytes data, int64_t cursor, int64_t end, int kind, const uint64_t* parent, Pairs* pairs,
    Keys* keys, int64_t* at, uint64_t* word, uint8_t* mark, uint64_t* out,
) noexcept nogil:
    cdef Sip sip
    cdef int64_t length, tag
    cdef uint64_t value
    cdef uint32_t field
    cdef int wire, bad
    cdef uint32_t attributes = 1 if kind == 10 else (9 if kind == 9 else 7)
    cdef uint32_t flags = 8 if kind == 5 or kind == 7 or kind == 11 else 10
    cdef int is_number = kind == 5 or kind == 7
    at[4] = at[5] = -1
    at[6] = 0
    word[0] = word[1] = word[2] = 0
    mark[3] = 0 if is_number else COUNT
    while cursor < end:
        tag = cursor
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire == 1:
            if end - cursor < 8:
                return 1
            memcpy(&value, data + cursor, 8)
            cursor += 8
            if field == 2:
                word[0] = value
            elif field == 3:
                word[1] = value
            elif field == 4:
                word[2] = value
                mark[3] = DOUBLE if is_number else COUNT
            elif field == 6 and is_number:
                word[2] = value
                mark[3] = INT
        elif wire == 2 and field == attributes:
            if read_length(data, &cursor, end, &length):
                return 1
            bad = add_pair(pairs, keys, data, cursor, cursor + length)
            if bad:
                return bad
            cursor += length
            if at[4] < 0:
                at[4] = tag
            at[5] = cursor
        elif wire == 0 and field == flags:
            if read_varint(data, &cursor, end, &value):
                return 1
            at[6] = <int64_t>(value & 0xFFFFFFFFULL)
        elif skip(data, &cursor, end, field, wire, 0):
            return 1
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    close(pairs, &sip, out)
    return 0


def columns(
    const uint8_t[::1] payload, tuple levels, tuple resource_keys, tuple point_keys, tuple ids,
    int64_t[:, ::1] data_at, tuple rows,
):
    """Everything about every data point; see `PointsKernel.columns`."""
    cdef const int64_t[:, ::1] resource_at = levels[0], scope_at = levels[1], entry_at = levels[2]
    cdef uint64_t[:, ::1] resource_id = ids[0], scope_id = ids[1], entry_id = ids[2]
    cdef int64_t[:, ::1] at = rows[0]
    cdef uint64_t[:, ::1] word = rows[1]
    cdef uint8_t[:, ::1] mark = rows[2]
    cdef uint64_t[:, ::1] point_id = rows[3]
    cdef Keys resources, points
    cdef Pairs pairs
    cdef Metric metric
    cdef Py_ssize_t row
    cdef int64_t found = 0, room = at.shape[0], size = payload.shape[0]
    cdef int64_t cursor, end, tag, length, parent
    cdef uint32_t field
    cdef int wire, bad
    cdef Bytes data = &payload[0] if size else NULL
    all_of(&resources)
    all_of(&points)
    pairs.digest = NULL
    pairs.count = pairs.room = 0
    try:
        fill(&resources, resource_keys[0], resource_keys[1])
        fill(&points, point_keys[0], point_keys[1])
        with nogil:
            bad = name_parents(data, size, resource_at, scope_at, &pairs, &resources, resource_id, scope_id)
            for row in range(entry_at.shape[0]):
                parent = entry_at[row, 3]
                if bad or outside(entry_at[row, 1], entry_at[row, 2], size) or outside(parent, parent + 1, scope_at.shape[0]):
                    bad = bad or 1
                    break
                bad = read_metric(
                    data, entry_at[row, 1], entry_at[row, 2], &scope_id[parent, 0], &metric, &entry_id[row, 0]
                )
                if bad:
                    break
                data_at[row, 0], data_at[row, 1], data_at[row, 2] = metric.data_start, metric.data_end, metric.kind
                data_at[row, 3] = metric.temporality
                cursor, end = metric.data_start, metric.data_end
                while cursor < end:
                    tag = cursor
                    if read_tag(data, &cursor, end, &field, &wire):
                        bad = 1
                        break
                    if wire != 2 or field != 1:
                        if skip(data, &cursor, end, field, wire, 0):
                            bad = 1
                            break
                        continue
                    if read_length(data, &cursor, end, &length):
                        bad = 1
                        break
                    if found < room:
                        at[found, 0], at[found, 1], at[found, 2], at[found, 3] = tag, cursor, cursor + length, row
                        mark[found, 0], mark[found, 1] = metric.kind, metric.temporality
                        mark[found, 2] = metric.monotonic
                        bad = read_point(
                            data, cursor, cursor + length, metric.kind, &entry_id[row, 0], &pairs, &points,
                            &at[found, 0], &word[found, 0], &mark[found, 0], &point_id[found, 0],
                        )
                        if bad:
                            break
                    found += 1
                    cursor += length
                if bad:
                    break
    finally:
        free(pairs.digest)
        forget(&resources)
        forget(&points)
    if bad == 2:
        raise MemoryError
    return -1 if bad else found
