# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""Identities of log records and of slices: what tells those that are alike from others.

Reads of a payload, and what comes from Python, are checked as in `_columns.pyx`.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

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


cdef int read_record(
    Bytes data, int64_t cursor, int64_t end, const uint64_t* parent, Pairs* pairs, Keys* keys, int whole,
    uint64_t* out, int64_t* count,
) noexcept nogil:
    """Severity (2, 3), body (5), attributes (6) and name of the event (12) of a log record."""
    cdef Sip sip
    cdef int64_t spot[6]
    cdef int64_t length
    cdef uint64_t severity = 0, value
    cdef uint32_t field
    cdef int wire, bad
    spot[0] = spot[1] = spot[2] = spot[3] = spot[4] = spot[5] = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire == 0 and field == 2:
            if read_varint(data, &cursor, end, &value):
                return 1
            severity = value
            continue
        if wire != 2 or (field != 3 and field != 5 and field != 6 and field != 12):
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        if field == 6:
            bad = add_pair(pairs, keys, data, cursor, cursor + length)
            if bad:
                return bad
        elif field == 3:
            spot[0], spot[1] = cursor, cursor + length
        elif field == 5:
            spot[2], spot[3] = cursor, cursor + length
        else:
            spot[4], spot[5] = cursor, cursor + length
        cursor += length
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    absorb(&sip, <uint64_t>whole)
    if whole:
        absorb(&sip, severity)
        absorb_text(&sip, data, spot[0], spot[1])
        absorb_text(&sip, data, spot[2], spot[3])
        absorb_text(&sip, data, spot[4], spot[5])
    count[0] = pairs.count
    close(pairs, &sip, out)
    return 0


def records(
    const uint8_t[::1] payload, tuple levels, tuple chosen, bint whole, tuple ids, int64_t[::1] count,
):
    """Identities of log records; see `PointsKernel.records`."""
    cdef const int64_t[:, ::1] resource_at = levels[0], scope_at = levels[1], entry_at = levels[2]
    cdef uint64_t[:, ::1] resource_id = ids[0], scope_id = ids[1], entry_id = ids[2]
    cdef Keys every, keys
    cdef Pairs pairs
    cdef Py_ssize_t row
    cdef int64_t parent, size = payload.shape[0]
    cdef int bad
    cdef Bytes data = &payload[0] if size else NULL
    all_of(&every)
    all_of(&keys)
    pairs.digest = NULL
    pairs.count = pairs.room = 0
    try:
        fill(&keys, chosen[0], chosen[1])
        with nogil:
            bad = name_parents(data, size, resource_at, scope_at, &pairs, &every, resource_id, scope_id)
            for row in range(entry_at.shape[0]):
                parent = entry_at[row, 3]
                if bad or outside(entry_at[row, 1], entry_at[row, 2], size) or outside(parent, parent + 1, scope_at.shape[0]):
                    bad = bad or 1
                    break
                bad = read_record(
                    data, entry_at[row, 1], entry_at[row, 2], &scope_id[parent, 0], &pairs, &keys, whole,
                    &entry_id[row, 0], &count[row],
                )
    finally:
        free(pairs.digest)
        forget(&keys)
    if bad == 2:
        raise MemoryError
    return not bad


def digests(const uint8_t[::1] payload, const int64_t[:, ::1] spot, const uint64_t[:, ::1] salt, uint64_t[:, ::1] out):
    """Identities of slices, each within its own salt; see `PointsKernel.digests`."""
    cdef Sip sip
    cdef Py_ssize_t row
    cdef int64_t size = payload.shape[0]
    cdef int sound = 1
    cdef Bytes data = &payload[0] if size else NULL
    if salt.shape[0] != spot.shape[0] or out.shape[0] != spot.shape[0]:
        raise ValueError("each slice needs a salt and room for its digest")
    with nogil:
        for row in range(spot.shape[0]):
            if outside(spot[row, 0], spot[row, 1], size):
                sound = 0
                break
            begin(&sip)
            absorb(&sip, salt[row, 0])
            absorb(&sip, salt[row, 1])
            absorb_text(&sip, data, spot[row, 0], spot[row, 1])
            finish(&sip, &out[row, 0])
    return bool(sound)
