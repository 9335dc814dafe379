# cython: language_level=3
"""Reading protobuf's wire format, for every compiled part of the scanner.

Each reader moves `cursor` and never beyond `end`; it answers 1 where the bytes make no
sense, 0 else. Cython copies these into each module that cimports them.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, int64_t

cdef enum:
    FIELDS = 32
    DEPTH = 100         # upb's own limit of nesting

ctypedef const uint8_t* Bytes


cdef inline int read_varint(Bytes data, int64_t* cursor, int64_t end, uint64_t* value) noexcept nogil:
    """0 when read; 1 when it ends too early or is longer than ten bytes. Bits beyond 64 fall off."""
    cdef int64_t at = cursor[0]
    cdef uint64_t result = 0
    cdef int shift = 0
    cdef uint8_t byte
    if at < end and data[at] < 0x80:  # nearly every tag and length
        value[0] = data[at]
        cursor[0] = at + 1
        return 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        result |= (<uint64_t>(byte & 0x7F)) << shift
        if byte < 0x80:
            cursor[0] = at
            value[0] = result
            return 0
        shift += 7
    return 1


cdef inline int read_short(Bytes data, int64_t* cursor, int64_t end, uint64_t* value) noexcept nogil:
    """A tag or a length: at most five bytes, at most 32 bits."""
    cdef int64_t before = cursor[0]
    return read_varint(data, cursor, end, value) or cursor[0] - before > 5 or value[0] > 0xFFFFFFFFULL


cdef inline int read_tag(Bytes data, int64_t* cursor, int64_t end, uint32_t* field, int* wire) noexcept nogil:
    cdef uint64_t tag
    if read_short(data, cursor, end, &tag) or (tag >> 3) == 0:
        return 1
    field[0] = <uint32_t>(tag >> 3)
    wire[0] = <int>(tag & 7)
    return 0


cdef inline int read_length(Bytes data, int64_t* cursor, int64_t end, int64_t* length) noexcept nogil:
    cdef uint64_t value
    if read_short(data, cursor, end, &value) or value > <uint64_t>(end - cursor[0]):
        return 1
    length[0] = <int64_t>value
    return 0


cdef inline int skip(Bytes data, int64_t* cursor, int64_t end, uint32_t field, int wire, int depth) noexcept nogil:
    """Step over one field of any kind, groups included."""
    cdef uint64_t value
    cdef int64_t length
    if wire == 2:
        if read_length(data, cursor, end, &length):
            return 1
        cursor[0] += length
        return 0
    if wire == 0:
        return read_varint(data, cursor, end, &value)
    if wire == 1 or wire == 5:
        length = 8 if wire == 1 else 4
        if end - cursor[0] < length:
            return 1
        cursor[0] += length
        return 0
    return 1 if wire != 3 or depth >= DEPTH else skip_group(data, cursor, end, field, depth)


cdef inline int skip_group(Bytes data, int64_t* cursor, int64_t end, uint32_t field, int depth) noexcept nogil:
    cdef uint32_t inner
    cdef int wire
    while True:
        if read_tag(data, cursor, end, &inner, &wire):
            return 1
        if wire == 4:
            return 0 if inner == field else 1
        if skip(data, cursor, end, inner, wire, depth + 1):
            return 1


cdef inline int outside(int64_t start, int64_t end, int64_t size) noexcept nogil:
    """Whether a slice that came from elsewhere is not within `size` bytes."""
    return start < 0 or end < start or end > size
