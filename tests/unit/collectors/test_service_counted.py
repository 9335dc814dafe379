"""A backlog is counted to the item, and costs no memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from collectors.component import Context, Signal
from collectors.graph import OutboxWords
from collectors.log import Entry, Kind, Log, OsFileSystem, Store, StoreSettings
from collectors.service.counted import count

RECORDS = 30_000


def test_a_backlog_is_counted_by_destination_and_by_tenant_in_little_memory(tmp_path: Path) -> None:
    contexts = [Context(tenant="a"), Context(tenant="b")]
    entries = [
        Entry(
            Kind.DATA,
            Signal.TRACES,
            2,
            1,
            1,
            OutboxWords(number, 0, "traces", ("left", "right"), contexts[number % 2]).encode(),
            b"x" * 10,
        )
        for number in range(RECORDS)
    ]
    log = Log(Store(OsFileSystem(), tmp_path / "outbox", StoreSettings()), cache_bytes=0)
    log.append_now(entries)
    del entries

    tracemalloc.start()
    found = count(log, RECORDS - 10, {"left": (1000, (1001, 1003)), "right": (RECORDS, ())})
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    log.close()

    counts, records = found.waiting["left"]
    assert records == RECORDS - 10 - 1000 - 2
    assert counts[Signal.TRACES] == 2 * records
    assert found.waiting["right"][1] == 0
    assert sum(found.held.values()) == (RECORDS - 10 - 1000) * 10
    assert {tenant for _, tenant in found.held} == {"a", "b"}
    assert peak_bytes < 1 << 20
