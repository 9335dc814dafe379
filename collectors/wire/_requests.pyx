# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""Requests written anew: points moved and edited, messages without some of their fields.

Reads of a payload, and what comes from Python, are checked as in `_columns.pyx`.
"""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from collectors.wire._identity cimport Keys, all_of, fill, forget, is_chosen, read_pair
from collectors.wire._putting cimport close_up, put_fixed, put_varint, width
from collectors.wire._reading cimport FIELDS, Bytes, outside, read_length, read_tag, skip

cdef enum:
    INT = 2
    COUNT = 3


def move(const uint8_t[::1] source, const int64_t[:, ::1] spot, uint8_t[::1] target, const int64_t[::1] to):
    """Copy slices (start, end) of `source` to places in `target`; whether all were inside."""
    cdef Py_ssize_t row
    cdef int64_t length, size = source.shape[0], room = target.shape[0]
    cdef int sound = 1
    with nogil:
        for row in range(spot.shape[0]):
            length = spot[row, 1] - spot[row, 0]
            if outside(spot[row, 0], spot[row, 1], size) or outside(to[row], to[row] + length, room):
                sound = 0
                break
            if length:
                memcpy(&target[to[row]], &source[spot[row, 0]], length)
    return bool(sound)


def rests(
    const uint8_t[::1] payload, const int64_t[:, ::1] spot, const int16_t[::1] skipped,
    const uint8_t[::1] temporality, uint8_t[::1] out, int64_t[:, ::1] extent,
):
    """Messages without some of their fields; see `PointsKernel.rests`."""
    cdef Py_ssize_t row
    cdef int64_t cursor, end, tag, filled = 0, size = payload.shape[0], room = out.shape[0]
    cdef uint32_t field
    cdef int wire
    cdef Bytes data = &payload[0] if size else NULL
    with nogil:
        for row in range(spot.shape[0]):
            extent[row, 0] = filled
            cursor, end = spot[row, 0], spot[row, 1]
            if outside(cursor, end, size):
                filled = -1
                break
            while cursor < end:
                tag = cursor
                if read_tag(data, &cursor, end, &field, &wire) or skip(data, &cursor, end, field, wire, 0):
                    filled = -1
                    break
                if field < FIELDS and skipped[field]:
                    continue
                if filled + cursor - tag > room:
                    filled = -1
                    break
                memcpy(&out[filled], data + tag, cursor - tag)
                filled += cursor - tag
            if filled < 0:
                break
            if temporality[row]:
                if filled + 2 > room:
                    filled = -1
                    break
                out[filled], out[filled + 1] = 0x10, temporality[row]
                filled += 2
            extent[row, 1] = filled
    return filled


def edit(
    const uint8_t[::1] payload, const int64_t[:, ::1] spot, const uint64_t[:, ::1] value, int attributes,
    tuple chosen, uint8_t[::1] out, int64_t[:, ::1] extent,
):
    """Points with other times and values; see `PointsKernel.edit`."""
    cdef Keys keys
    cdef Py_ssize_t row
    cdef int64_t cursor, end, tag, start, length, filled = 0
    cdef int64_t size = payload.shape[0], room = out.shape[0]
    cdef int64_t pair[4]
    cdef uint32_t field
    cdef int wire
    cdef uint8_t* target = &out[0] if room else NULL
    cdef Bytes data = &payload[0] if size else NULL
    all_of(&keys)
    try:
        fill(&keys, chosen[0], chosen[1])
        with nogil:
            for row in range(spot.shape[0]):
                cursor, end = spot[row, 0], spot[row, 1]
                # Room for the tag and five bytes of length, closed up once the length is known.
                if outside(cursor, end, size) or filled + 6 + (end - cursor) + 27 > room:
                    filled = -1
                    break
                start = filled
                filled += 6
                while cursor < end:
                    tag = cursor
                    if read_tag(data, &cursor, end, &field, &wire):
                        filled = -1
                        break
                    if wire == 1 and (2 <= field <= 4 or field == 6) and (field != 6 or value[row, 3] < COUNT):
                        if end - cursor < 8:
                            filled = -1
                            break
                        cursor += 8
                        continue
                    if wire == 2 and <int>field == attributes:
                        if read_length(data, &cursor, end, &length):
                            filled = -1
                            break
                        cursor += length
                        if (keys.count or keys.keeps) and (
                            read_pair(data, cursor - length, cursor, pair) or not is_chosen(&keys, data, pair[0], pair[1])
                        ):
                            continue
                    elif skip(data, &cursor, end, field, wire, 0):
                        filled = -1
                        break
                    memcpy(target + filled, data + tag, cursor - tag)
                    filled += cursor - tag
                if filled < 0:
                    break
                if value[row, 0]:
                    filled = put_fixed(target, filled, 2, value[row, 0])
                if value[row, 1]:
                    filled = put_fixed(target, filled, 3, value[row, 1])
                if value[row, 3]:
                    filled = put_fixed(target, filled, 6 if value[row, 3] == INT else 4, value[row, 2])
                extent[row, 0], extent[row, 1] = close_up(target, start, filled), filled
    finally:
        forget(&keys)
    return filled


def assemble(
    const uint8_t[::1] source, const int64_t[:, ::1] resource, const int64_t[:, ::1] scope,
    const int64_t[:, ::1] metric, const int64_t[:, ::1] point, uint8_t[::1] out,
):
    """A request of heads and points; see `PointsKernel.assemble`."""
    cdef int64_t resources = resource.shape[0], scopes = scope.shape[0], metrics = metric.shape[0]
    cdef int64_t points = point.shape[0], size = source.shape[0], room = out.shape[0]
    cdef int64_t r, s, m, p, filled = 0, total = 0, last
    cdef Bytes data = &source[0] if size else NULL
    cdef uint8_t* target = &out[0] if room else NULL
    cdef int64_t* of_data = <int64_t*>calloc(metrics + 1, 8)
    cdef int64_t* of_metric = <int64_t*>calloc(metrics + 1, 8)
    cdef int64_t* of_scope = <int64_t*>calloc(scopes + 1, 8)
    cdef int64_t* of_resource = <int64_t*>calloc(resources + 1, 8)
    try:
        if of_data == NULL or of_metric == NULL or of_scope == NULL or of_resource == NULL:
            raise MemoryError
        with nogil:
            last = 0
            for p in range(points):
                m = point[p, 2]
                if outside(point[p, 0], point[p, 1], size) or m < last or m >= metrics:
                    total = -1
                    break
                last = m
                of_data[m] += point[p, 1] - point[p, 0]
            last = 0
            for m in range(metrics):
                s = metric[m, 2]
                if (
                    total < 0 or outside(metric[m, 0], metric[m, 1], size) or outside(metric[m, 4], metric[m, 5], size)
                    or s < last or s >= scopes
                ):
                    total = -1
                    break
                last = s
                if of_data[m]:
                    of_data[m] += metric[m, 5] - metric[m, 4]
                    of_metric[m] = metric[m, 1] - metric[m, 0] + 1 + width(of_data[m]) + of_data[m]
                    of_scope[s] += 1 + width(of_metric[m]) + of_metric[m]
            last = 0
            for s in range(scopes):
                r = scope[s, 2]
                if total < 0 or outside(scope[s, 0], scope[s, 1], size) or r < last or r >= resources:
                    total = -1
                    break
                last = r
                if of_scope[s]:
                    of_scope[s] += scope[s, 1] - scope[s, 0]
                    of_resource[r] += 1 + width(of_scope[s]) + of_scope[s]
            for r in range(resources):
                if total < 0 or outside(resource[r, 0], resource[r, 1], size):
                    total = -1
                    break
                if of_resource[r]:
                    of_resource[r] += resource[r, 1] - resource[r, 0]
                    total += 1 + width(of_resource[r]) + of_resource[r]
            if 0 <= total <= room:
                s = m = p = 0
                for r in range(resources):
                    if of_resource[r]:
                        filled = put_head(target, filled, 0x0A, of_resource[r], data, resource[r, 0], resource[r, 1])
                    while s < scopes and scope[s, 2] == r:
                        if of_scope[s]:
                            filled = put_head(target, filled, 0x12, of_scope[s], data, scope[s, 0], scope[s, 1])
                        while m < metrics and metric[m, 2] == s:
                            if of_data[m]:
                                filled = put_head(target, filled, 0x12, of_metric[m], data, metric[m, 0], metric[m, 1])
                                filled = put_head(
                                    target, filled, <uint8_t>(metric[m, 3] << 3 | 2), of_data[m], data,
                                    metric[m, 4], metric[m, 5],
                                )
                            while p < points and point[p, 2] == m:
                                memcpy(target + filled, data + point[p, 0], point[p, 1] - point[p, 0])
                                filled += point[p, 1] - point[p, 0]
                                p += 1
                            m += 1
                        s += 1
    finally:
        free(of_data)
        free(of_metric)
        free(of_scope)
        free(of_resource)
    return total


cdef inline int64_t put_head(
    uint8_t* target, int64_t at, uint8_t tag, int64_t length, Bytes data, int64_t start, int64_t end
) noexcept nogil:
    target[at] = tag
    at = put_varint(target, at + 1, <uint64_t>length)
    memcpy(target + at, data + start, end - start)
    return at + end - start
