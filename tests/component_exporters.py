"""Exporters for the contract tests, and destinations of changing moods."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from dataclasses import dataclass, field
from pathlib import Path

import cramjam
import grpc.aio
from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from collectors.component import (
    ExporterFactory,
    Signal,
)
from collectors.config.registry import Kind
from collectors.net.compression import decompress
from collectors.net.otlp_json import to_protobuf
from collectors.net.slices import slices
from collectors.net.status import retry_info
from collectors.testing import (
    check_exporter,
    check_view,
    settings,
)
from collectors.wire import inspect
from tests.component_checks import SERVICES, SIGNALS, Check, factory_of


@dataclass
class MoodyServer:
    """An OTLP/HTTP server that takes, takes in part, puts off and refuses by lot."""

    lot: random.Random = field(default_factory=lambda: random.Random(7))
    items: int = 0

    def received(self) -> int:
        return self.items

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = decompress(
            await request.read(), request.headers.get("Content-Encoding", ""), 1 << 20
        )
        signal = Signal(request.path.removeprefix("/v1/"))
        if request.content_type == "application/json":
            body = to_protobuf(signal, body)
        count = inspect(signal, body).items
        mood = self.lot.choice(["take", "take", "part", "later", "never", "reset"])
        if mood == "later":
            return web.Response(
                status=503, headers={"Retry-After": self.lot.choice(["0", "x", "9" * 30])}
            )
        if mood == "never":
            return web.Response(status=400)
        if mood == "reset":
            assert request.transport is not None
            request.transport.close()
            return web.Response(status=500)
        rejected = self.lot.randint(0, count) if mood == "part" else 0
        self.items += count - rejected
        key = {
            "traces": "rejectedSpans",
            "metrics": "rejectedDataPoints",
            "logs": "rejectedLogRecords",
        }
        answer = {"partialSuccess": {key[signal]: str(rejected)}} if rejected else {}
        return web.Response(text=json.dumps(answer), content_type="application/json")


def otlp_http(raw: dict[str, object]) -> Check:
    async def check(data: Path) -> None:
        far = MoodyServer()
        server = web.Server(far.handle, auto_decompress=False)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        factory = factory_of(Kind.EXPORTERS, "otlp_http")
        assert isinstance(factory, ExporterFactory)
        config = factory.config.model_validate({"endpoint": f"http://127.0.0.1:{port}", **raw})
        try:
            await check_exporter(lambda: factory.create(config, settings(data)), far, SIGNALS)
        finally:
            listener.close()
            await server.shutdown()

    return check


ACCEPTED = {
    Signal.TRACES: lambda count: ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=count)
    ),
    Signal.METRICS: lambda count: ExportMetricsServiceResponse(
        partial_success=ExportMetricsPartialSuccess(rejected_data_points=count)
    ),
    Signal.LOGS: lambda count: ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=count)
    ),
}


@dataclass
class MoodyGrpcServer(grpc.GenericRpcHandler):
    """The same over gRPC."""

    lot: random.Random = field(default_factory=lambda: random.Random(11))
    items: int = 0

    def received(self) -> int:
        return self.items

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        signal = next(s for s, name in SERVICES.items() if name in handler_call_details.method)

        async def export(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            count = inspect(signal, body).items
            mood = self.lot.choice(["take", "take", "part", "later", "never", "down"])
            if mood == "later":
                hint = retry_info(self.lot.choice([0, 1, 1e9])).SerializeToString()
                await context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, "", (("google.rpc.retryinfo-bin", hint),)
                )
            if mood == "never":
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "")
            if mood == "down":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "")
            rejected = self.lot.randint(0, count) if mood == "part" else 0
            self.items += count - rejected
            return ACCEPTED[signal](rejected).SerializeToString()

        return grpc.unary_unary_rpc_method_handler(export)


async def otlp_grpc(data: Path) -> None:
    far = MoodyGrpcServer()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((far,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    factory = factory_of(Kind.EXPORTERS, "otlp_grpc")
    assert isinstance(factory, ExporterFactory)
    config = factory.config.model_validate({"endpoint": f"http://127.0.0.1:{port}"})
    try:
        await check_exporter(lambda: factory.create(config, settings(data)), far, SIGNALS)
    finally:
        await server.stop(0)


@dataclass
class Lines:
    """The items in a file of OTLP JSON lines."""

    path: Path

    def received(self) -> int:
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return sum(self._items(line) for line in lines)

    def _items(self, line: bytes) -> int:
        names = {"resourceSpans": Signal.TRACES, "resourceMetrics": Signal.METRICS}
        signal = next((s for key, s in names.items() if key in json.loads(line)), Signal.LOGS)
        return inspect(signal, to_protobuf(signal, line)).items


async def file_exporter(data: Path) -> None:
    factory = factory_of(Kind.EXPORTERS, "file")
    assert isinstance(factory, ExporterFactory)
    path = data / "out" / "lines.json"
    config = factory.config.model_validate({"path": str(path)})
    await check_exporter(lambda: factory.create(config, settings(data)), Lines(path), SIGNALS)


class Logged(logging.Handler):
    """Counts the items that `debug` has told of."""

    def __init__(self) -> None:
        super().__init__()
        self.items = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.items += int(record.getMessage().split(": ")[1].split()[0])

    def received(self) -> int:
        return self.items


def debug(verbosity: str) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(Kind.EXPORTERS, "debug")
        assert isinstance(factory, ExporterFactory)
        config = factory.config.model_validate({"verbosity": verbosity})
        logger, handler = logging.getLogger("collectors.exporters.debug"), Logged()
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            await check_exporter(lambda: factory.create(config, settings(data)), handler, SIGNALS)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)

    return check


def prometheus(raw: dict[str, object]) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(Kind.EXPORTERS, "prometheus")
        assert isinstance(factory, ExporterFactory)
        config = factory.config.model_validate({"endpoint": "127.0.0.1:0", **raw})
        await check_view(lambda: factory.create(config, settings(data)), (Signal.METRICS,))

    return check


@dataclass
class MoodySamples:
    """A remote write server that takes, puts off and refuses by lot; knows what it has taken."""

    lot: random.Random = field(default_factory=lambda: random.Random(13))
    taken: set[bytes] = field(default_factory=set)

    def received(self) -> int:
        return len(self.taken)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = bytes(cramjam.snappy.decompress_raw(await request.read()))
        status = self.lot.choice([200, 204, 429, 503])
        if status < 300:
            # A sample of the series that every request carries anew counts for none.
            found = [one.whole for one in slices(body) if b"target_info" not in one.whole]
            self.taken.update(found)
        return web.Response(status=status, headers={"Retry-After": self.lot.choice(["0", "x"])})


async def remote_write(data: Path) -> None:
    far = MoodySamples()
    server = web.Server(far.handle, auto_decompress=False)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    factory = factory_of(Kind.EXPORTERS, "prometheus_remote_write")
    assert isinstance(factory, ExporterFactory)
    config = factory.config.model_validate({"endpoint": f"http://127.0.0.1:{port}/api/v1/write"})
    try:
        await check_exporter(lambda: factory.create(config, settings(data)), far, (Signal.METRICS,))
    finally:
        listener.close()
        await server.shutdown()
