"""Tail sampling: errors, slow traces and 5 % of the rest, and what waiting costs in memory."""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import gc
import json
import os
import pstats
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp
import numpy as np
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.ingest import SPANS, config, reachable, request, sink, start
from collectors.component import Batch, Context, Signal
from collectors.processors.tail_sampling import FACTORY, TailSamplingConfig
from collectors.processors.tail_sampling.processor import TailSampler
from collectors.testing import MemoryShelf, settings
from slo.servers import free_port

POLICIES = [
    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
    {"name": "slow", "type": "latency", "latency": {"threshold_ms": 2000}},
    {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 5}},
]
SPANS_PER_TRACE = 8
PER_SECOND = 100
"""Requests a second of steady time: 51,200 spans."""

KNOWN_SPANS = 150_000
"""Dropped spans that are known: few, so that forgetting them is measured too."""

WALL_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


class OneShelf(MemoryShelf):
    """Gives every payload the bytes of one, so that only the sampler's memory grows."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        super().__init__()
        self.all = payloads

    def place(self, batch: Batch) -> int:
        return batch.origin

    def read(self, place: int) -> bytes:
        return self.all[place % len(self.all)]

    def note(self, decision: bytes) -> None:
        pass


def template() -> tuple[bytearray, np.ndarray]:
    """A request, and where the trace ids of its spans stand in it."""
    made = ExportTraceServiceRequest.FromString(request())
    number = 0
    for resource in made.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.trace_id = b"traceid" + number.to_bytes(9, "big")
                span.start_time_unix_nano = WALL_NS
                span.end_time_unix_nano = WALL_NS + (3 * SECOND if number % 2000 == 7 else 10**7)
                span.status.code = 2 if number % 800 == 3 else 0
                number += 1
    payload = bytearray(made.SerializeToString())
    places = [payload.index(b"traceid" + n.to_bytes(9, "big")) for n in range(number)]
    return payload, np.array(places)


def batches(count: int, spans_per_trace: int = SPANS_PER_TRACE) -> Iterator[Batch]:
    """Requests whose traces are spread over several of them."""
    payload, places = template()
    spots = places[:, None] + np.arange(16)
    # A trace has its spans in `spans_per_trace` requests, as services that call each other do.
    for number in range(count):
        first = number // spans_per_trace * SPANS + 1
        numbers = np.arange(first, first + SPANS, dtype=np.uint64)
        mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
        ids = np.stack((mixed, mixed * np.uint64(0xBF58476D1CE4E5B9)), axis=1)
        body = np.frombuffer(payload, np.uint8).copy()
        body[spots] = ids.view(np.uint8).reshape(-1, 16)
        steady = number * SECOND // PER_SECOND
        # A field that nobody knows makes each one new, so that a daemon takes it for no retry.
        payload_of_its_own = body.tobytes() + b"\x9a\x06\x08" + number.to_bytes(8, "big")
        yield Batch(
            Signal.TRACES, payload_of_its_own, SPANS, Context(), steady, WALL_NS + steady, number
        )


def sampler(shelf: MemoryShelf, wait: str) -> TailSampler:
    config = TailSamplingConfig.model_validate(
        {"policies": POLICIES, "decision_wait": wait, "reconsider_spans": KNOWN_SPANS}
    )
    made = FACTORY.create(config, settings(Path("unused"), shelf=shelf))
    assert isinstance(made, TailSampler)
    return made


def through(made: TailSampler, given: Sequence[Batch], rounds: int) -> tuple[int, int, float]:
    """Spans in, spans out, and CPU seconds; the requests are used again as later ones."""
    out: list[int] = []
    began = time.process_time()
    steady = 0
    for again in range(rounds):
        for batch in given:
            steady = again * len(given) * SECOND // PER_SECOND + batch.steady_ns
            due = made.next_deadline()
            if due is not None and due <= steady:
                made.tick(due, lambda found: out.append(found.items))
            made.step(
                Batch(
                    batch.signal, batch.payload, batch.items, batch.context, steady,
                    batch.wall_ns, batch.origin,
                ),
                lambda found: out.append(found.items),
            )  # fmt: skip
    while (due := made.next_deadline()) is not None:
        made.tick(due, lambda found: out.append(found.items))
    return sum(batch.items for batch in given) * rounds, sum(out), time.process_time() - began


def speed() -> None:
    given = list(batches(800))
    shelf = OneShelf([batch.payload for batch in given])
    made = sampler(shelf, "2s")
    profile = cProfile.Profile() if os.environ.get("BENCH_PROFILE") else None
    if profile is not None:
        profile.enable()
    spans, kept, seconds = through(made, given, 1)
    if profile is not None:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(22)
    print(
        f"tail_sampling: {spans:,} spans of 10 attributes, {kept / spans:.1%} kept: "
        f"{spans / seconds:,.0f} spans per CPU second, {seconds / spans * 1e6:.2f} us a span"
    )


def configuration(folder: Path, otlp: int, out: int, metrics: int) -> Path:
    """The daemon of `ingest`, with the sampler in its pipeline."""
    path = config(folder, otlp, out, metrics)
    sampler = {"decision_wait": "2s", "policies": POLICIES}
    text = path.read_text().replace(
        "traces: {receivers: [otlp],", "traces: {receivers: [otlp], processors: [tail_sampling],"
    )
    path.write_text(f"processors: {json.dumps({'tail_sampling': sampler})}\n{text}")
    return path


async def through_daemon(given: Sequence[bytes]) -> float:
    """CPU seconds of a daemon from the first request until nothing waits any more."""
    otlp, out, metrics = free_port(), free_port(), free_port()
    page = f"http://127.0.0.1:{metrics}/metrics"
    with tempfile.TemporaryDirectory() as name:
        daemon, runner = start(configuration(Path(name), otlp, out, metrics)), await sink(out)
        try:
            await reachable(page)
            await _listens(otlp)
            process = psutil.Process(daemon.pid)
            before = sum(process.cpu_times()[:2])
            async with aiohttp.ClientSession() as session:

                async def client(part: Sequence[bytes]) -> None:
                    for body in part:
                        async with session.post(
                            f"http://127.0.0.1:{otlp}/v1/traces",
                            data=body,
                            headers={"Content-Type": "application/x-protobuf"},
                        ) as answer:
                            answer.raise_for_status()

                await asyncio.gather(*(client(given[at::4]) for at in range(4)))
                await _done(session, page)
            return sum(process.cpu_times()[:2]) - before
        finally:
            daemon.terminate()
            daemon.wait(30)
            await runner.cleanup()


async def _listens(port: int) -> None:
    """Wait for the receiver: the page of metrics answers before it does."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)


async def _done(session: aiohttp.ClientSession, page: str) -> None:
    """Wait until nothing waits, neither for a decision nor for its destination."""
    for _ in range(200):
        async with session.get(page) as answer:
            lines = (await answer.text()).splitlines()
        waiting = [line for line in lines if line.startswith("fleetslo_items_buffered")]
        if waiting and all(float(line.rsplit(" ", 1)[1]) == 0 for line in waiting):
            return
        await asyncio.sleep(0.5)
    msg = "spans still wait after 100 s"
    raise RuntimeError(msg)


def daemon() -> None:
    given = [batch.payload for batch in batches(800)]
    seconds = asyncio.run(through_daemon(given))
    spans = len(given) * SPANS
    print(f"  through a daemon: {spans / seconds:,.0f} spans per CPU second of it")


def memory(traces: int, spans_per_trace: int) -> None:
    process = psutil.Process()
    requests = traces * spans_per_trace // SPANS
    shelf = OneShelf([b""])
    made = sampler(shelf, "10m")
    gc.collect()
    before = process.memory_info().rss
    for batch in batches(requests, spans_per_trace):
        made.step(batch, lambda _: None)
    gc.collect()
    grown = process.memory_info().rss - before
    spans, pending = made.held_items(), requests // spans_per_trace * SPANS
    print(
        f"  {pending:,} traces of {spans_per_trace} spans wait: {grown / 2**20:.0f} MiB, "
        f"{grown / spans:.0f} bytes a span, {grown / pending:.0f} a trace"
    )
    began = time.process_time()
    state = made.snapshot()
    print(
        f"    a snapshot of it: {len(state) / 2**20:.0f} MiB in "
        f"{time.process_time() - began:.2f} CPU seconds"
    )


def main() -> None:
    speed()
    daemon()
    memory(1_000_000, 1)
    memory(1_000_000, 8)
