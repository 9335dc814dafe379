# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""The compiled loops of the index and of the memory; `index_reference.py` is their twin in Python.

Slots, nodes and buckets are numbers that the callers made themselves and never come from a
payload; what comes from one, ids and times, is only compared and stored. Tables are never
full, so every search ends.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef packed struct Trace:
    uint64_t high
    uint64_t low
    uint64_t bits
    uint64_t start
    uint64_t end
    uint64_t order
    int64_t size
    int32_t spans
    int32_t last
    uint8_t marks

cdef packed struct Span:
    uint64_t high
    uint64_t low
    uint64_t digest
    uint64_t bits
    uint64_t start
    uint64_t end
    int64_t size
    int32_t entry
    uint32_t marks

cdef packed struct Node:
    int32_t payload
    int32_t entry
    int32_t previous

cdef enum:
    ROOT = 1

cdef enum:              # places in `counts`
    FREE_TRACE = 0
    USED_TRACES = 1
    FREE_NODE = 2
    USED_NODES = 3
    ORDER = 4

cdef enum:
    WAYS = 64           # fingerprints in a bucket

cdef uint32_t PRINT = 0x7FFFFFFFU
cdef int64_t FREE = 0


cdef inline uint64_t mixed(uint64_t word) noexcept nogil:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9ULL
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBULL
    return word ^ (word >> 31)


cdef inline uint64_t digest(const Trace[::1] traces, int32_t slot, uint64_t seed) noexcept nogil:
    """As `index_kernel.digests` has it."""
    return mixed(mixed(traces[slot].high ^ seed) + traces[slot].low)


cdef inline int64_t look(
    const int32_t[::1] table, const Trace[::1] traces, uint64_t high, uint64_t low, uint64_t home
) noexcept nogil:
    """The place in the table where the trace stands, or where it would."""
    cdef uint64_t mask = <uint64_t>(table.shape[0] - 1)
    cdef uint64_t place = home & mask
    cdef int32_t slot
    while table[place]:
        slot = table[place] - 1
        if traces[slot].low == low and traces[slot].high == high:
            break
        place = (place + 1) & mask
    return <int64_t>place


def find(const int32_t[::1] table, const Trace[::1] traces, const Span[::1] spans, int32_t[::1] slots):
    """The slot of each span's trace, -1 where it has none."""
    cdef Py_ssize_t row
    with nogil:
        for row in range(spans.shape[0]):
            slots[row] = table[look(table, traces, spans[row].high, spans[row].low, spans[row].digest)] - 1


def put(int32_t[::1] table, const Trace[::1] traces, uint64_t seed, const int32_t[::1] slots):
    """Enter slots whose traces are not in the table yet."""
    cdef Py_ssize_t row
    cdef int32_t slot
    with nogil:
        for row in range(slots.shape[0]):
            slot = slots[row]
            table[look(table, traces, traces[slot].high, traces[slot].low, digest(traces, slot, seed))] = slot + 1


def absorb(
    int32_t[::1] table, Trace[::1] traces, int64_t[::1] due, Node[::1] nodes, int64_t[::1] counts,
    const Span[::1] spans, int32_t[::1] slots, int32_t payload, int64_t wait_until, int64_t root_until,
):
    """Add spans to their traces, and begin those that there are none of; returns how many began.

    There is room for as many traces and nodes as there are spans.
    """
    cdef Py_ssize_t row
    cdef int64_t place, node, began = 0
    cdef int32_t slot
    with nogil:
        for row in range(spans.shape[0]):
            place = look(table, traces, spans[row].high, spans[row].low, spans[row].digest)
            slot = table[place] - 1
            if slot < 0:
                if counts[FREE_TRACE] >= 0:
                    slot = <int32_t>counts[FREE_TRACE]
                    counts[FREE_TRACE] = traces[slot].last
                else:
                    slot = <int32_t>counts[USED_TRACES]
                    counts[USED_TRACES] += 1
                table[place] = slot + 1
                begin(traces, slot, spans, row, <uint64_t>counts[ORDER])
                counts[ORDER] += 1
                due[slot] = wait_until
                began += 1
            if counts[FREE_NODE] >= 0:
                node = counts[FREE_NODE]
                counts[FREE_NODE] = nodes[node].previous
            else:
                node = counts[USED_NODES]
                counts[USED_NODES] += 1
            nodes[node].payload = payload
            nodes[node].entry = spans[row].entry
            nodes[node].previous = traces[slot].last
            traces[slot].last = <int32_t>node
            gather(traces, slot, spans, row)
            if spans[row].marks & ROOT and root_until < due[slot]:
                due[slot] = root_until
            slots[row] = slot
    return began


cdef inline void begin(
    Trace[::1] traces, int32_t slot, const Span[::1] spans, Py_ssize_t row, uint64_t order
) noexcept nogil:
    traces[slot].high = spans[row].high
    traces[slot].low = spans[row].low
    traces[slot].bits = 0
    traces[slot].start = 0
    traces[slot].end = 0
    traces[slot].order = order
    traces[slot].size = 0
    traces[slot].spans = 0
    traces[slot].last = -1
    traces[slot].marks = 0


cdef inline void gather(Trace[::1] traces, int32_t slot, const Span[::1] spans, Py_ssize_t row) noexcept nogil:
    traces[slot].spans += 1
    traces[slot].size += spans[row].size
    traces[slot].bits |= spans[row].bits
    if spans[row].start:
        if traces[slot].start == 0 or spans[row].start < traces[slot].start:
            traces[slot].start = spans[row].start
        if spans[row].end > traces[slot].end:
            traces[slot].end = spans[row].end
    traces[slot].marks |= <uint8_t>spans[row].marks


def remove(
    int32_t[::1] table, Trace[::1] traces, int64_t[::1] due, int64_t[::1] counts, uint64_t seed,
    const int32_t[::1] slots,
):
    """Take traces out; their slots are free for others, their nodes are the caller's to release."""
    cdef uint64_t mask = <uint64_t>(table.shape[0] - 1)
    cdef uint64_t hole, place, home
    cdef Py_ssize_t row
    cdef int32_t slot
    with nogil:
        for row in range(slots.shape[0]):
            slot = slots[row]
            hole = <uint64_t>look(table, traces, traces[slot].high, traces[slot].low, digest(traces, slot, seed))
            place = hole
            while True:  # what stands behind the hole moves up, unless it is nearer to its home
                place = (place + 1) & mask
                if table[place] == 0:
                    break
                home = digest(traces, table[place] - 1, seed) & mask
                if ((place - home) & mask) >= ((place - hole) & mask):
                    table[hole] = table[place]
                    hole = place
            table[hole] = 0
            due[slot] = FREE
            traces[slot].last = <int32_t>counts[FREE_TRACE]
            counts[FREE_TRACE] = slot


def walk(
    const Trace[::1] traces, const Node[::1] nodes, const int32_t[::1] slots,
    int32_t[::1] found, int32_t[::1] owners,
):
    """The nodes of traces, oldest first, and for each its place in `slots`."""
    cdef Py_ssize_t row
    cdef int64_t filled = 0, at
    cdef int32_t node
    with nogil:
        for row in range(slots.shape[0]):
            filled += traces[slots[row]].spans
            at = filled
            node = traces[slots[row]].last
            while node >= 0:
                at -= 1
                found[at] = node
                owners[at] = <int32_t>row
                node = nodes[node].previous


def release(Node[::1] nodes, int64_t[::1] counts, const int32_t[::1] given):
    """Free nodes for others."""
    cdef Py_ssize_t row
    with nogil:
        for row in range(given.shape[0]):
            nodes[given[row]].payload = -1
            nodes[given[row]].previous = <int32_t>counts[FREE_NODE]
            counts[FREE_NODE] = given[row]


def recall(
    const uint32_t[:, ::1] prints, const uint8_t[::1] heads, const int64_t[::1] buckets,
    const uint32_t[::1] wanted, int64_t[::1] places,
):
    """Where each fingerprint stands, the newest one; -1 where it does not."""
    cdef Py_ssize_t row
    cdef int64_t bucket
    cdef int way, back
    with nogil:
        for row in range(buckets.shape[0]):
            bucket = buckets[row]
            places[row] = -1
            for back in range(1, WAYS + 1):
                way = (heads[bucket] - back) & (WAYS - 1)
                if (prints[bucket, way] & PRINT) == wanted[row]:
                    places[row] = bucket * WAYS + way
                    break


def remember(
    uint32_t[:, ::1] prints, uint8_t[::1] heads, const int64_t[::1] buckets,
    const uint32_t[::1] given, int64_t[::1] places,
):
    """Write fingerprints, each over the oldest of its bucket; where it was written."""
    cdef Py_ssize_t row
    cdef int64_t bucket
    with nogil:
        for row in range(buckets.shape[0]):
            bucket = buckets[row]
            prints[bucket, heads[bucket]] = given[row]
            places[row] = bucket * WAYS + heads[bucket]
            heads[bucket] = (heads[bucket] + 1) & (WAYS - 1)
