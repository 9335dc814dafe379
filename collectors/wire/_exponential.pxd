# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Exponential buckets of two rows brought together: coarser scales, and zero thresholds met.

Source: OpenTelemetry metrics data model, "ExponentialHistogram": perfect subsetting when a scale
is reduced, and the zero threshold when histograms are merged.
"""

from libc.math cimport INFINITY, ldexp, pow
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from collectors.wire._histogram_rows cimport (
    COUNT,
    FIRST_A,
    FIRST_B,
    HIGHEST,
    SCALE,
    SIZE_A,
    SIZE_B,
    START,
    THRESHOLD,
    WIDTH,
    ZEROS,
    as_bits,
    real,
    settle,
)

cdef enum:
    # What `combine` says of a row.
    UNFIT = 0
    DONE = 1
    FELL = 2


cdef struct Side:
    const uint64_t* cells
    int64_t first       # index of the first cell, which is not empty, at the own scale
    int64_t size
    int by              # how much coarser what it is added to is


cdef inline int64_t low(Side* side) noexcept nogil:
    return side.first >> side.by


cdef inline int64_t high(Side* side) noexcept nogil:
    return (side.first + side.size - 1) >> side.by


cdef inline double lower_bound(int64_t index, int64_t scale) noexcept nogil:
    """Where a bucket begins, that bound not included: base to the power of `index`."""
    cdef double exponent = ldexp(<double>index, <int>-scale)
    if exponent >= 1024:
        return INFINITY
    return pow(2.0, exponent if exponent > -1100.0 else -1100.0)


cdef inline int64_t last_below(double threshold, int64_t scale) noexcept nogil:
    """The highest index whose bucket begins below `threshold`; less than any where none does."""
    cdef int64_t least = -<int64_t>HIGHEST - 2, most = HIGHEST, middle
    if threshold <= 0:
        return least
    while least < most:
        middle = (least + most + 1) >> 1
        if lower_bound(middle, scale) < threshold:
            least = middle
        else:
            most = middle - 1
    return least


cdef inline double reach(Side* sides, int64_t scale, double threshold) noexcept nogil:
    """Where the highest filled bucket ends that begins below `threshold`."""
    cdef int64_t last = last_below(threshold, scale), cell
    cdef double found = threshold, ends
    cdef int which
    for which in range(2):
        cell = sides[which].size - 1
        while cell >= 0 and (
            sides[which].cells[cell] == 0 or (sides[which].first + cell) >> sides[which].by > last
        ):
            cell -= 1
        if cell >= 0:
            ends = lower_bound(((sides[which].first + cell) >> sides[which].by) + 1, scale)
            found = max(found, ends)
    return found


cdef inline uint64_t plus(uint64_t one, uint64_t two) noexcept nogil:
    """What the fields can hold; only a sender that lies about its counts comes near."""
    cdef uint64_t both = one + two
    return 0xFFFFFFFFFFFFFFFFULL if both < one else both


cdef inline uint64_t cut(Side* sides, int64_t last) noexcept nogil:
    """Take out what is not above `last`; what that held."""
    cdef uint64_t held = 0
    cdef int which
    for which in range(2):
        while sides[which].size and (
            sides[which].cells[0] == 0 or sides[which].first >> sides[which].by <= last
        ):
            held = plus(held, sides[which].cells[0])
            sides[which].cells += 1
            sides[which].first += 1
            sides[which].size -= 1
    return held


cdef inline void meet(
    const uint64_t* left, const uint64_t* right, Side* lefts, Side* rights, int64_t scale, uint64_t* zeros,
    double* threshold,
) noexcept nogil:
    """One zero threshold for both, the greater one.

    A bucket that it cuts goes to zero as a whole, and the threshold with it; not where the
    threshold was this before, since then the bucket holds what is above it.
    """
    cdef double one = real(left[THRESHOLD]), two = real(right[THRESHOLD]), reached
    cdef int64_t last
    zeros[0], zeros[1] = left[ZEROS], right[ZEROS]
    threshold[0] = max(one, two)
    if one == two:
        return
    while True:
        reached = threshold[0]
        if one < threshold[0]:
            reached = max(reached, reach(lefts, scale, threshold[0]))
        if two < threshold[0]:
            reached = max(reached, reach(rights, scale, threshold[0]))
        if reached <= threshold[0]:
            break
        threshold[0] = reached
    last = last_below(threshold[0], scale)
    if one < threshold[0]:
        zeros[0] = plus(zeros[0], cut(lefts, last))
    if two < threshold[0]:
        zeros[1] = plus(zeros[1], cut(rights, last))


cdef inline void sides_of(const uint64_t* row, const uint64_t* pool, int64_t scale, Side* sides) noexcept nogil:
    cdef const int64_t* number = <const int64_t*>row
    cdef int by = <int>min(<int64_t>63, number[SCALE] - scale)  # indices have 32 bits
    sides[0].cells, sides[0].first, sides[0].size = pool + number[START], number[FIRST_A], number[SIZE_A]
    sides[1].cells, sides[1].first, sides[1].size = sides[0].cells + number[SIZE_A], number[FIRST_B], number[SIZE_B]
    sides[0].by = sides[1].by = by


cdef inline int64_t span(Side* one, Side* two, int by, int64_t* first) noexcept nogil:
    """How many buckets hold both, `by` coarser; `first` becomes the index of the first one."""
    cdef int64_t least, most
    if one.size == 0 and two.size == 0:
        first[0] = 0
        return 0
    if one.size == 0:
        least, most = low(two), high(two)
    elif two.size == 0:
        least, most = low(one), high(one)
    else:
        least, most = min(low(one), low(two)), max(high(one), high(two))
    first[0] = least >> by
    return (most >> by) - first[0] + 1


cdef inline void pour(Side* side, int by, int64_t first, uint64_t* into) noexcept nogil:
    cdef int64_t cell
    cdef int shift = min(63, side.by + by)
    cdef uint64_t* to
    if shift == 0:
        to = into + side.first - first
        for cell in range(side.size):
            to[cell] = plus(to[cell], side.cells[cell])
        return
    for cell in range(side.size):
        to = into + (((side.first + cell) >> shift) - first)
        to[0] = plus(to[0], side.cells[cell])


cdef inline int scoop(Side* side, int64_t first, int64_t size, uint64_t* out_of) noexcept nogil:
    """Take buckets out; 1 where there is less than that."""
    cdef int64_t cell = 0, index, place = side.first - first
    cdef uint64_t held
    if side.by == 0 and side.size:
        if place < 0 or place + side.size > size:  # its cells at both ends are not empty
            return 1
        for cell in range(side.size):
            if out_of[place + cell] < side.cells[cell]:
                return 1
            out_of[place + cell] -= side.cells[cell]
        return 0
    while cell < side.size:
        held, index = 0, (side.first + cell) >> side.by
        while cell < side.size and (side.first + cell) >> side.by == index:
            held = plus(held, side.cells[cell])
            cell += 1
        place = index - first
        if held and (place < 0 or place >= size or out_of[place] < held):
            return 1
        if held:
            out_of[place] -= held
    return 0


cdef inline int join_exponential(
    uint64_t* left, const uint64_t* right, const uint64_t* left_pool, const uint64_t* right_pool, uint64_t* made,
    uint64_t* buffer,
) noexcept nogil:
    """`made` becomes the row of both together, its cells are in `buffer`."""
    cdef int64_t* number = <int64_t*>made
    cdef int64_t scale = min((<int64_t*>left)[SCALE], (<const int64_t*>right)[SCALE])
    cdef int64_t widest = max((<int64_t*>left)[WIDTH], (<const int64_t*>right)[WIDTH])
    cdef Side lefts[2]
    cdef Side rights[2]
    cdef uint64_t zeros[2]
    cdef double threshold
    cdef int by = 0, which
    sides_of(left, left_pool, scale, lefts)
    sides_of(right, right_pool, scale, rights)
    meet(left, right, lefts, rights, scale, zeros, &threshold)
    while (
        span(&lefts[0], &rights[0], by, &number[FIRST_A]) > widest
        or span(&lefts[1], &rights[1], by, &number[FIRST_B]) > widest
    ):
        by += 1
    number[SIZE_A] = span(&lefts[0], &rights[0], by, &number[FIRST_A])
    number[SIZE_B] = span(&lefts[1], &rights[1], by, &number[FIRST_B])
    memset(buffer, 0, (number[SIZE_A] + number[SIZE_B]) * 8)
    for which in range(2):
        pour(&lefts[which], by, number[FIRST_A + 2 * which], buffer + which * number[SIZE_A])
        pour(&rights[which], by, number[FIRST_A + 2 * which], buffer + which * number[SIZE_A])
    number[SCALE], number[WIDTH] = scale - by, widest
    made[ZEROS], made[THRESHOLD] = plus(zeros[0], zeros[1]), as_bits(threshold)
    return DONE


cdef inline int part_exponential(
    uint64_t* left, const uint64_t* right, const uint64_t* left_pool, const uint64_t* right_pool, uint64_t* made,
    uint64_t* buffer,
) noexcept nogil:
    """`made` becomes the row of what is in `left` and not in `right`, its cells are in `buffer`."""
    cdef int64_t* number = <int64_t*>made
    cdef int64_t scale = min((<int64_t*>left)[SCALE], (<const int64_t*>right)[SCALE])
    cdef Side lefts[2]
    cdef Side rights[2]
    cdef Side nothing
    cdef uint64_t zeros[2]
    cdef double threshold
    cdef int which
    nothing.size = 0
    sides_of(left, left_pool, scale, lefts)
    sides_of(right, right_pool, scale, rights)
    meet(left, right, lefts, rights, scale, zeros, &threshold)
    if left[COUNT] < right[COUNT] or zeros[0] < zeros[1]:
        return FELL
    number[SIZE_A] = span(&lefts[0], &nothing, 0, &number[FIRST_A])
    number[SIZE_B] = span(&lefts[1], &nothing, 0, &number[FIRST_B])
    memset(buffer, 0, (number[SIZE_A] + number[SIZE_B]) * 8)
    for which in range(2):
        pour(&lefts[which], 0, number[FIRST_A + 2 * which], buffer + which * number[SIZE_A])
        if scoop(
            &rights[which], number[FIRST_A + 2 * which], number[SIZE_A + 2 * which],
            buffer + which * number[SIZE_A],
        ):
            return FELL
    settle(made, buffer)
    number[SCALE] = scale
    made[ZEROS], made[THRESHOLD] = zeros[0] - zeros[1], as_bits(threshold)
    return DONE
