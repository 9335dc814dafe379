"""The OTLP receiver: the official exporters as clients, and clients that mean harm."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest
import zstandard
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from collectors.component import Refused, Rejected, Signal, StartError
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.receivers.otlp.take import InFlight
from collectors.testing import (
    MemoryIntake,
    MemoryMeter,
    logs_request,
    metrics_request,
    settings,
    traces_request,
)

PROTOBUF = "application/x-protobuf"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MEBIBYTE = 1024 * 1024


@dataclass
class Running:
    receiver: OtlpReceiver
    intake: MemoryIntake
    meter: MemoryMeter
    session: aiohttp.ClientSession

    def url(self, path: str = "/v1/traces") -> str:
        return f"http://127.0.0.1:{self.receiver.http_port}{path}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.receiver.grpc_port}"

    async def post(
        self, body: bytes, path: str = "/v1/traces", content_type: str = PROTOBUF, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(
            self.url(path), data=io.BytesIO(body), headers={"Content-Type": content_type, **named}
        ) as response:
            return response.status, await response.read(), dict(response.headers)

    async def call(self, body: bytes, compression: grpc.Compression | None = None) -> bytes:
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(self.target, options=options) as channel:
            answer = await channel.unary_unary(METHOD)(body, compression=compression, timeout=30)
            assert isinstance(answer, bytes)
            return answer

    def rejected(self, reason: str) -> int:
        return self.meter.total("fleetslo_receiver_rejected_requests_total", reason=reason)


@asynccontextmanager
async def running(
    http: dict[str, object] | None = None,
    grpc_mib: int = 64,
    signals: Sequence[Signal] = tuple(Signal),
) -> AsyncIterator[Running]:
    intake, meter = MemoryIntake(), MemoryMeter()
    config = OtlpConfig.model_validate(
        {
            "protocols": {
                "grpc": {"endpoint": "127.0.0.1:0", "max_recv_msg_size_mib": grpc_mib},
                "http": {"endpoint": "127.0.0.1:0", **(http or {})},
            }
        }
    )
    receiver = OtlpReceiver(config, settings(Path("/nowhere"), "otlp", signals, meter), intake)
    await receiver.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Running(receiver, intake, meter, session)
    finally:
        await receiver.stop()


def with_receiver(
    use: Callable[[Running], Awaitable[None]],
    http: dict[str, object] | None = None,
    grpc_mib: int = 64,
) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), running(http, grpc_mib) as run:
            await use(run)

    asyncio.run(main())


# ------------------------------------------------------------- the official exporters


def export_spans(exporter: OTLPSpanExporter | GrpcSpanExporter, count: int) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for number in range(count):
        with tracer.start_as_current_span(f"step {number}"):
            pass
    provider.shutdown()


@pytest.mark.parametrize(
    "compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate]
)
def test_spans_of_the_official_http_exporter_are_taken(compression: Compression) -> None:
    async def use(run: Running) -> None:
        exporter = OTLPSpanExporter(run.url(), compression=compression)
        await asyncio.to_thread(export_spans, exporter, 5)

        assert [(t.signal, t.items) for t in run.intake.taken] == [(Signal.TRACES, 5)]
        assert run.intake.taken[0].context.transport == "http"

    with_receiver(use)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_spans_of_the_official_grpc_exporter_are_taken(
    compression: grpc.Compression | None,
) -> None:
    async def use(run: Running) -> None:
        exporter = GrpcSpanExporter(f"http://{run.target}", insecure=True, compression=compression)
        await asyncio.to_thread(export_spans, exporter, 5)

        assert [(t.signal, t.items) for t in run.intake.taken] == [(Signal.TRACES, 5)]
        assert run.intake.taken[0].context.peer.startswith("127.0.0.1:")

    with_receiver(use)


def test_metrics_and_logs_of_the_official_exporters_are_taken() -> None:
    def export(run: Running) -> None:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(run.url("/v1/metrics")), 60_000)
        meters = MeterProvider([reader], shutdown_on_exit=False)
        meters.get_meter("test").create_counter("things").add(1)
        meters.shutdown()
        loggers = LoggerProvider(shutdown_on_exit=False)
        loggers.add_log_record_processor(
            BatchLogRecordProcessor(OTLPLogExporter(run.url("/v1/logs")))
        )
        record = LogRecord(timestamp=1, body="hello", severity_number=SeverityNumber.INFO)
        loggers.get_logger("test").emit(record)
        loggers.shutdown()

    async def use(run: Running) -> None:
        await asyncio.to_thread(export, run)

        assert {t.signal for t in run.intake.taken} == {Signal.METRICS, Signal.LOGS}

    with_receiver(use)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_official_exporters_come_again_after_a_refusal_and_nothing_is_lost(
    protocol: str,
) -> None:
    async def use(run: Running) -> None:
        run.intake.answers.extend([Refused("full", 0.2), Refused("full", 0.2)])
        exporter = (
            GrpcSpanExporter(f"http://{run.target}", insecure=True)
            if protocol == "grpc"
            else OTLPSpanExporter(run.url())
        )
        await asyncio.to_thread(export_spans, exporter, 3)

        assert run.intake.items() == 3
        assert run.meter.total("otelcol_receiver_refused_spans", transport=protocol) == 6
        assert run.meter.total("fleetslo_items_total", outcome="refused") == 6

    with_receiver(use)


# ------------------------------------------------------------- answers


def test_a_grpc_refusal_carries_its_hint_in_both_forms() -> None:
    async def use(run: Running) -> None:
        run.intake.answers.append(Refused("disk budget is used up", 1.5))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(traces_request().SerializeToString())

        trailers = dict(caught.value.trailing_metadata() or ())
        hint = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
        status = Status.FromString(trailers["grpc-status-details-bin"])
        detail = RetryInfo()
        assert status.details[0].Unpack(detail)
        assert detail == hint
        assert (hint.retry_delay.seconds, hint.retry_delay.nanos) == (1, 500_000_000)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert status.message == "disk budget is used up"

    with_receiver(use)


def test_an_http_refusal_says_when_to_come_again_and_why() -> None:
    async def use(run: Running) -> None:
        run.intake.answers.append(Refused("disk budget is used up", 1.5))

        code, body, headers = await run.post(traces_request().SerializeToString())

        assert (code, headers["Retry-After"], headers["Content-Type"]) == (503, "2", PROTOBUF)
        assert Status.FromString(body).message == "disk budget is used up"

    with_receiver(use)


def test_a_rejection_is_final() -> None:
    async def use(run: Running) -> None:
        run.intake.answers.extend([Rejected("no"), Rejected("no")])

        code, body, headers = await run.post(traces_request().SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(traces_request().SerializeToString())

        assert (code, Status.FromString(body).code) == (400, 3)
        assert "Retry-After" not in headers
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "google.rpc.retryinfo-bin" not in dict(caught.value.trailing_metadata() or ())
        assert run.meter.total("fleetslo_items_total", outcome="rejected") == 6

    with_receiver(use)


def test_an_empty_request_is_fine_and_nothing_to_keep() -> None:
    async def use(run: Running) -> None:
        assert (await run.post(b""))[:2] == (200, b"")
        assert (await run.post(b"{}", content_type="application/json"))[:2] == (200, b"{}")
        assert await run.call(b"") == b""
        assert run.intake.taken == []

    with_receiver(use)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nonsense", "not OTLP JSON"),
        (b"[]", "not OTLP JSON"),
        (b'{"resourceSpans": 3}', "not OTLP JSON"),
        (b"[" * 100_000, "not OTLP JSON"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', "hexadecimal"),
    ],
)
def test_json_that_is_not_otlp_is_answered_in_json(body: bytes, words: str) -> None:
    async def use(run: Running) -> None:
        code, answer, headers = await run.post(body, content_type="application/json")

        assert code == 400
        assert headers["Content-Type"].startswith("application/json")
        assert words in json.loads(answer)["message"]

    with_receiver(use)


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_truncated_protobuf_is_rejected_on_both_protocols(cut: int) -> None:
    async def use(run: Running) -> None:
        body = traces_request().SerializeToString()[:-cut]

        code, answer, _ = await run.post(body)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(body)

        assert (code, Status.FromString(answer).code) == (400, 3)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert run.rejected("malformed") == 2
        assert run.intake.taken == []

    with_receiver(use)


def test_random_bytes_never_harm_the_receiver() -> None:
    lot = random.Random(3)

    async def use(run: Running) -> None:
        paths = ["/v1/traces", "/v1/metrics", "/v1/logs"]
        kinds = [PROTOBUF, "application/json"]
        codes: set[int] = set()
        for _ in range(200):
            body = lot.randbytes(lot.randint(1, 200))
            encoding = lot.choice(["identity", "gzip", "zstd", "deflate", "br"])
            answer = await run.post(
                body, lot.choice(paths), lot.choice(kinds), Content_Encoding=encoding
            )
            codes.add(answer[0])
        assert codes <= {200, 400}
        assert (await run.post(traces_request().SerializeToString()))[0] == 200

    with_receiver(use)


@pytest.mark.parametrize(
    ("path", "content_type", "method", "expected"),
    [
        ("/v1/other", PROTOBUF, "POST", 404),
        ("/v1/traces", "text/plain", "POST", 415),
        ("/v1/traces", PROTOBUF, "GET", 405),
    ],
)
def test_requests_that_are_not_otlp_are_told_so(
    path: str, content_type: str, method: str, expected: int
) -> None:
    async def use(run: Running) -> None:
        async with run.session.request(
            method, run.url(path), headers={"Content-Type": content_type}
        ) as response:
            assert response.status == expected

    with_receiver(use)


def test_a_signal_that_no_pipeline_takes_is_refused_and_not_acknowledged() -> None:
    async def main() -> None:
        async with running(signals=(Signal.METRICS,)) as run:
            code, body, _ = await run.post(traces_request().SerializeToString())
            assert code == 404
            assert b"no traces pipeline takes what this receiver gets" in body
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await run.call(traces_request().SerializeToString())
            assert told.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert run.rejected("no_pipeline") == 2
            assert run.intake.taken == []

    asyncio.run(main())


def test_an_unknown_grpc_method_is_unimplemented() -> None:
    async def use(run: Running) -> None:
        async with grpc.aio.insecure_channel(run.target) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/a.B/C")(b"")

        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    with_receiver(use)


def test_the_same_request_arrives_the_same_in_every_encoding() -> None:
    async def use(run: Running) -> None:
        body = logs_request().SerializeToString()
        for encoding, packed in (
            ("identity", body),
            ("gzip", gzip.compress(body)),
            ("zstd", zstandard.ZstdCompressor().compress(body)),
            ("deflate", zlib.compress(body)),
        ):
            code, _, _ = await run.post(packed, "/v1/logs", Content_Encoding=encoding)
            assert code == 200

        assert [taken.payload for taken in run.intake.taken] == [body] * 4

    with_receiver(use)


# ------------------------------------------------------------- too much


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd", "deflate"])
def test_what_is_too_large_is_never_taken_and_never_asked_for_again(encoding: str) -> None:
    pack = {
        "identity": bytes,
        "gzip": gzip.compress,
        "zstd": zstandard.ZstdCompressor().compress,
        "deflate": zlib.compress,
    }[encoding]

    async def use(run: Running) -> None:
        bomb = pack(b"\0" * (2 * MEBIBYTE))

        code, answer, headers = await run.post(bomb, Content_Encoding=encoding)

        assert code == 413
        assert "Retry-After" not in headers
        assert Status.FromString(answer).code == 8
        assert run.rejected("too_large") == 1

    with_receiver(use, {"max_request_body_size": MEBIBYTE})


def test_a_chunked_body_is_cut_off_at_the_limit() -> None:
    async def use(run: Running) -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b"\0" * 65_536

        async with run.session.post(
            run.url(), data=endless(), headers={"Content-Type": PROTOBUF}
        ) as response:
            assert response.status == 413

    with_receiver(use, {"max_request_body_size": MEBIBYTE})


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_grpc_message_that_is_too_long_is_told_why_and_its_spans_are_counted(
    compression: grpc.Compression | None,
) -> None:
    async def use(run: Running) -> None:
        long = traces_request(3).SerializeToString()
        long += traces_request(16000).SerializeToString()
        assert MEBIBYTE < len(long) < 2 * MEBIBYTE
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(long, compression)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        trailers = dict(caught.value.trailing_metadata() or ())
        assert "google.rpc.retryinfo-bin" not in trailers
        details = trailers["grpc-status-details-bin"]
        assert isinstance(details, bytes)
        status = Status.FromString(details)
        assert status.code == 3
        assert not status.details  # nothing that says come again
        assert f"at most {MEBIBYTE} bytes" in status.message == caught.value.details()
        assert run.rejected("too_large") == 1
        assert run.meter.total("otelcol_receiver_refused_spans", transport="grpc") == 16003
        assert run.meter.total("fleetslo_items_total", outcome="rejected") == 16003

    with_receiver(use, grpc_mib=1)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_grpc_message_far_beyond_the_limit_is_refused_for_good_and_counted(
    compression: grpc.Compression | None,
) -> None:
    async def use(run: Running) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(b"\0" * (3 * MEBIBYTE), compression)
        assert await run.call(traces_request().SerializeToString()) == b""

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "google.rpc.retryinfo-bin" not in dict(caught.value.trailing_metadata() or ())
        assert run.rejected("too_large") == 1

    with_receiver(use, grpc_mib=1)


def test_bytes_in_flight_are_bounded_but_one_request_always_fits() -> None:
    in_flight = InFlight(limit_bytes=100)

    assert in_flight.reserve(1000)
    assert not in_flight.reserve(1)
    in_flight.release(1000)
    assert in_flight.reserve(60)
    assert not in_flight.reserve(41)
    assert in_flight.held_bytes == 60


# ------------------------------------------------------------- connections


async def raw(run: Running, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", run.receiver.http_port)
    writer.write(data)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n", b"POST /v1/tr"],
    ids=["nothing", "headers", "first line"],
)
def test_a_client_that_does_not_finish_its_headers_is_let_go(begun: bytes) -> None:
    async def use(run: Running) -> None:
        reader, writer = await raw(run, begun)

        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()

    with_receiver(use, {"read_header_timeout": "300ms"})


def test_a_client_that_does_not_finish_its_body_is_let_go() -> None:
    async def use(run: Running) -> None:
        head = (
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
        reader, writer = await raw(run, head)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()

        assert answer.startswith(b"HTTP/1.1 408")
        assert run.rejected("timeout") == 1

    with_receiver(use, {"read_timeout": "300ms"})


def test_a_connection_too_many_is_closed_at_once_and_the_others_go_on() -> None:
    async def use(run: Running) -> None:
        kept = [await raw(run, b"") for _ in range(3)]
        reader, writer = await raw(run, b"")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 10)
        writer.close()
        for _, other in kept:
            other.close()

        assert run.meter.total("fleetslo_receiver_turned_away_connections_total") == 1

    with_receiver(use, {"max_connections": 3})


def test_expect_continue_is_answered_before_the_body_is_sent() -> None:
    body = traces_request().SerializeToString()

    async def use(run: Running) -> None:
        head = (
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await raw(run, head.encode())
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        writer.write(body)
        rest = await asyncio.wait_for(reader.read(), 10)
        writer.close()

        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert rest.startswith(b"HTTP/1.1 200")

    with_receiver(use)


def test_who_has_connected_and_not_yet_spoken_is_heard_before_a_stop() -> None:
    async def use(run: Running) -> None:
        reader, writer = await raw(run, b"")
        stopping = asyncio.create_task(run.receiver.stop())
        for _ in range(20):
            await asyncio.sleep(0)
        body = traces_request().SerializeToString()
        writer.write(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await stopping
        writer.close()

    with_receiver(use)


def test_stopping_lets_a_request_that_is_being_answered_finish() -> None:
    @dataclass
    class SlowIntake(MemoryIntake):
        entered: asyncio.Event = field(default_factory=asyncio.Event)
        go: asyncio.Event = field(default_factory=asyncio.Event)

        async def submit(self, *args: object, **kwargs: object) -> None:
            self.entered.set()
            await self.go.wait()
            await MemoryIntake.submit(self, *args, **kwargs)  # type: ignore[arg-type]

    async def main() -> None:
        intake = SlowIntake()
        config = OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}})
        receiver = OtlpReceiver(config, settings(Path("/nowhere")), intake)
        await receiver.start()
        url = f"http://127.0.0.1:{receiver.http_port}/v1/metrics"
        async with aiohttp.ClientSession() as session:
            body = metrics_request().SerializeToString()
            asked = asyncio.create_task(
                session.post(url, data=body, headers={"Content-Type": PROTOBUF})
            )
            await intake.entered.wait()
            stopping = asyncio.create_task(receiver.stop())
            await asyncio.sleep(0)
            intake.go.set()
            response = await asked
            await stopping

        assert response.status == 200
        assert intake.items() == 3

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_port_that_is_taken_is_told_in_one_line(protocol: str) -> None:
    async def use(run: Running) -> None:
        port = run.receiver.grpc_port if protocol == "grpc" else run.receiver.http_port
        config = OtlpConfig.model_validate(
            {"protocols": {protocol: {"endpoint": f"127.0.0.1:{port}"}}}
        )
        second = OtlpReceiver(config, settings(Path("/nowhere"), "otlp/2"), MemoryIntake())

        with pytest.raises(StartError) as caught:
            await second.start()

        assert str(caught.value) == (
            f"otlp/2 cannot listen on 127.0.0.1:{port}: another process listens there"
        )

    with_receiver(use)


def test_a_protocol_that_cannot_start_takes_the_other_down_with_it() -> None:
    async def use(run: Running) -> None:
        taken = f"127.0.0.1:{run.receiver.http_port}"
        config = OtlpConfig.model_validate(
            {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}, "http": {"endpoint": taken}}}
        )
        second = OtlpReceiver(config, settings(Path("/nowhere")), MemoryIntake())
        with pytest.raises(StartError):
            await second.start()

        async with grpc.aio.insecure_channel(f"127.0.0.1:{second.grpc_port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(METHOD)(b"", timeout=2)

    with_receiver(use)
