"""The OTLP receiver: the official exporters as clients, and what each is answered."""

from __future__ import annotations

import asyncio
import gzip
import zlib

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

from collectors.component import Refused, Rejected, Signal
from collectors.testing import (
    logs_request,
    traces_request,
)
from tests.otlp_running import PROTOBUF, Running, running, with_receiver


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
