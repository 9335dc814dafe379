# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""Rows of histograms added and subtracted.

Rows that come from Python are checked before they are used; nothing is written to a row before
it is known that the whole of it can be.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from collectors.wire._exponential cimport DONE, FELL, UNFIT, join_exponential, part_exponential, plus
from collectors.wire._histogram_rows cimport (
    COLUMNS,
    COUNT,
    EXPLICIT,
    EXPONENTIAL,
    HAS,
    HAS_LEAST,
    HAS_MOST,
    HAS_SUM,
    KIND,
    LEAST,
    MOST,
    MOST_BUCKETS,
    ROOM,
    SIZE_A,
    SIZE_B,
    START,
    SUM,
    as_bits,
    is_sound,
    real,
)

cdef enum:
    COPY = 1
    ADD = 2
    TAKE_OUT = 3
    FITS = 4

cdef enum:
    ROUND = 32          # cells by which the room of a row grows

cdef int combine_explicit(
    int how, const uint64_t* left, const uint64_t* right, const uint64_t* left_pool, const uint64_t* right_pool,
    uint64_t* buffer,
) noexcept nogil:
    cdef const uint64_t* mine = left_pool + left[START]
    cdef const uint64_t* other = right_pool + right[START]
    cdef uint64_t bounds = left[SIZE_A], counts = left[SIZE_B], cell
    if bounds != right[SIZE_A] or counts != right[SIZE_B] or memcmp(mine, other, bounds * 8):
        return UNFIT
    if how == FITS:
        return DONE
    memcpy(buffer, mine, bounds * 8)
    if how == ADD:
        for cell in range(bounds, bounds + counts):
            buffer[cell] = plus(mine[cell], other[cell])
        return DONE
    if left[COUNT] < right[COUNT]:
        return FELL
    for cell in range(bounds, bounds + counts):
        if mine[cell] < other[cell]:
            return FELL
        buffer[cell] = mine[cell] - other[cell]
    return DONE


cdef void combine_edges(int how, uint64_t* left, const uint64_t* right) noexcept nogil:
    """Count, sum, least and greatest value; what one of the two does not know, nobody knows."""
    cdef double one, two
    left[HAS] &= right[HAS]
    one, two = real(left[SUM]), real(right[SUM])
    left[SUM] = as_bits(one + two if how == ADD else one - two) if left[HAS] & HAS_SUM else 0
    if how == TAKE_OUT:  # of the time since, nobody knows the extremes
        left[HAS] &= HAS_SUM
        left[LEAST] = left[MOST] = 0
        left[COUNT] -= right[COUNT]
        return
    left[COUNT] = plus(left[COUNT], right[COUNT])
    if not left[HAS] & HAS_LEAST:
        left[LEAST] = 0
    elif real(right[LEAST]) < real(left[LEAST]):
        left[LEAST] = right[LEAST]
    if not left[HAS] & HAS_MOST:
        left[MOST] = 0
    elif real(right[MOST]) > real(left[MOST]):
        left[MOST] = right[MOST]


cdef int work(
    int how, const uint64_t* left, const uint64_t* right, const uint64_t* left_pool, const uint64_t* right_pool,
    uint64_t* made, uint64_t* buffer,
) noexcept nogil:
    """The row that `left` becomes, and its cells; only where this is `DONE` they mean anything."""
    cdef int found
    memcpy(made, left, COLUMNS * 8)
    if how == COPY or (how == ADD and left[KIND] == 0 and right[KIND]):
        memcpy(made, right, START * 8)
        memcpy(buffer, right_pool + right[START], (right[SIZE_A] + right[SIZE_B]) * 8)
        return DONE
    if left[KIND] != right[KIND] or left[KIND] == 0:
        return UNFIT
    if left[KIND] == EXPLICIT:
        found = combine_explicit(how, left, right, left_pool, right_pool, buffer)
    elif how == FITS:
        found = DONE
    elif how == ADD:
        found = join_exponential(<uint64_t*>left, right, left_pool, right_pool, made, buffer)
    else:
        found = part_exponential(<uint64_t*>left, right, left_pool, right_pool, made, buffer)
    if found == DONE:
        combine_edges(how, made, right)
    return found


def combine(
    int how, tuple left, const int64_t[::1] left_row, tuple right, const int64_t[::1] right_row,
    uint8_t[::1] outcome, int64_t first,
):
    """Let rows become others by what is in other rows; see `HistogramsKernel.combine`."""
    cdef uint64_t[:, ::1] left_head = left[0], right_head = right[0]
    cdef uint64_t[::1] left_pool = left[1], right_pool = right[1]
    cdef int64_t[::1] used = left[2]
    cdef int64_t at = first, count = left_row.shape[0], mine, other, needed, room = left_pool.shape[0]
    cdef uint64_t made[COLUMNS]
    cdef int64_t* number = <int64_t*>made
    cdef uint64_t empty = 0
    cdef uint64_t* into = &left_pool[0] if room else &empty
    cdef const uint64_t* out_of = &right_pool[0] if right_pool.shape[0] else &empty
    cdef uint64_t* buffer
    cdef int strange = 0
    if right_row.shape[0] != count or outcome.shape[0] != count or used.shape[0] != 1 or first < 0:
        raise ValueError("each row needs another one and room for its outcome")
    if left_head.shape[1] != COLUMNS or right_head.shape[1] != COLUMNS or not 0 <= used[0] <= room:
        raise ValueError("rows of histograms have other columns")
    buffer = <uint64_t*>malloc(2 * MOST_BUCKETS * 8)
    if buffer == NULL:
        raise MemoryError
    try:
        with nogil:
            while at < count:
                mine, other = left_row[at], right_row[at]
                if (
                    mine < 0 or mine >= left_head.shape[0] or other < 0 or other >= right_head.shape[0]
                    or not is_sound(&left_head[mine, 0], room)
                    or not is_sound(&right_head[other, 0], right_pool.shape[0])
                ):
                    strange = 1
                    break
                outcome[at] = work(how, &left_head[mine, 0], &right_head[other, 0], into, out_of, made, buffer)
                if outcome[at] == DONE and how != FITS:
                    needed = number[SIZE_A] + number[SIZE_B]
                    if needed > number[ROOM]:
                        needed = (needed + ROUND - 1) // ROUND * ROUND if made[KIND] == EXPONENTIAL else needed
                        if used[0] + needed > room:
                            break
                        number[START], number[ROOM] = used[0], needed
                        used[0] += needed
                    memcpy(into + number[START], buffer, (number[SIZE_A] + number[SIZE_B]) * 8)
                    memcpy(&left_head[mine, 0], made, COLUMNS * 8)
                at += 1
    finally:
        free(buffer)
    if strange:
        raise ValueError("a row of a histogram is not there, or not sound")
    return at


def tidy(uint64_t[:, ::1] head, const uint64_t[::1] pool, uint64_t[::1] out):
    """Copy the cells of all rows to `out`, one after the other; see `HistogramsKernel.tidy`."""
    cdef Py_ssize_t row
    cdef int64_t filled = 0, needed
    cdef int64_t* number
    if head.shape[1] != COLUMNS:
        raise ValueError("rows of histograms have other columns")
    for row in range(head.shape[0]):
        number = <int64_t*>&head[row, 0]
        needed = number[SIZE_A] + number[SIZE_B]
        if not is_sound(&head[row, 0], pool.shape[0]) or filled + needed > out.shape[0]:
            raise ValueError("a row of a histogram is not sound")
        if needed:
            memcpy(&out[filled], &pool[number[START]], needed * 8)
        number[START], number[ROOM] = filled, needed
        filled += needed
    return filled
