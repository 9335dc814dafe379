"""What it costs to watch ten thousand agents: `agentdetectors` by itself, CPU time and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.agentdetectors import FACTORY
from collectors.testing import settings

AGENTS: Final = int(os.environ.get("BENCH_AGENTS", "10000"))
A_REQUEST: Final = 64
SPANS_EACH: Final = 8
ROUNDS: Final = 4
TICK_NS: Final = 15_000_000_000


def _said(**words: str) -> list[KeyValue]:
    found = []
    for key, text in words.items():
        pair = KeyValue(key=key.replace("__", "."))
        pair.value.string_value = text
        found.append(pair)
    return found


def _agent(number: int) -> Resource:
    name = f"class-{number % 50}"
    return Resource(
        attributes=_said(
            service__namespace="fleet",
            service__name=name,
            service__instance__id=f"agent-{number}",
            service__version="1.0",
        )
    )


def _spans(first: int, turn: int) -> Batch:
    """Of each agent two actions, three calls of tools, three operations on models."""
    request = ExportTraceServiceRequest()
    for agent in range(first, first + A_REQUEST):
        spans = request.resource_spans.add(resource=_agent(agent)).scope_spans.add().spans
        for place in range(SPANS_EACH):
            number = (turn * AGENTS + agent) * SPANS_EACH + place + 1
            if place < 2:
                said = {"mas__action__type": "set", "mas__action__target": f"t{number}"}
            elif place < 5:
                said = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": "search"}
                said |= {"gen_ai__tool__call__arguments": f'{{"page": {number}}}'}
            else:
                said = {"gen_ai__operation__name": "chat", "gen_ai__provider__name": "openai"}
                said |= {"mas__policy__name": "guard", "mas__policy__version": "1"}
            spans.add(
                trace_id=(number // SPANS_EACH + 1).to_bytes(16, "big"),
                span_id=number.to_bytes(8, "big"),
                name="work",
                start_time_unix_nano=number,
                end_time_unix_nano=number + 1,
                attributes=_said(**said),
            )
    return _batch(Signal.TRACES, request.SerializeToString(), A_REQUEST * SPANS_EACH, turn)


def _beats(first: int, turn: int) -> Batch:
    """A heartbeat of each agent, and the audit record of one of its actions."""
    request = ExportLogsServiceRequest()
    for agent in range(first, first + A_REQUEST):
        records = request.resource_logs.add(resource=_agent(agent)).scope_logs.add().log_records
        records.add(time_unix_nano=turn + 1, attributes=_said(mas__agent__heartbeat="true"))
        numbered = _said(mas__audit="true", mas__audit__sequence=str(turn + 1))
        records.add(time_unix_nano=turn + 1, attributes=numbered)
    return _batch(Signal.LOGS, request.SerializeToString(), 2 * A_REQUEST, turn)


def _batch(signal: Signal, payload: bytes, items: int, turn: int) -> Batch:
    at = (turn + 1) * TICK_NS
    return Batch(signal, payload, items, Context(), at, at)


def _round(turn: int) -> Iterator[tuple[Batch, Batch]]:
    for first in range(0, AGENTS - A_REQUEST + 1, A_REQUEST):
        yield _spans(first, turn), _beats(first, turn)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _timed(of: Processor, batch: Batch) -> float:
    began = time.process_time()
    of.step(batch, lambda _: None)
    return time.process_time() - began


def main() -> None:
    config = FACTORY.config.model_validate({"heartbeat": {"max_agents": AGENTS}})
    of = FACTORY.create(config, settings(Path("unused")))
    for batch in next(_round(0)):  # what is loaded at first use is no memory of agents
        FACTORY.create(config, settings(Path("unused"))).step(batch, lambda _: None)
    before, spans_s, records_s, ticks_s = _resident_mib(), 0.0, 0.0, 0.0
    spans = records = 0
    for turn in range(ROUNDS):
        for told, beats in _round(turn):
            spans_s, spans = spans_s + _timed(of, told), spans + told.items
            records_s, records = records_s + _timed(of, beats), records + beats.items
        began = time.process_time()
        of.tick((turn + 1) * TICK_NS + 1, lambda _: None)
        ticks_s += time.process_time() - began
    began = time.process_time()
    state = of.snapshot()
    saved_s = time.process_time() - began
    print(f"detectors: {AGENTS:,} agents of 50 classes, {spans:,} spans, {records:,} records")
    print(
        f"  a span {spans_s / spans * 1e6:.1f} us, a log record {records_s / records * 1e6:.1f} us"
    )
    print(f"  a tick {ticks_s / ROUNDS * 1e3:.0f} ms")
    print(f"  a snapshot {saved_s * 1e3:.0f} ms, {len(state) / 2**20:.1f} MiB")
    print(f"  resident {_resident_mib() - before:.0f} MiB more than before")


if __name__ == "__main__":
    main()
