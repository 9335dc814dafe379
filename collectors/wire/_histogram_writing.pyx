# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""Rows of histograms written as data points.

Every read of a template is checked by hand against the end of the message that it happens in,
and rows that come from Python before they are used.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from collectors.wire._histogram_rows cimport (
    COUNT,
    EXPLICIT,
    FIRST_A,
    FIRST_B,
    HAS,
    HAS_LEAST,
    HAS_MOST,
    HAS_SUM,
    KIND,
    LEAST,
    MOST,
    SCALE,
    SIZE_A,
    SIZE_B,
    START,
    SUM,
    THRESHOLD,
    ZEROS,
    is_sound,
)
from collectors.wire._putting cimport close_up, put_fixed, put_varint, width
from collectors.wire._reading cimport Bytes, outside, read_tag, skip

cdef enum:
    HEAD_BYTES = 160    # most that a written point has beside its template and its buckets


cdef inline uint64_t zigzag(int64_t value) noexcept nogil:
    return <uint64_t>(<uint32_t>((value << 1) ^ (value >> 63)))


cdef inline int is_counted(uint64_t kind, uint32_t field) noexcept nogil:
    """Whether a field of a point says when or what was counted."""
    if kind == EXPLICIT:
        return 2 <= field <= 7 or field == 11 or field == 12
    return 2 <= field <= 9 or 12 <= field <= 14


cdef int64_t put_edges(uint8_t* target, int64_t at, const uint64_t* row, uint32_t least) noexcept nogil:
    if row[COUNT]:
        at = put_fixed(target, at, 4, row[COUNT])
    if row[HAS] & HAS_SUM:
        at = put_fixed(target, at, 5, row[SUM])
    if row[HAS] & HAS_LEAST:
        at = put_fixed(target, at, least, row[LEAST])
    if row[HAS] & HAS_MOST:
        at = put_fixed(target, at, least + 1, row[MOST])
    return at


cdef int64_t put_cells(uint8_t* target, int64_t at, uint8_t tag, const uint64_t* cells, uint64_t size) noexcept nogil:
    if size:
        target[at] = tag
        at = put_varint(target, at + 1, size * 8)
        memcpy(target + at, cells, size * 8)
        at += <int64_t>(size * 8)
    return at


cdef int64_t put_side(
    uint8_t* target, int64_t at, uint8_t tag, int64_t first, const uint64_t* cells, uint64_t size
) noexcept nogil:
    cdef uint64_t cell, counts = 0, offset
    if size == 0:
        return at
    for cell in range(size):
        counts += <uint64_t>width(cells[cell])
    offset = zigzag(first)
    target[at] = tag
    at = put_varint(target, at + 1, (1 + width(offset) if offset else 0) + 1 + width(counts) + counts)
    if offset:
        target[at] = 0x08
        at = put_varint(target, at + 1, offset)
    target[at] = 0x12
    at = put_varint(target, at + 1, counts)
    for cell in range(size):
        at = put_varint(target, at, cells[cell])
    return at


cdef int64_t put_row(uint8_t* target, int64_t at, const uint64_t* row, const uint64_t* pool) noexcept nogil:
    cdef const int64_t* number = <const int64_t*>row
    cdef const uint64_t* cells = pool + number[START]
    if row[KIND] == EXPLICIT:
        at = put_edges(target, at, row, 11)
        at = put_cells(target, at, 0x32, cells + row[SIZE_A], row[SIZE_B])
        return put_cells(target, at, 0x3A, cells, row[SIZE_A])
    at = put_edges(target, at, row, 12)
    if number[SCALE]:
        target[at] = 0x30
        at = put_varint(target, at + 1, zigzag(number[SCALE]))
    if row[ZEROS]:
        at = put_fixed(target, at, 7, row[ZEROS])
    if row[THRESHOLD]:
        at = put_fixed(target, at, 14, row[THRESHOLD])
    at = put_side(target, at, 0x42, number[FIRST_A], cells, row[SIZE_A])
    return put_side(target, at, 0x4A, number[FIRST_B], cells + row[SIZE_A], row[SIZE_B])


def fold(
    tuple bank, const int64_t[::1] which, const uint8_t[::1] payload, const int64_t[:, ::1] spot,
    const uint64_t[:, ::1] times, uint8_t[::1] out, int64_t[:, ::1] extent,
):
    """Points that counted what rows say; see `HistogramsKernel.fold`."""
    cdef uint64_t[:, ::1] head = bank[0]
    cdef uint64_t[::1] pool = bank[1]
    cdef Py_ssize_t at
    cdef int64_t cursor, end, tag, start, filled = 0, size = payload.shape[0], room = out.shape[0]
    cdef uint64_t* row
    cdef uint32_t field
    cdef int wire
    cdef uint64_t empty = 0
    cdef const uint64_t* cells = &pool[0] if pool.shape[0] else &empty
    cdef uint8_t* target = &out[0] if room else NULL
    cdef Bytes data = &payload[0] if size else NULL
    if spot.shape[0] != which.shape[0] or times.shape[0] != which.shape[0] or extent.shape[0] != which.shape[0]:
        raise ValueError("each row needs a template, times and room for its extent")
    with nogil:
        for at in range(which.shape[0]):
            cursor, end = spot[at, 0], spot[at, 1]
            if (
                outside(cursor, end, size) or which[at] < 0 or which[at] >= head.shape[0]
                or not is_sound(&head[which[at], 0], pool.shape[0]) or head[which[at], KIND] == 0
            ):
                filled = -1
                break
            row = &head[which[at], 0]
            if filled + HEAD_BYTES + 10 * <int64_t>(row[SIZE_A] + row[SIZE_B]) + (end - cursor) > room:
                filled = -1
                break
            start = filled
            filled += 6
            while cursor < end:
                tag = cursor
                if read_tag(data, &cursor, end, &field, &wire) or skip(data, &cursor, end, field, wire, 0):
                    filled = -1
                    break
                if not is_counted(row[KIND], field):
                    memcpy(target + filled, data + tag, cursor - tag)
                    filled += cursor - tag
            if filled < 0:
                break
            if times[at, 0]:
                filled = put_fixed(target, filled, 2, times[at, 0])
            if times[at, 1]:
                filled = put_fixed(target, filled, 3, times[at, 1])
            filled = put_row(target, filled, row, cells)
            extent[at, 0], extent[at, 1] = close_up(target, start, filled), filled
    return filled
