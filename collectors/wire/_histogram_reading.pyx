# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""Histograms as rows of flat arrays: what data points counted, read.

Every read of a payload is checked by hand against the end of the message that it happens in.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from collectors.wire._histogram_rows cimport (
    COLUMNS,
    COUNT,
    EXPLICIT,
    EXPONENTIAL,
    FIRST_A,
    FIRST_B,
    HAS,
    HAS_LEAST,
    HAS_MOST,
    HAS_SUM,
    HIGHEST,
    KIND,
    LEAST,
    MAX_BUCKETS,
    MOST,
    MOST_BUCKETS,
    MOST_SCALE,
    ROOM,
    SCALE,
    SIZE_A,
    SIZE_B,
    START,
    SUM,
    THRESHOLD,
    WIDTH,
    ZEROS,
    real,
    settle,
)
from collectors.wire._reading cimport Bytes, read_length, read_tag, read_varint, skip


cdef inline int64_t unzigzag(uint64_t value) noexcept nogil:
    """A `sint32`, of which protobuf keeps the low 32 bits."""
    cdef uint32_t low = <uint32_t>value
    return <int64_t>(<int32_t>(low >> 1)) ^ -<int64_t>(low & 1)


cdef int read_side(
    Bytes data, int64_t cursor, int64_t end, int64_t* offset, int64_t* number, uint64_t* cells
) noexcept nogil:
    """Buckets of one sign go behind the `number` that `cells` has already; NULL only counts them."""
    cdef int64_t length, stop, at
    cdef uint64_t value
    cdef uint32_t field
    cdef int wire
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire == 0:
            if read_varint(data, &cursor, end, &value):
                return 1
            if field == 1:
                offset[0] = unzigzag(value)
            elif field == 2:
                if cells != NULL:
                    cells[number[0]] = value
                number[0] += 1
            continue
        if wire != 2 or field != 2:
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        stop, at = cursor + length, number[0]
        while cursor < stop:
            if cells == NULL:
                at += data[cursor] < 0x80
                cursor += 1
                continue
            value = data[cursor]
            if value < 0x80:
                cursor += 1
            elif read_varint(data, &cursor, stop, &value):
                return 1
            cells[at] = value
            at += 1
        number[0] = at
        if length and data[stop - 1] > 0x7F:
            return 1
    return 0


cdef int read_cells(Bytes data, int64_t cursor, int64_t end, uint64_t* row, uint64_t* a, uint64_t* b) noexcept nogil:
    """Both lists of a point into `a` and `b`; where they are NULL only their lengths are found."""
    cdef int64_t length
    cdef int64_t* number = <int64_t*>row
    cdef uint64_t* cells
    cdef uint32_t field
    cdef int wire, column
    number[SIZE_A] = number[SIZE_B] = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if row[KIND] == EXPLICIT and (field == 6 or field == 7) and (wire == 1 or wire == 2):
            cells, column = (b, SIZE_B) if field == 6 else (a, SIZE_A)
            length = 8
            if wire == 2 and read_length(data, &cursor, end, &length):
                return 1
            if end - cursor < length or length % 8:
                return 1
            if cells != NULL:
                memcpy(cells + number[column], data + cursor, length)
            number[column] += length // 8
            cursor += length
        elif row[KIND] == EXPONENTIAL and (field == 8 or field == 9) and wire == 2:
            if read_length(data, &cursor, end, &length):
                return 1
            if field == 8:
                if read_side(data, cursor, cursor + length, &number[FIRST_A], &number[SIZE_A], a):
                    return 1
            elif read_side(data, cursor, cursor + length, &number[FIRST_B], &number[SIZE_B], b):
                return 1
            cursor += length
        elif skip(data, &cursor, end, field, wire, 0):
            return 1
    return 0


cdef int read_scalars(Bytes data, int64_t cursor, int64_t end, uint64_t* row) noexcept nogil:
    cdef uint64_t value
    cdef uint32_t field
    cdef uint32_t least = 11 if row[KIND] == EXPLICIT else 12
    cdef int wire
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire == 0 and field == 6 and row[KIND] == EXPONENTIAL:
            if read_varint(data, &cursor, end, &value):
                return 1
            row[SCALE] = <uint64_t>unzigzag(value)
            continue
        if wire != 1:
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if end - cursor < 8:
            return 1
        memcpy(&value, data + cursor, 8)
        cursor += 8
        if field == 4:
            row[COUNT] = value
        elif field == 5:
            row[SUM] = value
            row[HAS] |= HAS_SUM
        elif field == least:
            row[LEAST] = value
            row[HAS] |= HAS_LEAST
        elif field == least + 1:
            row[MOST] = value
            row[HAS] |= HAS_MOST
        elif row[KIND] == EXPONENTIAL and field == 7:
            row[ZEROS] = value
        elif row[KIND] == EXPONENTIAL and field == 14:
            row[THRESHOLD] = value if real(value) > 0 else 0
    return 0


cdef inline int makes_sense(const uint64_t* row) noexcept nogil:
    cdef const int64_t* number = <const int64_t*>row
    if number[SIZE_A] > MOST_BUCKETS or number[SIZE_B] > MOST_BUCKETS:
        return 0
    if row[KIND] == EXPLICIT:
        return 1
    return (
        -MOST_SCALE <= number[SCALE] <= MOST_SCALE
        and number[FIRST_A] + number[SIZE_A] - 1 <= HIGHEST
        and number[FIRST_B] + number[SIZE_B] - 1 <= HIGHEST
    )


def unfold(const uint8_t[::1] payload, const int64_t[:, ::1] point, uint64_t[:, ::1] head, uint64_t[::1] pool):
    """What each point counted; see `HistogramsKernel.unfold`."""
    cdef Py_ssize_t at
    cdef int64_t cursor, end, size = payload.shape[0], room = pool.shape[0], used = 0
    cdef uint64_t* row
    cdef int64_t* number
    cdef uint64_t* cells
    cdef Bytes data = &payload[0] if size else NULL
    if head.shape[0] != point.shape[0] or head.shape[1] != COLUMNS or point.shape[1] != 3:
        raise ValueError("each point needs a row")
    with nogil:
        for at in range(point.shape[0]):
            cursor, end = point[at, 0], point[at, 1]
            row = &head[at, 0]
            number = <int64_t*>row
            memset(row, 0, COLUMNS * 8)
            if cursor < 0 or end < cursor or end > size:
                used = -1
                break
            if point[at, 2] != EXPLICIT and point[at, 2] != EXPONENTIAL:
                continue
            row[KIND] = <uint64_t>point[at, 2]
            if read_scalars(data, cursor, end, row) or read_cells(data, cursor, end, row, NULL, NULL):
                used = -1
                break
            if not makes_sense(row):
                memset(row, 0, COLUMNS * 8)
                continue
            number[START], number[ROOM] = used, number[SIZE_A] + number[SIZE_B]
            if used + number[ROOM] > room:
                used = -1
                break
            if number[ROOM]:
                cells = &pool[used]
                if read_cells(data, cursor, end, row, cells, cells + number[SIZE_A]):
                    used = -1
                    break
            if row[KIND] == EXPONENTIAL:
                settle(row, cells if number[ROOM] else NULL)
                row[WIDTH] = <uint64_t>max(<int64_t>MAX_BUCKETS, number[SIZE_A], number[SIZE_B])
                number[ROOM] = number[SIZE_A] + number[SIZE_B]
            used += number[ROOM]
    return used
