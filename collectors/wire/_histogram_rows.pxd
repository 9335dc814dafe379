# cython: language_level=3
"""What a row of a histogram is, for every compiled part that works on rows.

Columns and bounds are those of `histograms_kernel.py`, which says what they mean.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memmove

cdef enum:
    KIND, HAS, COUNT, SUM, LEAST, MOST, SCALE, ZEROS, THRESHOLD, WIDTH
    FIRST_A, SIZE_A, FIRST_B, SIZE_B, START, ROOM, COLUMNS

cdef enum:
    EXPLICIT = 9
    EXPONENTIAL = 10
    HAS_SUM = 1
    HAS_LEAST = 2
    HAS_MOST = 4

cdef enum:
    MAX_BUCKETS = 160
    MOST_BUCKETS = 10000
    MOST_SCALE = 64
    HIGHEST = 2147483647


cdef inline double real(uint64_t bits) noexcept nogil:
    cdef double value
    memcpy(&value, &bits, 8)
    return value


cdef inline uint64_t as_bits(double value) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &value, 8)
    return bits


cdef inline void trim(int64_t* first, int64_t* size, uint64_t* cells) noexcept nogil:
    """No empty bucket at either end."""
    cdef int64_t empty = 0
    while size[0] and cells[size[0] - 1] == 0:
        size[0] -= 1
    while empty < size[0] and cells[empty] == 0:
        empty += 1
    if empty:
        size[0] -= empty
        first[0] += empty
        memmove(cells, cells + empty, size[0] * 8)
    if size[0] == 0:
        first[0] = 0


cdef inline void settle(uint64_t* row, uint64_t* cells) noexcept nogil:
    """Trim both lists, the second one directly behind the first."""
    cdef int64_t* number = <int64_t*>row
    cdef int64_t before = number[SIZE_A]
    trim(&number[FIRST_B], &number[SIZE_B], cells + before)
    trim(&number[FIRST_A], &number[SIZE_A], cells)
    if number[SIZE_A] < before:
        memmove(cells + number[SIZE_A], cells + before, number[SIZE_B] * 8)


cdef inline int is_sound(const uint64_t* row, int64_t pool) noexcept nogil:
    """Whether all that a row says of its cells is inside of the pool."""
    cdef const int64_t* number = <const int64_t*>row
    if not 0 <= number[SIZE_A] <= MOST_BUCKETS or not 0 <= number[SIZE_B] <= MOST_BUCKETS:
        return 0
    if number[START] < 0 or number[ROOM] < number[SIZE_A] + number[SIZE_B] or number[ROOM] > pool - number[START]:
        return 0
    if row[KIND] == EXPLICIT or row[KIND] == 0:
        return 1
    return (
        row[KIND] == EXPONENTIAL and 2 <= number[WIDTH] <= MOST_BUCKETS and -256 <= number[SCALE] <= MOST_SCALE
        and -<int64_t>HIGHEST - 2 <= number[FIRST_A] <= HIGHEST and -<int64_t>HIGHEST - 2 <= number[FIRST_B] <= HIGHEST
    )
