# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""The compiled half of `points.py`; `points_reference.py` is its twin in Python.

As in `_kernel.pyx`, every read of a payload is checked by hand against the end of the
message that it happens in, and work on payloads runs without the GIL. Rows and extents
that come from Python are checked before they are used.
"""

from libc.math cimport isnan
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memcmp, memcpy

from collectors.wire._reading cimport FIELDS, Bytes, read_length, read_tag, read_varint, skip

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

cdef enum:
    SORT_BY_HAND = 24   # above this many attributes a library's sort is faster


# ---------------------------------------------------------------- identities


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


cdef int compare(const void* one, const void* other) noexcept nogil:
    cdef const uint64_t* x = <const uint64_t*>one
    cdef const uint64_t* y = <const uint64_t*>other
    if x[0] != y[0]:
        return -1 if x[0] < y[0] else 1
    if x[1] != y[1]:
        return -1 if x[1] < y[1] else 1
    return 0


cdef void sort(Pairs* pairs) noexcept nogil:
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


cdef int read_pair(Bytes data, int64_t cursor, int64_t end, int64_t* spot) noexcept nogil:
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


cdef int add_pair(Pairs* pairs, Keys* keys, Bytes data, int64_t start, int64_t end) noexcept nogil:
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


cdef void close(Pairs* pairs, Sip* sip, uint64_t* out) noexcept nogil:
    """The pairs in the order of their digests, so that theirs in the payload does not count."""
    cdef int64_t which
    sort(pairs)
    absorb(sip, <uint64_t>pairs.count)
    for which in range(2 * pairs.count):
        absorb(sip, pairs.digest[which])
    finish(sip, out)
    pairs.count = 0


cdef int name_resource(
    Bytes data, int64_t cursor, int64_t end, Pairs* pairs, Keys* keys, uint64_t* out
) noexcept nogil:
    """Attributes (1) of the resource (1), and the schema's URL (3)."""
    cdef Sip sip
    cdef int64_t length, inner, stop, size, url_start = 0, url_end = 0
    cdef uint32_t field
    cdef int wire, bad
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
            url_start, url_end = cursor, cursor + length
        else:
            inner, stop = cursor, cursor + length
            while inner < stop:
                if read_tag(data, &inner, stop, &field, &wire):
                    return 1
                if wire != 2 or field != 1:
                    if skip(data, &inner, stop, field, wire, 0):
                        return 1
                    continue
                if read_length(data, &inner, stop, &size):
                    return 1
                bad = add_pair(pairs, keys, data, inner, inner + size)
                if bad:
                    return bad
                inner += size
        cursor += length
    begin(&sip)
    absorb_text(&sip, data, url_start, url_end)
    close(pairs, &sip, out)
    return 0


cdef int name_scope(
    Bytes data, int64_t cursor, int64_t end, const uint64_t* parent, Pairs* pairs, Keys* all_keys,
    uint64_t* out,
) noexcept nogil:
    """Name (1), version (2), attributes (3) of the scope (1), and the schema's URL (3)."""
    cdef Sip sip
    cdef int64_t spot[6]
    cdef int64_t length, inner, stop, size
    cdef uint32_t field
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
                if wire != 2 or field > 3:
                    if skip(data, &inner, stop, field, wire, 0):
                        return 1
                    continue
                if read_length(data, &inner, stop, &size):
                    return 1
                if field == 3:
                    bad = add_pair(pairs, all_keys, data, inner, inner + size)
                    if bad:
                        return bad
                else:
                    spot[2 * field - 2], spot[2 * field - 1] = inner, inner + size
                inner += size
        cursor += length
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    absorb_text(&sip, data, spot[0], spot[1])
    absorb_text(&sip, data, spot[2], spot[3])
    absorb_text(&sip, data, spot[4], spot[5])
    close(pairs, &sip, out)
    return 0


# ---------------------------------------------------------------- columns


cdef struct Metric:
    int64_t data_start
    int64_t data_end
    uint8_t kind        # field of the data message, 0 for none
    uint8_t temporality
    uint8_t monotonic


cdef int read_metric(
    Bytes data, int64_t cursor, int64_t end, const uint64_t* parent, Metric* metric, uint64_t* out
) noexcept nogil:
    cdef Sip sip
    cdef int64_t spot[4]
    cdef int64_t length
    cdef uint64_t value
    cdef uint32_t field
    cdef int wire
    spot[0] = spot[1] = spot[2] = spot[3] = 0
    metric.kind = metric.temporality = metric.monotonic = 0
    metric.data_start = metric.data_end = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire != 2:
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        if field == 1:
            spot[0], spot[1] = cursor, cursor + length
        elif field == 3:
            spot[2], spot[3] = cursor, cursor + length
        elif field == 5 or field == 7 or 9 <= field <= 11:
            if metric.kind:
                return 1
            metric.kind = <uint8_t>field
            metric.data_start, metric.data_end = cursor, cursor + length
        cursor += length
    cursor, end = metric.data_start, metric.data_end
    if metric.kind == 7 or metric.kind == 9 or metric.kind == 10:
        while cursor < end:
            if read_tag(data, &cursor, end, &field, &wire):
                return 1
            if wire == 0:
                if read_varint(data, &cursor, end, &value):
                    return 1
                if field == 2:
                    metric.temporality = <uint8_t>value if value < 3 else 0
                elif field == 3 and metric.kind == 7:
                    metric.monotonic = value != 0
            elif skip(data, &cursor, end, field, wire, 0):
                return 1
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    absorb(&sip, metric.kind | (<uint64_t>metric.temporality << 8) | (<uint64_t>metric.monotonic << 16))
    absorb_text(&sip, data, spot[0], spot[1])
    absorb_text(&sip, data, spot[2], spot[3])
    finish(&sip, out)
    return 0


cdef int read_point(
    Bytes data, int64_t cursor, int64_t end, int kind, const uint64_t* parent, Pairs* pairs,
    Keys* keys, int64_t* at, uint64_t* word, uint8_t* mark, uint64_t* out,
) noexcept nogil:
    cdef Sip sip
    cdef int64_t length, tag
    cdef uint64_t value
    cdef uint32_t field
    cdef int wire, bad
    cdef uint32_t attributes = 1 if kind == 10 else (9 if kind == 9 else 7)
    cdef uint32_t flags = 8 if kind == 5 or kind == 7 or kind == 11 else 10
    cdef int is_number = kind == 5 or kind == 7
    at[4] = at[5] = -1
    at[6] = 0
    word[0] = word[1] = word[2] = 0
    mark[3] = 0 if is_number else COUNT
    while cursor < end:
        tag = cursor
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire == 1:
            if end - cursor < 8:
                return 1
            memcpy(&value, data + cursor, 8)
            cursor += 8
            if field == 2:
                word[0] = value
            elif field == 3:
                word[1] = value
            elif field == 4:
                word[2] = value
                mark[3] = DOUBLE if is_number else COUNT
            elif field == 6 and is_number:
                word[2] = value
                mark[3] = INT
        elif wire == 2 and field == attributes:
            if read_length(data, &cursor, end, &length):
                return 1
            bad = add_pair(pairs, keys, data, cursor, cursor + length)
            if bad:
                return bad
            cursor += length
            if at[4] < 0:
                at[4] = tag
            at[5] = cursor
        elif wire == 0 and field == flags:
            if read_varint(data, &cursor, end, &value):
                return 1
            at[6] = <int64_t>(value & 0xFFFFFFFFULL)
        elif skip(data, &cursor, end, field, wire, 0):
            return 1
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    close(pairs, &sip, out)
    return 0


cdef int fill(Keys* keys, tuple texts, int keeps) except -1:
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


cdef inline int outside(int64_t start, int64_t end, int64_t size) noexcept nogil:
    return start < 0 or end < start or end > size


def columns(
    const uint8_t[::1] payload, tuple levels, tuple resource_keys, tuple point_keys, tuple ids,
    int64_t[:, ::1] data_at, tuple rows,
):
    """Everything about every data point; see `PointsKernel.columns`."""
    cdef const int64_t[:, ::1] resource_at = levels[0], scope_at = levels[1], entry_at = levels[2]
    cdef uint64_t[:, ::1] resource_id = ids[0], scope_id = ids[1], entry_id = ids[2]
    cdef int64_t[:, ::1] at = rows[0]
    cdef uint64_t[:, ::1] word = rows[1]
    cdef uint8_t[:, ::1] mark = rows[2]
    cdef uint64_t[:, ::1] point_id = rows[3]
    cdef Keys every, resources, points
    cdef Pairs pairs
    cdef Metric metric
    cdef Py_ssize_t row
    cdef int64_t found = 0, room = at.shape[0], size = payload.shape[0]
    cdef int64_t cursor, end, tag, length, parent
    cdef uint32_t field
    cdef int wire, bad = 0
    cdef Bytes data = &payload[0] if size else NULL
    every.count = every.keeps = 0
    every.text = resources.text = points.text = NULL
    every.size = resources.size = points.size = NULL
    pairs.digest = NULL
    pairs.count = pairs.room = 0
    try:
        fill(&resources, resource_keys[0], resource_keys[1])
        fill(&points, point_keys[0], point_keys[1])
        with nogil:
            for row in range(resource_at.shape[0]):
                if outside(resource_at[row, 1], resource_at[row, 2], size):
                    bad = 1
                    break
                bad = name_resource(
                    data, resource_at[row, 1], resource_at[row, 2], &pairs, &resources, &resource_id[row, 0]
                )
                if bad:
                    break
            for row in range(scope_at.shape[0]):
                parent = scope_at[row, 3]
                if bad or outside(scope_at[row, 1], scope_at[row, 2], size) or outside(parent, parent + 1, resource_at.shape[0]):
                    bad = bad or 1
                    break
                bad = name_scope(
                    data, scope_at[row, 1], scope_at[row, 2], &resource_id[parent, 0], &pairs, &every, &scope_id[row, 0]
                )
            for row in range(entry_at.shape[0]):
                parent = entry_at[row, 3]
                if bad or outside(entry_at[row, 1], entry_at[row, 2], size) or outside(parent, parent + 1, scope_at.shape[0]):
                    bad = bad or 1
                    break
                bad = read_metric(
                    data, entry_at[row, 1], entry_at[row, 2], &scope_id[parent, 0], &metric, &entry_id[row, 0]
                )
                if bad:
                    break
                data_at[row, 0], data_at[row, 1], data_at[row, 2] = metric.data_start, metric.data_end, metric.kind
                data_at[row, 3] = metric.temporality
                cursor, end = metric.data_start, metric.data_end
                while cursor < end:
                    tag = cursor
                    if read_tag(data, &cursor, end, &field, &wire):
                        bad = 1
                        break
                    if wire != 2 or field != 1:
                        if skip(data, &cursor, end, field, wire, 0):
                            bad = 1
                            break
                        continue
                    if read_length(data, &cursor, end, &length):
                        bad = 1
                        break
                    if found < room:
                        at[found, 0], at[found, 1], at[found, 2], at[found, 3] = tag, cursor, cursor + length, row
                        mark[found, 0], mark[found, 1] = metric.kind, metric.temporality
                        mark[found, 2] = metric.monotonic
                        bad = read_point(
                            data, cursor, cursor + length, metric.kind, &entry_id[row, 0], &pairs, &points,
                            &at[found, 0], &word[found, 0], &mark[found, 0], &point_id[found, 0],
                        )
                        if bad:
                            break
                    found += 1
                    cursor += length
                if bad:
                    break
    finally:
        free(pairs.digest)
        free(resources.text)
        free(resources.size)
        free(points.text)
        free(points.size)
    if bad == 2:
        raise MemoryError
    return -1 if bad else found


cdef int read_record(
    Bytes data, int64_t cursor, int64_t end, const uint64_t* parent, Pairs* pairs, Keys* keys, int whole,
    uint64_t* out, int64_t* count,
) noexcept nogil:
    """Severity (2, 3), body (5), attributes (6) and name of the event (12) of a log record."""
    cdef Sip sip
    cdef int64_t spot[6]
    cdef int64_t length
    cdef uint64_t severity = 0, value
    cdef uint32_t field
    cdef int wire, bad
    spot[0] = spot[1] = spot[2] = spot[3] = spot[4] = spot[5] = 0
    while cursor < end:
        if read_tag(data, &cursor, end, &field, &wire):
            return 1
        if wire == 0 and field == 2:
            if read_varint(data, &cursor, end, &value):
                return 1
            severity = value
            continue
        if wire != 2 or (field != 3 and field != 5 and field != 6 and field != 12):
            if skip(data, &cursor, end, field, wire, 0):
                return 1
            continue
        if read_length(data, &cursor, end, &length):
            return 1
        if field == 6:
            bad = add_pair(pairs, keys, data, cursor, cursor + length)
            if bad:
                return bad
        elif field == 3:
            spot[0], spot[1] = cursor, cursor + length
        elif field == 5:
            spot[2], spot[3] = cursor, cursor + length
        else:
            spot[4], spot[5] = cursor, cursor + length
        cursor += length
    begin(&sip)
    absorb(&sip, parent[0])
    absorb(&sip, parent[1])
    absorb(&sip, <uint64_t>whole)
    if whole:
        absorb(&sip, severity)
        absorb_text(&sip, data, spot[0], spot[1])
        absorb_text(&sip, data, spot[2], spot[3])
        absorb_text(&sip, data, spot[4], spot[5])
    count[0] = pairs.count
    close(pairs, &sip, out)
    return 0


def records(
    const uint8_t[::1] payload, tuple levels, tuple chosen, bint whole, tuple ids, int64_t[::1] count,
):
    """Identities of log records; see `PointsKernel.records`."""
    cdef const int64_t[:, ::1] resource_at = levels[0], scope_at = levels[1], entry_at = levels[2]
    cdef uint64_t[:, ::1] resource_id = ids[0], scope_id = ids[1], entry_id = ids[2]
    cdef Keys every, keys
    cdef Pairs pairs
    cdef Py_ssize_t row
    cdef int64_t parent, size = payload.shape[0]
    cdef int bad = 0
    cdef Bytes data = &payload[0] if size else NULL
    every.count = every.keeps = 0
    every.text = keys.text = NULL
    every.size = keys.size = NULL
    pairs.digest = NULL
    pairs.count = pairs.room = 0
    try:
        fill(&keys, chosen[0], chosen[1])
        with nogil:
            for row in range(resource_at.shape[0]):
                if bad or outside(resource_at[row, 1], resource_at[row, 2], size):
                    bad = bad or 1
                    break
                bad = name_resource(data, resource_at[row, 1], resource_at[row, 2], &pairs, &every, &resource_id[row, 0])
            for row in range(scope_at.shape[0]):
                parent = scope_at[row, 3]
                if bad or outside(scope_at[row, 1], scope_at[row, 2], size) or outside(parent, parent + 1, resource_at.shape[0]):
                    bad = bad or 1
                    break
                bad = name_scope(
                    data, scope_at[row, 1], scope_at[row, 2], &resource_id[parent, 0], &pairs, &every, &scope_id[row, 0]
                )
            for row in range(entry_at.shape[0]):
                parent = entry_at[row, 3]
                if bad or outside(entry_at[row, 1], entry_at[row, 2], size) or outside(parent, parent + 1, scope_at.shape[0]):
                    bad = bad or 1
                    break
                bad = read_record(
                    data, entry_at[row, 1], entry_at[row, 2], &scope_id[parent, 0], &pairs, &keys, whole,
                    &entry_id[row, 0], &count[row],
                )
    finally:
        free(pairs.digest)
        free(keys.text)
        free(keys.size)
    if bad == 2:
        raise MemoryError
    return not bad


def digests(const uint8_t[::1] payload, const int64_t[:, ::1] spot, const uint64_t[:, ::1] salt, uint64_t[:, ::1] out):
    """Identities of slices, each within its own salt; see `PointsKernel.digests`."""
    cdef Sip sip
    cdef Py_ssize_t row
    cdef int64_t size = payload.shape[0]
    cdef int sound = 1
    cdef Bytes data = &payload[0] if size else NULL
    if salt.shape[0] != spot.shape[0] or out.shape[0] != spot.shape[0]:
        raise ValueError("each slice needs a salt and room for its digest")
    with nogil:
        for row in range(spot.shape[0]):
            if outside(spot[row, 0], spot[row, 1], size):
                sound = 0
                break
            begin(&sip)
            absorb(&sip, salt[row, 0])
            absorb(&sip, salt[row, 1])
            absorb_text(&sip, data, spot[row, 0], spot[row, 1])
            finish(&sip, &out[row, 0])
    return bool(sound)


# ---------------------------------------------------------------- an index of identities


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


# ---------------------------------------------------------------- what became of a series


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


# ---------------------------------------------------------------- writing


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
    target[at] = <uint8_t>(field << 3 | 1)
    memcpy(target + at + 1, &value, 8)
    return at + 9


def move(const uint8_t[::1] source, const int64_t[:, ::1] spot, uint8_t[::1] target, const int64_t[::1] to):
    """Copy slices (start, end) of `source` to places in `target`; whether all were inside."""
    cdef Py_ssize_t row
    cdef int64_t length, size = source.shape[0], room = target.shape[0]
    cdef int sound = 1
    with nogil:
        for row in range(spot.shape[0]):
            length = spot[row, 1] - spot[row, 0]
            if outside(spot[row, 0], spot[row, 1], size) or outside(to[row], to[row] + length, room):
                sound = 0
                break
            if length:
                memcpy(&target[to[row]], &source[spot[row, 0]], length)
    return bool(sound)


def rests(
    const uint8_t[::1] payload, const int64_t[:, ::1] spot, const int16_t[::1] skipped,
    const uint8_t[::1] temporality, uint8_t[::1] out, int64_t[:, ::1] extent,
):
    """Messages without some of their fields; see `PointsKernel.rests`."""
    cdef Py_ssize_t row
    cdef int64_t cursor, end, tag, filled = 0, size = payload.shape[0], room = out.shape[0]
    cdef uint32_t field
    cdef int wire
    cdef Bytes data = &payload[0] if size else NULL
    with nogil:
        for row in range(spot.shape[0]):
            extent[row, 0] = filled
            cursor, end = spot[row, 0], spot[row, 1]
            if outside(cursor, end, size):
                filled = -1
                break
            while cursor < end:
                tag = cursor
                if read_tag(data, &cursor, end, &field, &wire) or skip(data, &cursor, end, field, wire, 0):
                    filled = -1
                    break
                if field < FIELDS and skipped[field]:
                    continue
                if filled + cursor - tag > room:
                    filled = -1
                    break
                memcpy(&out[filled], data + tag, cursor - tag)
                filled += cursor - tag
            if filled < 0:
                break
            if temporality[row]:
                if filled + 2 > room:
                    filled = -1
                    break
                out[filled], out[filled + 1] = 0x10, temporality[row]
                filled += 2
            extent[row, 1] = filled
    return filled


def edit(
    const uint8_t[::1] payload, const int64_t[:, ::1] spot, const uint64_t[:, ::1] value, int attributes,
    tuple chosen, uint8_t[::1] out, int64_t[:, ::1] extent,
):
    """Points with other times and values; see `PointsKernel.edit`."""
    cdef Keys keys
    cdef Py_ssize_t row
    cdef int64_t cursor, end, tag, start, body, length, shift, filled = 0
    cdef int64_t size = payload.shape[0], room = out.shape[0]
    cdef int64_t pair[4]
    cdef uint32_t field
    cdef int wire
    cdef uint8_t* target = &out[0] if room else NULL
    cdef Bytes data = &payload[0] if size else NULL
    keys.text = NULL
    keys.size = NULL
    try:
        fill(&keys, chosen[0], chosen[1])
        with nogil:
            for row in range(spot.shape[0]):
                cursor, end = spot[row, 0], spot[row, 1]
                # Room for the tag and five bytes of length, closed up once the length is known.
                if outside(cursor, end, size) or filled + 6 + (end - cursor) + 27 > room:
                    filled = -1
                    break
                start = filled
                body = start + 6
                filled = body
                while cursor < end:
                    tag = cursor
                    if read_tag(data, &cursor, end, &field, &wire):
                        filled = -1
                        break
                    if wire == 1 and (2 <= field <= 4 or field == 6) and (field != 6 or value[row, 3] < COUNT):
                        if end - cursor < 8:
                            filled = -1
                            break
                        cursor += 8
                        continue
                    if wire == 2 and <int>field == attributes:
                        if read_length(data, &cursor, end, &length):
                            filled = -1
                            break
                        cursor += length
                        if (keys.count or keys.keeps) and (
                            read_pair(data, cursor - length, cursor, pair) or not is_chosen(&keys, data, pair[0], pair[1])
                        ):
                            continue
                    elif skip(data, &cursor, end, field, wire, 0):
                        filled = -1
                        break
                    memcpy(target + filled, data + tag, cursor - tag)
                    filled += cursor - tag
                if filled < 0:
                    break
                if value[row, 0]:
                    filled = put_fixed(target, filled, 2, value[row, 0])
                if value[row, 1]:
                    filled = put_fixed(target, filled, 3, value[row, 1])
                if value[row, 3]:
                    filled = put_fixed(target, filled, 6 if value[row, 3] == INT else 4, value[row, 2])
                length = filled - body
                shift = 5 - width(<uint64_t>length)
                target[start + shift] = 0x0A
                put_varint(target, start + shift + 1, <uint64_t>length)
                extent[row, 0], extent[row, 1] = start + shift, filled
    finally:
        free(keys.text)
        free(keys.size)
    return filled


def assemble(
    const uint8_t[::1] source, const int64_t[:, ::1] resource, const int64_t[:, ::1] scope,
    const int64_t[:, ::1] metric, const int64_t[:, ::1] point, uint8_t[::1] out,
):
    """A request of heads and points; see `PointsKernel.assemble`."""
    cdef int64_t resources = resource.shape[0], scopes = scope.shape[0], metrics = metric.shape[0]
    cdef int64_t points = point.shape[0], size = source.shape[0], room = out.shape[0]
    cdef int64_t r, s, m, p, filled = 0, total = 0, last
    cdef Bytes data = &source[0] if size else NULL
    cdef uint8_t* target = &out[0] if room else NULL
    cdef int64_t* of_data = <int64_t*>calloc(metrics + 1, 8)
    cdef int64_t* of_metric = <int64_t*>calloc(metrics + 1, 8)
    cdef int64_t* of_scope = <int64_t*>calloc(scopes + 1, 8)
    cdef int64_t* of_resource = <int64_t*>calloc(resources + 1, 8)
    try:
        if of_data == NULL or of_metric == NULL or of_scope == NULL or of_resource == NULL:
            raise MemoryError
        with nogil:
            last = 0
            for p in range(points):
                m = point[p, 2]
                if outside(point[p, 0], point[p, 1], size) or m < last or m >= metrics:
                    total = -1
                    break
                last = m
                of_data[m] += point[p, 1] - point[p, 0]
            last = 0
            for m in range(metrics):
                s = metric[m, 2]
                if (
                    total < 0 or outside(metric[m, 0], metric[m, 1], size) or outside(metric[m, 4], metric[m, 5], size)
                    or s < last or s >= scopes
                ):
                    total = -1
                    break
                last = s
                if of_data[m]:
                    of_data[m] += metric[m, 5] - metric[m, 4]
                    of_metric[m] = metric[m, 1] - metric[m, 0] + 1 + width(of_data[m]) + of_data[m]
                    of_scope[s] += 1 + width(of_metric[m]) + of_metric[m]
            last = 0
            for s in range(scopes):
                r = scope[s, 2]
                if total < 0 or outside(scope[s, 0], scope[s, 1], size) or r < last or r >= resources:
                    total = -1
                    break
                last = r
                if of_scope[s]:
                    of_scope[s] += scope[s, 1] - scope[s, 0]
                    of_resource[r] += 1 + width(of_scope[s]) + of_scope[s]
            for r in range(resources):
                if total < 0 or outside(resource[r, 0], resource[r, 1], size):
                    total = -1
                    break
                if of_resource[r]:
                    of_resource[r] += resource[r, 1] - resource[r, 0]
                    total += 1 + width(of_resource[r]) + of_resource[r]
            if 0 <= total <= room:
                s = m = p = 0
                for r in range(resources):
                    if of_resource[r]:
                        filled = put_head(target, filled, 0x0A, of_resource[r], data, resource[r, 0], resource[r, 1])
                    while s < scopes and scope[s, 2] == r:
                        if of_scope[s]:
                            filled = put_head(target, filled, 0x12, of_scope[s], data, scope[s, 0], scope[s, 1])
                        while m < metrics and metric[m, 2] == s:
                            if of_data[m]:
                                filled = put_head(target, filled, 0x12, of_metric[m], data, metric[m, 0], metric[m, 1])
                                filled = put_head(
                                    target, filled, <uint8_t>(metric[m, 3] << 3 | 2), of_data[m], data,
                                    metric[m, 4], metric[m, 5],
                                )
                            while p < points and point[p, 2] == m:
                                memcpy(target + filled, data + point[p, 0], point[p, 1] - point[p, 0])
                                filled += point[p, 1] - point[p, 0]
                                p += 1
                            m += 1
                        s += 1
    finally:
        free(of_data)
        free(of_metric)
        free(of_scope)
        free(of_resource)
    return total


cdef inline int64_t put_head(
    uint8_t* target, int64_t at, uint8_t tag, int64_t length, Bytes data, int64_t start, int64_t end
) noexcept nogil:
    target[at] = tag
    at = put_varint(target, at + 1, <uint64_t>length)
    memcpy(target + at, data + start, end - start)
    return at + end - start
