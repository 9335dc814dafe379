# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""The compiled scanner of serialized OTLP requests; `reference.py` is its twin in Python.

Every read is bounds-checked by hand against the end of the message that it happens in,
so that `boundscheck` may stay off: `cursor` never passes `end`. All work on payloads runs
without the GIL. Errors are returned as the offset at which the bytes stop making sense.
"""

from os import urandom

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy
from libc.stdlib cimport calloc, free

from collectors.wire._reading cimport (
    DEPTH, FIELDS, Bytes, read_length, read_tag, read_varint, skip
)

cdef enum:
    MESSAGE = 16        # codes from here on name a message type

cdef enum:
    STRING_TAG = 0x0A   # AnyValue.string_value
    KEY_TAG = 0x0A      # KeyValue.key
    VALUE_TAG = 0x12    # KeyValue.value

cdef enum:
    VARINT = 1
    FIXED64 = 2
    BYTES = 3
    STRING = 4
    FIXED32 = 5
    PACKED_VARINT = 6
    PACKED_FIXED64 = 7
    PACKED_FIXED32 = 8

cdef int bad_utf8(Bytes data, int64_t start, int64_t end) noexcept nogil:
    """1 unless the bytes are well-formed UTF-8 (Unicode 15, table 3-7)."""
    cdef int64_t at = start
    cdef uint8_t first, low, high
    cdef int more
    cdef uint64_t word
    while at < end:
        if end - at >= 8:
            memcpy(&word, data + at, 8)
            if (word & 0x8080808080808080ULL) == 0:
                at += 8
                continue
        first = data[at]
        at += 1
        if first < 0x80:
            continue
        low = 0x80
        high = 0xBF
        if 0xC2 <= first <= 0xDF:
            more = 1
        elif 0xE0 <= first <= 0xEF:
            more = 2
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif 0xF0 <= first <= 0xF4:
            more = 3
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return 1
        if end - at < more or data[at] < low or data[at] > high:
            return 1
        at += 1
        more -= 1
        while more:
            if (data[at] & 0xC0) != 0x80:
                return 1
            at += 1
            more -= 1
    return 0


cdef int bad_packed(Bytes data, int64_t start, int64_t end, int code) noexcept nogil:
    cdef uint64_t value
    if code == PACKED_FIXED64:
        return (end - start) % 8 != 0
    if code == PACKED_FIXED32:
        return (end - start) % 4 != 0
    while start < end:
        if read_varint(data, &start, end, &value):
            return 1
    return 0


cdef int64_t walk(
    Bytes data, int64_t start, int64_t end, const int16_t* table, int kind, int64_t* counts, int depth
) noexcept nogil:
    """-1 when the message is sound, else the offset at which it is not."""
    cdef int64_t cursor = start
    cdef int64_t at, length, bad
    cdef uint32_t field
    cdef int wire, code
    if depth > DEPTH:
        return start
    counts[kind] += 1
    while cursor < end:
        at = cursor
        if read_tag(data, &cursor, end, &field, &wire):
            return at
        code = table[kind * FIELDS + field] if field < FIELDS else 0
        if wire != 2 or code < BYTES or code == FIXED32:
            if skip(data, &cursor, end, field, wire, depth):
                return at
            continue
        if read_length(data, &cursor, end, &length):
            return at
        if code >= MESSAGE:
            bad = walk(data, cursor, cursor + length, table, code - MESSAGE, counts, depth + 1)
            if bad >= 0:
                return bad
        elif code == STRING:
            if bad_utf8(data, cursor, cursor + length):
                return at
        elif code >= PACKED_VARINT and bad_packed(data, cursor, cursor + length, code):
            return at
        cursor += length
    return -1


def validate(const uint8_t[::1] payload, const int16_t[::1] table, int root, int64_t[::1] counts):
    """Walk the whole message; `counts[kind]` becomes how often each message type occurs.

    Returns -1, or the offset of the first byte that is not sound.
    """
    cdef int64_t bad
    cdef Py_ssize_t size = payload.shape[0]
    cdef Bytes data = &payload[0] if size else NULL
    with nogil:
        bad = walk(data, 0, size, &table[0], root, &counts[0], 0)
    return bad


def locate(
    const uint8_t[::1] payload, Py_ssize_t resources, Py_ssize_t scopes, Py_ssize_t items,
    int64_t[:, ::1] resource_at, int64_t[:, ::1] scope_at, int64_t[:, ::1] item_at,
):
    """Where resources, scopes and items stand: rows of (tag, body, end, parent row).

    The payload was validated before, and the arrays are as long as the counts found then.
    Returns whether everything fitted.
    """
    cdef int64_t at[3]
    cdef int64_t found[3]
    cdef Py_ssize_t size = payload.shape[0]
    cdef Bytes data = &payload[0] if size else NULL
    cdef int64_t room[3]
    cdef int64_t* rows[3]
    room[0], room[1], room[2] = resources, scopes, items
    rows[0] = &resource_at[0, 0] if resources else NULL
    rows[1] = &scope_at[0, 0] if scopes else NULL
    rows[2] = &item_at[0, 0] if items else NULL
    found[0] = found[1] = found[2] = 0
    cdef int bad
    with nogil:
        bad = descend(data, 0, size, 0, -1, room, rows, found)
    return not bad and found[0] == resources and found[1] == scopes and found[2] == items


cdef int descend(
    Bytes data, int64_t start, int64_t end, int level, int64_t parent,
    int64_t* room, int64_t** rows, int64_t* found,
) noexcept nogil:
    """Level 0 looks for resources (field 1), 1 for scopes (field 2), 2 for items (field 2)."""
    cdef int64_t cursor = start
    cdef int64_t tag, length, row
    cdef uint32_t field
    cdef int wire
    while cursor < end:
        tag = cursor
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire != 2 or field != (1 if level == 0 else 2):
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length) or found[level] >= room[level]:
            return 1
        row = found[level]
        found[level] += 1
        rows[level][row * 4] = tag
        rows[level][row * 4 + 1] = cursor
        rows[level][row * 4 + 2] = cursor + length
        rows[level][row * 4 + 3] = parent
        if level < 2 and descend(data, cursor, cursor + length, level + 1, row, room, rows, found):
            return 1
        cursor += length
    return 0


def children(
    const uint8_t[::1] payload, const int64_t[:, ::1] parent_at, const int16_t[::1] wanted,
    int64_t[:, ::1] child_at,
):
    """The submessages of each parent in fields with `wanted[field] != 0`.

    Rows of (tag, body, end, parent row, field). Returns how many there are; rows beyond
    the room given are counted and not written.
    """
    cdef Py_ssize_t row
    cdef int64_t found = 0
    cdef int64_t room = child_at.shape[0]
    cdef int64_t cursor, end, tag, length
    cdef uint32_t field
    cdef int wire
    cdef Bytes data = &payload[0] if payload.shape[0] else NULL
    with nogil:
        for row in range(parent_at.shape[0]):
            cursor = parent_at[row, 1]
            end = parent_at[row, 2]
            while cursor < end:
                tag = cursor
                if read_tag(data, &cursor, end, &field, &wire):
                    break
                if wire != 2 or field >= FIELDS or wanted[field] == 0:
                    if skip(data, &cursor, end, field, wire, 0):
                        break
                    continue
                if read_length(data, &cursor, end, &length):
                    break
                if found < room:
                    child_at[found, 0] = tag
                    child_at[found, 1] = cursor
                    child_at[found, 2] = cursor + length
                    child_at[found, 3] = row
                    child_at[found, 4] = field
                found += 1
                cursor += length
    return found


def columns(
    const uint8_t[::1] payload, const int64_t[:, ::1] at, const int16_t[::1] number_of,
    uint64_t[:, ::1] values, const int16_t[::1] slice_of, int64_t[:, :, ::1] spots,
):
    """Fields of each message, the last one of a number wins; what is absent stays as it stands.

    Scalar field f goes to `values[number_of[f] - 1]`: varints as they are, fixed64 and fixed32
    as little-endian bits. Of a length-delimited one (start, end) go to `spots[slice_of[f] - 1]`.
    """
    cdef Py_ssize_t row
    cdef int64_t cursor, end, length
    cdef uint32_t field, word
    cdef int wire
    cdef uint64_t value
    cdef Bytes data = &payload[0] if payload.shape[0] else NULL
    with nogil:
        for row in range(at.shape[0]):
            cursor = at[row, 1]
            end = at[row, 2]
            while cursor < end:
                if read_tag(data, &cursor, end, &field, &wire):
                    break
                if wire == 2:
                    if read_length(data, &cursor, end, &length):
                        break
                    cursor += length
                    if field < FIELDS and slice_of[field]:
                        spots[slice_of[field] - 1, row, 0] = cursor - length
                        spots[slice_of[field] - 1, row, 1] = cursor
                    continue
                if wire == 0:
                    if read_varint(data, &cursor, end, &value):
                        break
                elif skip(data, &cursor, end, field, wire, 0):
                    break
                elif wire == 1:
                    memcpy(&value, data + cursor - 8, 8)
                elif wire == 5:
                    memcpy(&word, data + cursor - 4, 4)
                    value = word
                else:
                    continue
                if field < FIELDS and number_of[field]:
                    values[number_of[field] - 1, row] = value


def identifiers(const uint8_t[::1] payload, const int64_t[:, ::1] spot, uint8_t[:, ::1] out):
    """Copy ids of exactly `out.shape[1]` bytes; another length leaves zeros."""
    cdef Py_ssize_t row
    cdef int64_t width = out.shape[1]
    cdef Bytes data = &payload[0] if payload.shape[0] else NULL
    with nogil:
        for row in range(spot.shape[0]):
            if spot[row, 1] - spot[row, 0] == width:
                memcpy(&out[row, 0], data + spot[row, 0], width)


cdef inline int find_pair(Bytes data, int64_t start, int64_t end, int64_t* pair) noexcept nogil:
    """Key and value of a `KeyValue`: (start, end, start, end); 1 where it has no key.

    The last one wins; a value that is missing is empty, at the end of the key.
    """
    cdef int64_t cursor = start
    cdef int64_t length
    cdef uint32_t field
    cdef int wire
    if end - start >= 4 and data[start] == KEY_TAG and data[start + 1] < 0x80:
        cursor = start + 2 + data[start + 1]
        if (
            end - cursor >= 2 and data[cursor] == VALUE_TAG
            and data[cursor + 1] < 0x80 and cursor + 2 + data[cursor + 1] == end
        ):  # a short key and a short value and nothing else, as nearly all are
            pair[0] = start + 2
            pair[1] = cursor
            pair[2] = cursor + 2
            pair[3] = end
            return 0
        cursor = start
    pair[0] = pair[2] = -1
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            break
        if wire != 2 or field > 2:
            if skip(data, &cursor, end, field, wire, 0):
                break
            continue
        if read_length(data, &cursor, end, &length):
            break
        pair[2 * field - 2] = cursor
        cursor += length
        pair[2 * field - 1] = cursor
    if pair[2] < 0:
        pair[2] = pair[3] = pair[1]
    return pair[0] < 0


def attributes(
    const uint8_t[::1] payload, const int64_t[:, ::1] at, const int16_t[::1] field_of,
    tuple keys, int64_t[:, :, ::1] spots,
):
    """The values of chosen attribute keys: (start, end) of each `AnyValue`, the first one wins.

    Args:
        at: The messages that carry attributes.
        field_of: For each row, the number of its attributes field.
        keys: Wanted keys, UTF-8.
        spots: Shape (keys, rows, 2), filled with -1 beforehand.
    """
    cdef Py_ssize_t row, wanted = len(keys)
    cdef int64_t cursor, end, length, inner, stop, which
    cdef int64_t pair[4]
    cdef uint64_t lengths = 0  # of the keys, modulo 64: most others need no more to be told apart
    cdef uint32_t field
    cdef int wire
    cdef Bytes data = &payload[0] if payload.shape[0] else NULL
    cdef Bytes* text = <Bytes*>calloc(wanted + 1, sizeof(Bytes))
    cdef int64_t* size = <int64_t*>calloc(wanted + 1, sizeof(int64_t))
    if text == NULL or size == NULL:
        free(text)
        free(size)
        raise MemoryError
    for which in range(wanted):
        text[which] = <Bytes>(<bytes>keys[which])
        size[which] = len(<bytes>keys[which])
        lengths |= (<uint64_t>1) << (size[which] & 63)
    with nogil:
        for row in range(at.shape[0]):
            cursor = at[row, 1]
            end = at[row, 2]
            while cursor < end:
                if read_tag(data, &cursor, end, &field, &wire):
                    break
                if wire != 2 or <int>field != field_of[row]:
                    if skip(data, &cursor, end, field, wire, 0):
                        break
                    continue
                if read_length(data, &cursor, end, &length):
                    break
                inner = cursor
                stop = cursor + length
                cursor = stop
                if find_pair(data, inner, stop, pair):
                    continue
                length = pair[1] - pair[0]
                if not (lengths >> (length & 63)) & 1:
                    continue
                for which in range(wanted):
                    if (
                        size[which] == length
                        and spots[which, row, 0] < 0
                        and memcmp(text[which], data + pair[0], length) == 0
                    ):
                        spots[which, row, 0] = pair[2]
                        spots[which, row, 1] = pair[3]
    free(text)
    free(size)


cdef uint64_t SECRET[2]
SECRET[0] = int.from_bytes(urandom(8), "little")
SECRET[1] = int.from_bytes(urandom(8), "little") | 1


cdef extern from *:
    """
    #include <stdint.h>

    /* The two halves of the product of 128 bits, one on the other. */
    static inline uint64_t folded(uint64_t left, uint64_t right) {
    #ifdef __SIZEOF_INT128__
        unsigned __int128 product = (unsigned __int128)left * right;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    #else
        uint64_t low_left = (uint32_t)left, low_right = (uint32_t)right;
        uint64_t one = (left >> 32) * low_right + ((low_left * low_right) >> 32);
        uint64_t two = low_left * (right >> 32) + (uint32_t)one;
        return (left * right) ^ ((left >> 32) * (right >> 32) + (one >> 32) + (two >> 32));
    #endif
    }
    """
    uint64_t folded(uint64_t left, uint64_t right) noexcept nogil


cdef inline uint64_t digest(Bytes data, int64_t start, int64_t end) noexcept nogil:
    """A table index that nobody who sends strings can aim: each process has secrets of its own.

    Strings that meet in one place would make the time grow as the square of their number.

    Source: multiply and fold, as in wyhash (Wang Yi, 2019), with 64-bit halves.
    """
    cdef int64_t size = end - start
    cdef uint64_t value = SECRET[0] ^ <uint64_t>size
    cdef uint64_t word = 0
    cdef uint32_t first, last
    if size >= 8:
        while end - start > 8:
            memcpy(&word, data + start, 8)
            value = folded(value ^ word, SECRET[1])
            start += 8
        memcpy(&word, data + end - 8, 8)
    elif size >= 4:
        memcpy(&first, data + start, 4)
        memcpy(&last, data + end - 4, 4)
        word = <uint64_t>first << 32 | last
    elif size > 0:
        word = <uint64_t>data[start] << 16 | <uint64_t>data[start + size // 2] << 8 | data[end - 1]
    return folded(value ^ word, SECRET[1])


def codes(const uint8_t[::1] payload, const int64_t[:, ::1] spot, int32_t[::1] code, int64_t[::1] first):
    """Number the distinct byte strings in order of appearance; -1 where there is none.

    `first[c]` becomes a row that holds string c. Returns how many distinct ones there are.
    """
    cdef Py_ssize_t rows = spot.shape[0], row
    cdef uint64_t mask = 1
    cdef uint64_t slot
    cdef int32_t seen = 0, other
    cdef int64_t length
    cdef Bytes data = &payload[0] if payload.shape[0] else NULL
    while mask < 2 * <uint64_t>rows:
        mask <<= 1
    cdef int32_t* heads = <int32_t*>calloc(mask, sizeof(int32_t))
    if heads == NULL:
        raise MemoryError
    mask -= 1
    with nogil:
        for row in range(rows):
            if spot[row, 0] < 0:
                code[row] = -1
                continue
            length = spot[row, 1] - spot[row, 0]
            slot = digest(data, spot[row, 0], spot[row, 1]) & mask
            while heads[slot]:
                other = heads[slot] - 1
                if (
                    spot[first[other], 1] - spot[first[other], 0] == length
                    and memcmp(data + spot[first[other], 0], data + spot[row, 0], length) == 0
                ):
                    break
                slot = (slot + 1) & mask
            if heads[slot]:
                code[row] = heads[slot] - 1
            else:
                first[seen] = row
                code[row] = seen
                seen += 1
                heads[slot] = seen
    free(heads)
    return seen


def says(const uint8_t[::1] payload, const int64_t[:, ::1] spot, const uint8_t[::1] text, uint8_t[::1] answer):
    """Whether the `AnyValue` of each row is the string `text`: 0 no, 1 yes, 2 is not a plain string.

    A row without a value, which begins below 0, says nothing: 0.
    """
    cdef Py_ssize_t row
    cdef int64_t cursor, end, length, size = text.shape[0]
    cdef Bytes data = &payload[0] if payload.shape[0] else NULL
    cdef Bytes wanted = &text[0] if size else NULL
    with nogil:
        for row in range(spot.shape[0]):
            cursor = spot[row, 0]
            end = spot[row, 1]
            answer[row] = 0
            if cursor < 0:
                continue
            answer[row] = 2
            if cursor >= end or data[cursor] != STRING_TAG:
                continue
            cursor += 1
            if read_length(data, &cursor, end, &length) or cursor + length != end:
                continue
            answer[row] = length == size and (size == 0 or memcmp(data + cursor, wanted, size) == 0)


def gather(const uint8_t[::1] payload, const int64_t[:, ::1] spot, uint8_t[::1] out):
    """Copy the slices (start, end) one after the other; returns the bytes written, -1 if too many."""
    cdef Py_ssize_t row
    cdef int64_t filled = 0, length, room = out.shape[0], size = payload.shape[0]
    cdef Bytes data = &payload[0] if size else NULL
    cdef uint8_t* target = &out[0] if room else NULL
    with nogil:
        for row in range(spot.shape[0]):
            length = spot[row, 1] - spot[row, 0]
            if spot[row, 0] < 0 or length < 0 or spot[row, 1] > size or filled + length > room:
                filled = -1
                break
            memcpy(target + filled, data + spot[row, 0], length)
            filled += length
    return filled
