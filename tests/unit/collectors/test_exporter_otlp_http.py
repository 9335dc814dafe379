"""`otlp_http` reads from every answer what is to be done next, and sends what it was given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from collectors.component import Delivery, NeverTaken, Signal, TryLater
from collectors.exporters.otlp_http import OtlpHttpConfig, OtlpHttpExporter
from collectors.net.compression import decompress
from collectors.net.http_client import HttpClient
from collectors.net.otlp_json import to_protobuf
from collectors.net.pieces import PIECE_BYTES
from collectors.net.retry_after import LONGEST_SECONDS, retry_after_seconds
from collectors.testing import batch, settings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BATCH = batch(Signal.TRACES)


@dataclass
class Backend:
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append((request.path, dict(request.headers), await request.read()))
        return await self.answer(request)


def says(
    status: int, body: bytes = b"", content_type: str = "application/x-protobuf", **headers: str
) -> Backend:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            status=status, body=body, headers={"Content-Type": content_type, **named}
        )

    return Backend(answer)


def exporter_of(config: OtlpHttpConfig) -> OtlpHttpExporter:
    client = HttpClient(config, settings(Path("/nowhere")))
    return OtlpHttpExporter(config, client, lambda: NOW)


def deliver(backend: Backend, config: dict[str, object] | None = None, times: int = 1) -> Delivery:
    async def main() -> Delivery:
        server = web.Server(backend.handle, auto_decompress=False)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        backend.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        values: dict[str, object] = {"endpoint": backend.url, **(config or {})}
        exporter = exporter_of(OtlpHttpConfig.model_validate(values))
        await exporter.start()
        try:
            result = Delivery()
            for _ in range(times):
                result = await exporter.deliver(BATCH)
            return result
        finally:
            await exporter.stop()
            listener.close()
            await server.shutdown(0.1)

    return asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize("compression", ["gzip", "zstd", "deflate", "none"])
def test_the_batch_arrives_as_it_was(compression: str) -> None:
    backend = says(200)

    assert deliver(backend, {"compression": compression}) == Delivery()
    path, headers, body = backend.seen[0]
    assert path == "/v1/traces"
    assert headers["Content-Type"] == "application/x-protobuf"
    assert decompress(body, headers.get("Content-Encoding", ""), 1 << 20) == BATCH.payload


def test_json_arrives_as_otlp_json() -> None:
    backend = says(200, b"{}", "application/json")

    deliver(backend, {"encoding": "json", "compression": "none"})

    _, headers, body = backend.seen[0]
    assert headers["Content-Type"] == "application/json"
    assert to_protobuf(Signal.TRACES, body) == BATCH.payload
    span = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["traceId"] == "0" * 31 + "1"


def test_headers_are_sent_and_connections_are_kept() -> None:
    peers: set[object] = set()

    async def note_peer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    backend = Backend(note_peer)

    deliver(backend, {"headers": {"authorization": "Bearer hush"}}, times=3)

    assert len(peers) == 1

    assert {
        headers.get("authorization") or headers["Authorization"] for _, headers, _ in backend.seen
    } == {"Bearer hush"}


def test_a_signal_may_have_its_own_address() -> None:
    backend = says(200)

    async def main() -> None:
        config = OtlpHttpConfig.model_validate({"logs_endpoint": "http://127.0.0.1:9/x"})
        exporter = exporter_of(config)
        await exporter.start()
        with pytest.raises(NeverTaken, match="no endpoint for traces"):
            await exporter.deliver(BATCH)
        await exporter.stop()

    asyncio.run(main())
    assert backend.seen == []


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_codes_that_mean_later(status: int) -> None:
    with pytest.raises(TryLater) as caught:
        deliver(says(status, Retry_After="7"))

    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    ("status", "divisible"), [(400, True), (413, True), (401, False), (404, False), (500, False)]
)
def test_codes_that_mean_never(status: int, divisible: bool) -> None:
    with pytest.raises(NeverTaken) as caught:
        deliver(says(status))

    assert caught.value.divisible is divisible


def test_a_redirect_keeps_the_batch_and_says_where_it_points() -> None:
    with pytest.raises(TryLater, match="elsewhere"):
        deliver(says(302, Location="http://elsewhere/"))


def test_the_reason_is_read_from_the_answer() -> None:
    body = Status(code=3, message="span 2 has no id").SerializeToString()

    with pytest.raises(NeverTaken, match="span 2 has no id"):
        deliver(says(400, body))


def test_a_partial_success_is_told_in_items() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()

    assert deliver(says(200, body)) == Delivery(2, "too old")
    text = b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old","new":1}}'
    assert deliver(says(200, text, "application/json")) == Delivery(2, "too old")


@pytest.mark.parametrize("body", [b"\xff\xff", b"x" * (5 << 20)])
def test_an_answer_that_cannot_be_read_is_still_a_yes(body: bytes) -> None:
    assert deliver(says(200, body)) == Delivery()


def test_no_answer_in_time_means_later() -> None:
    async def never(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    with pytest.raises(TryLater, match="did not answer within"):
        deliver(Backend(never), {"timeout": "200ms"})


def test_an_answer_that_drips_without_end_means_later() -> None:
    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not request.transport.is_closing():
            request.transport.write(b"x")
            await asyncio.sleep(0.02)
        return web.Response()

    with pytest.raises(TryLater, match="did not answer within"):
        deliver(Backend(drip), {"timeout": "300ms"})


def test_an_answer_that_breaks_off_in_the_middle_means_later() -> None:
    async def half(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\nhalf")
        request.transport.close()
        return web.Response()

    with pytest.raises(TryLater):
        deliver(Backend(half))


def test_a_connection_that_breaks_means_later() -> None:
    async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with pytest.raises(TryLater):
        deliver(Backend(hang_up))


def test_nobody_there_means_later() -> None:
    with pytest.raises(TryLater):
        deliver(says(200), {"endpoint": "http://127.0.0.1:9"})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("0", 0.0),
        ("3", 3.0),
        (" 3 ", 3.0),
        ("Fri, 20 Nov 2026 12:00:05 GMT", 5.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 12:00:05 GMT", LONGEST_SECONDS),
        ("9" * 10_000, LONGEST_SECONDS),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Nov 2026 99:00:05 GMT", None),
        ("\u0663", None),
    ],
)
def test_retry_after_is_read_in_every_form(header: str | None, expected: float | None) -> None:
    assert retry_after_seconds(header, NOW) == expected


def test_a_body_of_many_pieces_arrives_whole_and_says_its_length() -> None:
    payload = bytes(range(256)) * (PIECE_BYTES // 256 * 3) + b"the end"
    backend = says(200)
    sent = asyncio.run(posted(backend, payload))

    assert sent == 200
    ((_, headers, body),) = backend.seen
    assert body == payload
    assert headers["Content-Length"] == str(len(payload))


def test_a_proxy_in_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = says(200)
    sent = asyncio.run(posted(backend, b"x", through=monkeypatch))

    assert sent == 200
    assert [headers["Host"] for _, headers, _ in backend.seen] == ["far.invalid"]


async def posted(backend: Backend, body: bytes, through: pytest.MonkeyPatch | None = None) -> int:
    """Post `body` to `backend`; with `through`, ask it as the proxy to a host that is none."""
    server = web.Server(backend.handle)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    if through is not None:
        through.setenv("http_proxy", address)
        through.setenv("no_proxy", "")
    config = OtlpHttpConfig.model_validate({"endpoint": address, "timeout": "20s"})
    client = HttpClient(config, settings(Path("/nowhere")))
    await client.start()
    try:
        url = "http://far.invalid/v1/traces" if through is not None else address
        headers = {"Content-Type": "application/x-protobuf"}
        return (await client.post(url, body, headers, BATCH.context)).status
    finally:
        await client.stop()
        listener.close()
        await server.shutdown(0.1)
