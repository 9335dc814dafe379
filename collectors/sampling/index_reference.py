"""The index's loops in Python: what the compiled ones are tested against, and run without them."""

from __future__ import annotations

from collectors.sampling.index_kernel import (
    FREE,
    FREE_NODE,
    FREE_TRACE,
    ORDER,
    PRINT,
    ROOT,
    USED_NODES,
    USED_TRACES,
    WAYS,
    Prints,
    Rows,
    digest,
)
from collectors.wire.kernel import Codes, Longs, Octets


def _look(table: Codes, traces: Rows, of: Rows, home: int) -> int:
    """The place in the table where the trace stands, or where it would."""
    mask = len(table) - 1
    place = home & mask
    while table[place]:
        slot = table[place] - 1
        if traces["low"][slot] == of["low"] and traces["high"][slot] == of["high"]:
            break
        place = (place + 1) & mask
    return place


def find(table: Codes, traces: Rows, spans: Rows, slots: Codes) -> None:
    """See `IndexKernel.find`."""
    for row, span in enumerate(spans):
        slots[row] = table[_look(table, traces, span, int(span["digest"]))] - 1


def put(table: Codes, traces: Rows, seed: int, slots: Codes) -> None:
    """See `IndexKernel.put`."""
    homes = _homes(traces, slots, seed)
    for slot, home in zip(slots.tolist(), homes, strict=True):
        table[_look(table, traces, traces[slot], home)] = slot + 1


def _homes(traces: Rows, slots: Codes, seed: int) -> list[int]:
    homes: list[int] = digest(traces["high"][slots], traces["low"][slots], seed).tolist()
    return homes


def absorb(  # noqa: PLR0913, PLR0917 - see `IndexKernel.absorb`
    table: Codes,
    traces: Rows,
    due: Longs,
    nodes: Rows,
    counts: Longs,
    spans: Rows,
    slots: Codes,
    payload: int,
    wait_until: int,
    root_until: int,
) -> int:
    """See `IndexKernel.absorb`."""
    began = 0
    for row, span in enumerate(spans):
        place = _look(table, traces, span, int(span["digest"]))
        slot = int(table[place]) - 1
        if slot < 0:
            slot = _taken(counts, FREE_TRACE, USED_TRACES, traces["last"])
            table[place] = slot + 1
            traces[slot] = 0
            for name in ("high", "low"):
                traces[name][slot] = span[name]
            traces["order"][slot] = counts[ORDER]
            traces["last"][slot] = -1
            counts[ORDER] += 1
            due[slot] = wait_until
            began += 1
        node = _taken(counts, FREE_NODE, USED_NODES, nodes["previous"])
        nodes[node] = (payload, span["entry"], traces["last"][slot])
        traces["last"][slot] = node
        _gather(traces, slot, span)
        if span["marks"] & ROOT and root_until < due[slot]:
            due[slot] = root_until
        slots[row] = slot
    return began


def _taken(counts: Longs, free: int, used: int, following: Rows) -> int:
    found = int(counts[free])
    if found >= 0:
        counts[free] = following[found]
        return found
    counts[used] += 1
    return int(counts[used]) - 1


def _gather(traces: Rows, slot: int, span: Rows) -> None:
    trace = traces[slot]
    trace["spans"] += 1
    trace["size"] += span["size"]
    trace["bits"] |= span["bits"]
    if span["start"]:
        earliest = min(trace["start"], span["start"]) if trace["start"] else span["start"]
        trace["start"] = earliest
        trace["end"] = max(trace["end"], span["end"])
    trace["marks"] |= span["marks"]


def remove(table: Codes, traces: Rows, due: Longs, counts: Longs, seed: int, slots: Codes) -> None:
    """See `IndexKernel.remove`."""
    mask = len(table) - 1
    for slot, start in zip(slots.tolist(), _homes(traces, slots, seed), strict=True):
        hole = place = _look(table, traces, traces[slot], start)
        while True:
            place = (place + 1) & mask
            if not table[place]:
                break
            home = _homes(traces, table[place : place + 1] - 1, seed)[0] & mask
            if (place - home) & mask >= (place - hole) & mask:
                table[hole] = table[place]
                hole = place
        table[hole] = 0
        due[slot] = FREE
        traces["last"][slot] = counts[FREE_TRACE]
        counts[FREE_TRACE] = slot


def walk(traces: Rows, nodes: Rows, slots: Codes, found: Codes, owners: Codes) -> None:
    """See `IndexKernel.walk`."""
    filled = 0
    for row, slot in enumerate(slots.tolist()):
        filled += int(traces["spans"][slot])
        at, node = filled, int(traces["last"][slot])
        while node >= 0:
            at -= 1
            found[at], owners[at] = node, row
            node = int(nodes["previous"][node])


def release(nodes: Rows, counts: Longs, given: Codes) -> None:
    """See `IndexKernel.release`."""
    for node in given.tolist():
        nodes["payload"][node] = -1
        nodes["previous"][node] = counts[FREE_NODE]
        counts[FREE_NODE] = node


def recall(prints: Prints, heads: Octets, buckets: Longs, wanted: Prints, places: Longs) -> None:
    """See `IndexKernel.recall`."""
    for row, (bucket, print_) in enumerate(zip(buckets.tolist(), wanted.tolist(), strict=True)):
        ways = ((int(heads[bucket]) - back) % WAYS for back in range(1, WAYS + 1))
        hit = next((way for way in ways if int(prints[bucket, way]) & PRINT == print_), None)
        places[row] = -1 if hit is None else bucket * WAYS + hit


def remember(prints: Prints, heads: Octets, buckets: Longs, given: Prints, places: Longs) -> None:
    """See `IndexKernel.remember`."""
    for row, bucket in enumerate(buckets.tolist()):
        way = int(heads[bucket])
        prints[bucket, way] = given[row]
        places[row] = bucket * WAYS + way
        heads[bucket] = (way + 1) % WAYS
