"""The compiled scanner: bytes per second, and what each further question costs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.ingest import SPANS, request
from collectors.component import Signal
from collectors.wire import inspect, parse
from collectors.wire.keep import keep
from collectors.wire.scan import IS_COMPILED, attributes, scan, slices, texts

ROUNDS = 400


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    work()
    before = time.process_time()
    for _ in range(ROUNDS):
        work()
    return (time.process_time() - before) / ROUNDS


def main() -> None:
    payload = request()
    found = scan(Signal.TRACES, payload)
    fields = np.full(len(found.entries), 9, np.int16)
    few = np.random.default_rng(1).random(SPANS) < 0.05
    base = spent(lambda: scan(Signal.TRACES, payload))
    kind = "compiled" if IS_COMPILED else "in Python, no C compiler was found"
    print(f"wire: scanner {kind}, {SPANS} spans of 10 attributes, {len(payload):,} bytes")
    print(f"  scan {len(payload) / base / 1e9:.2f} GB/s, {base / SPANS * 1e9:.0f} ns a span")
    for name, work in (
        ("inspect (validate, count, date every item)", lambda: inspect(Signal.TRACES, payload)),
        ("protobuf's own parser", lambda: parse(Signal.TRACES, payload)),
        ("names, coded", lambda: texts(found, slices(found, found.entries, (5,))[0])),
        (
            "two attributes, coded",
            lambda: attributes(
                found, found.entries, fields, ("mas.attribute.1", "mas.attribute.9")
            ),
        ),
        ("copy 5 % of the spans", lambda: keep(found, few)),
    ):
        print(f"  {name}: {spent(work) / base:.2f}x of a scan")
