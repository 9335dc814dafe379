# cython: language_level=3
"""Writing protobuf's wire format, for every compiled part that writes.

Whoever calls has seen to the room; each writer returns where the next one goes on.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline int64_t width(uint64_t value) noexcept nogil:
    cdef int64_t size = 1
    while value > 0x7F:
        value >>= 7
        size += 1
    return size


cdef inline int64_t put_varint(uint8_t* target, int64_t at, uint64_t value) noexcept nogil:
    while value > 0x7F:
        target[at] = <uint8_t>(value | 0x80)
        value >>= 7
        at += 1
    target[at] = <uint8_t>value
    return at + 1


cdef inline int64_t put_fixed(uint8_t* target, int64_t at, uint32_t field, uint64_t value) noexcept nogil:
    """A field of eight bytes, of a number below 16."""
    target[at] = <uint8_t>(field << 3 | 1)
    memcpy(target + at + 1, &value, 8)
    return at + 9


cdef inline int64_t close_up(uint8_t* target, int64_t start, int64_t filled) noexcept nogil:
    """Tag and length of field 1 in front of what stands from `start` + 6 on; where that begins now."""
    cdef int64_t length = filled - start - 6
    cdef int64_t shift = 5 - width(<uint64_t>length)
    target[start + shift] = 0x0A
    put_varint(target, start + shift + 1, <uint64_t>length)
    return start + shift
