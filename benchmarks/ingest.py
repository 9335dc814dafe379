"""OTLP/HTTP through the daemon: inbox fsynced, outbox, OTLP/HTTP destination.

512 spans of 10 attributes a request. Client, daemon and sink share the machine, so the
figure that travels is spans per CPU second *of the daemon*. The same run also sends the
requests straight to the sink, which tells how much of it is the machine's own noise.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from slo.servers import free_port

SPANS = 512
SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
CLIENTS = (4, 16)


def request() -> bytes:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    attribute = resource_spans.resource.attributes.add(key="service.name")
    attribute.value.string_value = "bench"
    scope = resource_spans.scope_spans.add()
    now = time.time_ns()
    for number in range(SPANS):
        span = scope.spans.add(
            trace_id=os.urandom(16),
            span_id=os.urandom(8),
            name="invoke_agent planner",
            kind=1,
            start_time_unix_nano=now - 5_000_000,
            end_time_unix_nano=now,
        )
        for key in range(10):
            span.attributes.add(key=f"mas.attribute.{key}").value.string_value = f"{number}-{key}"
    return message.SerializeToString()


async def sink(port: int) -> web.AppRunner:
    async def take(received: web.Request) -> web.Response:
        await received.read()
        return web.Response(content_type="application/x-protobuf")

    app = web.Application(client_max_size=256 << 20)
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def load(
    url: str, clients: int, seconds: float, per_second: float = 0.0
) -> tuple[int, list[float]]:
    """Requests answered 200, and the seconds that each took; `per_second` 0 is what goes."""
    bodies = [request() for _ in range(32)]
    deadline = time.monotonic() + seconds
    delays: list[float] = []
    refused = 0

    async def client(session: aiohttp.ClientSession, first: int) -> None:
        nonlocal refused
        turn = first
        due = time.monotonic() + (first % 7) / 7 * (clients / per_second if per_second else 0)
        while time.monotonic() < deadline:
            turn += 1
            if per_second:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += clients / per_second
            # A payload seen before is a retry, and is not counted twice: make each one new.
            body = bodies[turn % len(bodies)] + b"\x9a\x06\x08" + os.urandom(8)
            began = time.perf_counter()
            async with session.post(
                url, data=body, headers={"Content-Type": "application/x-protobuf"}
            ) as answer:
                await answer.read()
                if answer.status == 200:
                    delays.append(time.perf_counter() - began)
                else:
                    refused += 1
                    await asyncio.sleep(0.2)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(session, index * 7) for index in range(clients)))
    if refused:
        print(f"    {refused} requests refused")
    return len(delays), delays


def config(folder: Path, otlp: int, out: int, metrics: int) -> Path:
    path = folder / "collector.yaml"
    path.write_text(
        f"""
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}
exporters:
  otlp_http: {{endpoint: "http://127.0.0.1:{out}", compression: none}}
extensions:
  file_storage: {{directory: {folder / "data"}, max_size: 4294967296, retain: 0s}}
service:
  extensions: [file_storage]
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
"""
    )
    return path


def start(configuration: Path) -> subprocess.Popen[bytes]:
    command = [Path(sys.executable).with_name("collector"), "run", "--config", configuration]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


async def measure(clients: int) -> None:
    otlp, out, metrics = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        daemon = start(config(folder, otlp, out, metrics))
        runner = await sink(out)
        try:
            await reachable(f"http://127.0.0.1:{metrics}/metrics")
            process = psutil.Process(daemon.pid)
            idle = process.memory_info().rss
            before = sum(process.cpu_times()[:2])
            answered, delays = await load(f"http://127.0.0.1:{otlp}/v1/traces", clients, SECONDS)
            spent = sum(process.cpu_times()[:2]) - before
            resident = process.memory_info().rss
            await asyncio.sleep(1)
            url = f"http://127.0.0.1:{otlp}/v1/traces"
            _, paced = await load(url, clients, SECONDS / 2, answered / SECONDS / 2)
            straight, _ = await load(f"http://127.0.0.1:{out}/v1/traces", clients, SECONDS / 4)
            report(clients, answered, delays, spent, straight, idle, resident)
            p99 = statistics.quantiles(paced, n=100)[98]
            print(f"              at half of that rate acknowledge p99 {p99 * 1e3:.1f} ms")
        finally:
            daemon.terminate()
            daemon.wait(30)
            await runner.cleanup()


async def reachable(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    msg = f"the daemon did not answer at {url}"
    raise RuntimeError(msg)


def report(
    clients: int,
    answered: int,
    delays: list[float],
    spent: float,
    straight: int,
    idle: int,
    rss: int,
) -> None:
    quantiles = statistics.quantiles(delays, n=100)
    print(
        f"  {clients:2} clients: {answered * SPANS / spent:10,.0f} spans per CPU second, "
        f"{answered * SPANS / SECONDS:9,.0f} spans/s, acknowledge p50 {quantiles[49] * 1e3:.1f} ms "
        f"p99 {quantiles[98] * 1e3:.1f} ms, straight to the sink {straight / (answered / 4):.1f}x, "
        f"resident {idle / 2**20:.0f} MiB idle, {rss / 2**20:.0f} MiB after"
    )


def main() -> None:
    print(f"ingest: {SPANS} spans of 10 attributes a request, {SECONDS:.0f} s")
    for clients in CLIENTS:
        asyncio.run(measure(clients))
