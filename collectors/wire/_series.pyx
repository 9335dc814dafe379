# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""What becomes of series: an index of identities, and points set against those before them."""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    DOUBLE = 1
    INT = 2
    COUNT = 3

cdef enum:
    FIRST = 1
    NEXT = 2
    RESET = 3
    LATE = 4
    TWICE = 5
    EMPTY = 6


def assign(
    const uint64_t[:, ::1] identity, int32_t[::1] slots, uint64_t[:, ::1] known, int64_t used, int64_t limit,
    int64_t[::1] row,
):
    """The row of each identity, new ones in order of appearance; see `PointsKernel.assign`."""
    cdef Py_ssize_t place
    cdef uint64_t mask = <uint64_t>slots.shape[0] - 1
    cdef uint64_t slot
    cdef int64_t other
    if limit > known.shape[0] or 2 * limit > slots.shape[0] or used > limit:
        raise ValueError("the index is too small for its limit")
    with nogil:
        for place in range(identity.shape[0]):
            slot = identity[place, 0] & mask
            while True:
                other = slots[slot] - 1
                if other < 0:
                    break
                if known[other, 0] == identity[place, 0] and known[other, 1] == identity[place, 1]:
                    break
                slot = (slot + 1) & mask
            if other < 0 and used < limit:
                other = used
                known[other, 0], known[other, 1] = identity[place, 0], identity[place, 1]
                used += 1
                slots[slot] = <int32_t>used
            row[place] = other
    return used


cdef inline double real(uint64_t bits, uint8_t type) noexcept nogil:
    cdef double value
    if type == DOUBLE:
        memcpy(&value, &bits, 8)
        return value
    return <double>(<int64_t>bits) if type == INT else <double>bits


cdef inline uint64_t as_bits(double value) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &value, 8)
    return bits


cdef inline int has_no_value(const int64_t* at, const uint64_t* word, const uint8_t* mark) noexcept nogil:
    return mark[3] == 0 or at[6] & 1 or (mark[3] == DOUBLE and isnan(real(word[2], DOUBLE)))


def follow(const int64_t[::1] row, tuple points, tuple series, tuple found):
    """Set each point against the one before it in its series; see `PointsKernel.follow`."""
    cdef const int64_t[:, ::1] at = points[0]
    cdef const uint64_t[:, ::1] word = points[1]
    cdef const uint8_t[:, ::1] mark = points[2]
    cdef uint64_t[:, ::1] state = series[0]
    cdef uint8_t[::1] type = series[1]
    cdef int32_t[::1] place = series[2]
    cdef uint8_t[::1] verdict = found[0]
    cdef int64_t[::1] prior = found[1]
    cdef uint64_t[:, ::1] step = found[2]
    cdef Py_ssize_t here
    cdef int64_t of, rows = state.shape[0]
    cdef uint64_t begun, now, bits
    cdef uint8_t kind
    cdef double before, after
    cdef int falls
    with nogil:
        for here in range(row.shape[0]):
            of = row[here]
            verdict[here] = 0
            prior[here] = -2
            if of < 0 or of >= rows:
                continue
            begun, now, bits, kind = word[here, 0], word[here, 1], word[here, 2], mark[here, 3]
            step[here, 0], step[here, 1] = begun, bits
            if type[of] and now <= state[of, 1]:
                verdict[here] = TWICE if now == state[of, 1] else LATE
                continue
            if has_no_value(&at[here, 0], &word[here, 0], &mark[here, 0]):
                verdict[here] = EMPTY
                continue
            if type[of] == 0:
                verdict[here] = FIRST
            else:
                verdict[here] = NEXT
                if mark[here, 0] != 5 and begun != state[of, 0] and begun >= state[of, 1]:
                    verdict[here] = RESET
                elif mark[here, 2] or mark[here, 0] == 9 or mark[here, 0] == 10:
                    if kind == type[of] and kind == INT:
                        falls = <int64_t>bits < <int64_t>state[of, 2]
                    elif kind == type[of] and kind == COUNT:
                        falls = bits < state[of, 2]
                    else:
                        falls = real(bits, kind) < real(state[of, 2], type[of])
                    if falls:
                        verdict[here] = RESET
                        if begun <= state[of, 0]:  # it does not know that it began again
                            step[here, 0] = state[of, 1]
                    elif begun and begun < state[of, 0]:  # of another, which began before
                        verdict[here] = LATE
                        continue
                prior[here] = place[of]
                if verdict[here] == NEXT:
                    step[here, 0] = state[of, 1]
                    if kind == type[of] and kind != DOUBLE:
                        step[here, 1] = bits - state[of, 2]
                    else:
                        before, after = real(state[of, 2], type[of]), real(bits, kind)
                        if kind == DOUBLE:
                            step[here, 1] = as_bits(after - before)
                        elif -9223372036854775808.0 < after - before < 9223372036854775808.0:
                            step[here, 1] = <uint64_t>(<int64_t>(after - before))
                        else:
                            step[here, 1] = 0
            state[of, 0], state[of, 1], state[of, 2], type[of] = begun, now, bits, kind
            place[of] = <int32_t>here
        for here in range(row.shape[0]):
            if 0 <= row[here] < rows:
                place[row[here]] = -1


def accumulate(const int64_t[::1] row, tuple points, bint in_order, tuple series, tuple found):
    """Add each point to its series; see `PointsKernel.accumulate`."""
    cdef const int64_t[:, ::1] at = points[0]
    cdef const uint64_t[:, ::1] word = points[1]
    cdef const uint8_t[:, ::1] mark = points[2]
    cdef uint64_t[:, ::1] state = series[0]
    cdef uint8_t[::1] type = series[1]
    cdef uint8_t[::1] verdict = found[0]
    cdef uint64_t[:, ::1] total = found[1]
    cdef Py_ssize_t here
    cdef int64_t of, rows = state.shape[0]
    cdef uint64_t begun, now, bits, added
    cdef uint8_t kind
    with nogil:
        for here in range(row.shape[0]):
            of = row[here]
            verdict[here] = 0
            if of < 0 or of >= rows:
                continue
            begun, now, bits, kind = word[here, 0], word[here, 1], word[here, 2], mark[here, 3]
            if in_order and type[of] and now <= state[of, 1]:
                verdict[here] = TWICE if now == state[of, 1] else LATE
                continue
            if has_no_value(&at[here, 0], &word[here, 0], &mark[here, 0]):
                verdict[here] = EMPTY
                continue
            if type[of] == 0:
                verdict[here] = FIRST
                state[of, 0], state[of, 1], state[of, 2], type[of] = begun if begun else now, now, bits, kind
            else:
                verdict[here] = NEXT
                added = state[of, 2] + bits
                if kind != INT or type[of] != INT or ((added ^ state[of, 2]) & (added ^ bits)) >> 63:
                    state[of, 2] = as_bits(real(state[of, 2], type[of]) + real(bits, kind))
                    type[of] = DOUBLE
                else:
                    state[of, 2] = added
                if begun and begun < state[of, 0] and not in_order:
                    state[of, 0] = begun
                if now > state[of, 1]:
                    state[of, 1] = now
            total[here, 0], total[here, 1], total[here, 2] = state[of, 0], state[of, 1], state[of, 2]
            total[here, 3] = type[of]
