# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Identities of resources, scopes and what is in them, for every compiled part that needs them.

SipHash-1-3 with 128 bits, the key 0; attributes count in the order of their digests, so that
theirs in the payload does not. Cython copies these into each module that cimports them.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memcmp, memcpy

from collectors.wire._reading cimport Bytes, outside, read_length, read_tag, skip

cdef enum:
    SORT_BY_HAND = 24   # above this many attributes a library's sort is faster


cdef struct Sip:
    uint64_t a
    uint64_t b
    uint64_t c
    uint64_t d


cdef inline uint64_t turn(uint64_t value, int by) noexcept nogil:
    return (value << by) | (value >> (64 - by))


cdef inline void mix(Sip* sip) noexcept nogil:
    sip.a += sip.b
    sip.b = turn(sip.b, 13) ^ sip.a
    sip.a = turn(sip.a, 32)
    sip.c += sip.d
    sip.d = turn(sip.d, 16) ^ sip.c
    sip.a += sip.d
    sip.d = turn(sip.d, 21) ^ sip.a
    sip.c += sip.b
    sip.b = turn(sip.b, 17) ^ sip.c
    sip.c = turn(sip.c, 32)


cdef inline void begin(Sip* sip) noexcept nogil:
    """SipHash's constants, the key 0, and the 128-bit variant's mark."""
    sip.a = 0x736F6D6570736575ULL
    sip.b = 0x646F72616E646F6DULL ^ 0xEE
    sip.c = 0x6C7967656E657261ULL
    sip.d = 0x7465646279746573ULL


cdef inline void absorb(Sip* sip, uint64_t word) noexcept nogil:
    sip.d ^= word
    mix(sip)
    sip.a ^= word


cdef inline void absorb_text(Sip* sip, Bytes data, int64_t start, int64_t end) noexcept nogil:
    """Length, then the bytes as little-endian words, the last one filled with zeros."""
    cdef uint64_t word
    absorb(sip, <uint64_t>(end - start))
    while end - start >= 8:
        memcpy(&word, data + start, 8)
        absorb(sip, word)
        start += 8
    if start < end:
        word = 0
        memcpy(&word, data + start, end - start)
        absorb(sip, word)


cdef inline void finish(Sip* sip, uint64_t* out) noexcept nogil:
    cdef int again
    sip.c ^= 0xEE
    for again in range(3):
        mix(sip)
    out[0] = sip.a ^ sip.b ^ sip.c ^ sip.d
    sip.b ^= 0xDD
    for again in range(3):
        mix(sip)
    out[1] = sip.a ^ sip.b ^ sip.c ^ sip.d


cdef struct Pairs:
    uint64_t* digest    # two words for each
    int64_t count
    int64_t room


cdef struct Keys:
    Bytes* text
    int64_t* size
    int64_t count
    int keeps           # 1: only these; 0: all but these


cdef inline int compare(const void* one, const void* other) noexcept nogil:
    cdef const uint64_t* x = <const uint64_t*>one
    cdef const uint64_t* y = <const uint64_t*>other
    if x[0] != y[0]:
        return -1 if x[0] < y[0] else 1
    if x[1] != y[1]:
        return -1 if x[1] < y[1] else 1
    return 0


cdef inline void sort(Pairs* pairs) noexcept nogil:
    cdef int64_t i, j
    cdef uint64_t low, high
    cdef uint64_t* digest = pairs.digest
    if pairs.count > SORT_BY_HAND:
        qsort(digest, pairs.count, 16, compare)
        return
    for i in range(1, pairs.count):
        low, high = digest[2 * i], digest[2 * i + 1]
        j = i
        while j and (digest[2 * j - 2] > low or (digest[2 * j - 2] == low and digest[2 * j - 1] > high)):
            digest[2 * j], digest[2 * j + 1] = digest[2 * j - 2], digest[2 * j - 1]
            j -= 1
        digest[2 * j], digest[2 * j + 1] = low, high


cdef inline int is_chosen(Keys* keys, Bytes data, int64_t start, int64_t end) noexcept nogil:
    cdef int64_t which
    for which in range(keys.count):
        if keys.size[which] == end - start and memcmp(keys.text[which], data + start, end - start) == 0:
            return keys.keeps
    return not keys.keeps


cdef inline int read_pair(Bytes data, int64_t cursor, int64_t end, int64_t* spot) noexcept nogil:
    """Key (spot 0, 1) and value (2, 3) of a `KeyValue`; (0, 0) where absent, the last one wins."""
    cdef int64_t length
    cdef uint32_t field
    cdef int wire
    spot[0] = spot[1] = spot[2] = spot[3] = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire != 2 or field > 2:
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        spot[2 * field - 2] = cursor
        spot[2 * field - 1] = cursor + length
        cursor += length
    return 0


cdef inline int add_pair(Pairs* pairs, Keys* keys, Bytes data, int64_t start, int64_t end) noexcept nogil:
    """2 where memory is short."""
    cdef int64_t spot[4]
    cdef Sip sip
    cdef uint64_t* grown
    if read_pair(data, start, end, spot):
        return 1
    if keys.count or keys.keeps:
        if not is_chosen(keys, data, spot[0], spot[1]):
            return 0
    if pairs.count == pairs.room:
        pairs.room = 2 * pairs.room + 32
        grown = <uint64_t*>realloc(pairs.digest, pairs.room * 16)
        if grown == NULL:
            return 2
        pairs.digest = grown
    begin(&sip)
    absorb_text(&sip, data, spot[0], spot[1])
    absorb_text(&sip, data, spot[2], spot[3])
    finish(&sip, pairs.digest + 2 * pairs.count)
    pairs.count += 1
    return 0


cdef inline void close(Pairs* pairs, Sip* sip, uint64_t* out) noexcept nogil:
    """The pairs in the order of their digests, so that theirs in the payload does not count."""
    cdef int64_t which
    sort(pairs)
    absorb(sip, <uint64_t>pairs.count)
    for which in range(2 * pairs.count):
        absorb(sip, pairs.digest[which])
    finish(sip, out)
    pairs.count = 0


cdef inline int fill(Keys* keys, tuple texts, int keeps) except -1:
    """Take over chosen keys; `forget` frees what that takes."""
    cdef Py_ssize_t which
    keys.count = len(texts)
    keys.keeps = keeps
    keys.text = <Bytes*>calloc(keys.count + 1, sizeof(Bytes))
    keys.size = <int64_t*>calloc(keys.count + 1, sizeof(int64_t))
    if keys.text == NULL or keys.size == NULL:
        raise MemoryError
    for which in range(keys.count):
        keys.text[which] = <Bytes>(<bytes>texts[which])
        keys.size[which] = len(<bytes>texts[which])
    return 0


cdef inline void all_of(Keys* keys) noexcept nogil:
    """Every key counts."""
    keys.count = keys.keeps = 0
    keys.text = NULL
    keys.size = NULL


cdef inline void forget(Keys* keys) noexcept nogil:
    free(keys.text)
    free(keys.size)


cdef inline int name_parent(
    Bytes data, int64_t cursor, int64_t end, const uint64_t* parent, Pairs* pairs, Keys* keys, uint64_t* out
) noexcept nogil:
    """A resource or, within its `parent`, a scope: field 1, with the schema's URL (3) beside it.

    Attributes are field 1 of a resource, and 3 of a scope after its name (1) and version (2).
    """
    cdef Sip sip
    cdef int64_t spot[6]
    cdef int64_t length, inner, stop, size
    cdef uint32_t field, attributes = 1 if parent == NULL else 3
    cdef int wire, bad
    spot[0] = spot[1] = spot[2] = spot[3] = spot[4] = spot[5] = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire != 2 or (field != 1 and field != 3):
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        if field == 3:
            spot[4], spot[5] = cursor, cursor + length
        else:
            inner, stop = cursor, cursor + length
            while inner < stop:
                if read_tag(data, &inner, stop, &field, &wire):
                    return 1
                if wire != 2 or field > attributes:
                    if skip(data, &inner, stop, field, wire, 0):
                        return 1
                    continue
                if read_length(data, &inner, stop, &size):
                    return 1
                if field == attributes:
                    bad = add_pair(pairs, keys, data, inner, inner + size)
                    if bad:
                        return bad
                else:
                    spot[2 * field - 2], spot[2 * field - 1] = inner, inner + size
                inner += size
        cursor += length
    begin(&sip)
    if parent != NULL:
        absorb(&sip, parent[0])
        absorb(&sip, parent[1])
        absorb_text(&sip, data, spot[0], spot[1])
        absorb_text(&sip, data, spot[2], spot[3])
    absorb_text(&sip, data, spot[4], spot[5])
    close(pairs, &sip, out)
    return 0


cdef inline int name_parents(
    Bytes data, int64_t size, const int64_t[:, ::1] resource_at, const int64_t[:, ::1] scope_at, Pairs* pairs,
    Keys* resource_keys, uint64_t[:, ::1] resource_id, uint64_t[:, ::1] scope_id,
) noexcept nogil:
    """Identities of all resources and scopes of a request; 2 where memory is short."""
    cdef Keys every
    cdef Py_ssize_t row
    cdef int64_t parent
    cdef int bad
    all_of(&every)
    for row in range(resource_at.shape[0]):
        if outside(resource_at[row, 1], resource_at[row, 2], size):
            return 1
        bad = name_parent(
            data, resource_at[row, 1], resource_at[row, 2], NULL, pairs, resource_keys, &resource_id[row, 0]
        )
        if bad:
            return bad
    for row in range(scope_at.shape[0]):
        parent = scope_at[row, 3]
        if outside(scope_at[row, 1], scope_at[row, 2], size) or outside(parent, parent + 1, resource_at.shape[0]):
            return 1
        bad = name_parent(
            data, scope_at[row, 1], scope_at[row, 2], &resource_id[parent, 0], pairs, &every, &scope_id[row, 0]
        )
        if bad:
            return bad
    return 0
