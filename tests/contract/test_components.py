"""Every installed component keeps the promises of `collectors.component`."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import cramjam
import grpc.aio
import pytest
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
    Batch,
    Config,
    ConnectorFactory,
    ExporterFactory,
    ExtensionFactory,
    ProcessorFactory,
    Receiver,
    ReceiverFactory,
    Rejected,
    Signal,
)
from collectors.config.registry import Kind, Registry
from collectors.net.compression import decompress
from collectors.net.otlp_json import to_protobuf
from collectors.net.slices import slices
from collectors.net.status import retry_info
from collectors.receivers.otlp import OtlpReceiver
from collectors.testing import (
    Door,
    MemoryIntake,
    MemoryShelf,
    check_books,
    check_exporter,
    check_extension,
    check_fetcher,
    check_processor,
    check_receiver,
    check_view,
    settings,
)
from collectors.wire import inspect

REGISTRY = Registry.installed()
SIGNALS = tuple(Signal)

Check = Callable[[Path], Awaitable[None]]


def factory_of(kind: Kind, name: str) -> object:
    return REGISTRY.load(kind, name)


# ---------------------------------------------------------------- receivers


async def send_http(receiver: Receiver, batch: Batch) -> bool:
    assert isinstance(receiver, OtlpReceiver)
    url = f"http://127.0.0.1:{receiver.http_port}/v1/{batch.signal}"
    headers = {"Content-Type": "application/x-protobuf"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=batch.payload, headers=headers) as response,
    ):
        if response.status == 503:
            assert int(response.headers["Retry-After"]) >= 1
            return False
        if response.status == 400:
            raise Rejected(await response.text())
        assert response.status == 200
        return True


SERVICES = {
    Signal.TRACES: "trace.v1.TraceService",
    Signal.METRICS: "metrics.v1.MetricsService",
    Signal.LOGS: "logs.v1.LogsService",
}


async def send_grpc(receiver: Receiver, batch: Batch) -> bool:
    assert isinstance(receiver, OtlpReceiver)
    method = f"/opentelemetry.proto.collector.{SERVICES[batch.signal]}/Export"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        try:
            await channel.unary_unary(method)(batch.payload)
        except grpc.aio.AioRpcError as error:
            hint = "google.rpc.retryinfo-bin" in dict(error.trailing_metadata() or ())
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and hint:
                return False
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise Rejected(error.details() or "") from error
            raise
    return True


def otlp(protocol: str, door: Door) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(Kind.RECEIVERS, "otlp")
        assert isinstance(factory, ReceiverFactory)

        def make(intake: MemoryIntake, endpoint: str = "127.0.0.1:0") -> Receiver:
            config = factory.config.model_validate(
                {"protocols": {protocol: {"endpoint": endpoint}}}
            )
            return factory.create(config, settings(data), intake)

        def occupied(intake: MemoryIntake, other: Receiver) -> Receiver:
            assert isinstance(other, OtlpReceiver)
            return make(intake, f"127.0.0.1:{other.grpc_port or other.http_port}")

        await check_receiver(make, door, SIGNALS, occupied)

    return check


def hostmetrics(*scrapers: str) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(Kind.RECEIVERS, "hostmetrics")
        assert isinstance(factory, ReceiverFactory)
        config = factory.config.model_validate(
            {
                "collection_interval": "50ms",
                "initial_delay": "0s",
                "scrapers": {key: {} for key in scrapers},
            }
        )
        await check_fetcher(lambda intake: factory.create(config, settings(data), intake))

    return check


async def prometheus_scrape(data: Path) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="# TYPE a counter\na_total 1\nb 2\n")

    server = web.Server(answer)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    factory = factory_of(Kind.RECEIVERS, "prometheus")
    assert isinstance(factory, ReceiverFactory)
    # The second target has nobody there: that is told, and holds up no other.
    targets = [{"targets": [f"127.0.0.1:{port}", "127.0.0.1:9"]}]
    job = {"job_name": "x", "scrape_interval": "100ms", "static_configs": targets}
    config = factory.config.model_validate({"config": {"scrape_configs": [job]}})
    try:
        await check_fetcher(lambda intake: factory.create(config, settings(data), intake))
    finally:
        listener.close()
        await server.shutdown()


# ---------------------------------------------------------------- processors and connectors


def processor(kind: Kind, name: str, raw: dict[str, object], *, conserves: bool = True) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(kind, name)
        assert isinstance(factory, ProcessorFactory | ConnectorFactory)
        config: Config = factory.config.model_validate(raw)
        signals = (
            sorted(factory.signals)
            if isinstance(factory, ProcessorFactory)
            else sorted({into for into, _ in factory.routes})
        )
        around = settings(data, shelf=MemoryShelf())
        check_processor(lambda: factory.create(config, around), signals, conserves=conserves)
        check_books(lambda meter: factory.create(config, replace(around, meter=meter)), signals)

    return check


# ---------------------------------------------------------------- exporters


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


# ---------------------------------------------------------------- extensions


def extension(name: str, raw: dict[str, object]) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(Kind.EXTENSIONS, name)
        assert isinstance(factory, ExtensionFactory)
        config = factory.config.model_validate(raw)
        await check_extension(lambda: factory.create(config, settings(data)))

    return check


EDITS = [
    {"key": "team", "action": "upsert", "value": "a"},
    {"key": "service.version", "action": "delete"},
    {"key": "copy", "action": "insert", "from_attribute": "service.name"},
]

HALF = {"sampling_percentage": 50}
TWO = {"spans_per_second": 2}

SLOS = {
    "sample-steps": {"spans": {"service": "sample", "bad": {"above": "1s"}}},
    "sample-first": {"spans": {"service": "sample", "span_name": "step 0"}},
    "sample-by": {
        "spans": {"service": "sample"},
        "by": {"item": {"attribute": "item.id", "values": ["1"]}},
        "limit": 3,
    },
}

CASES: dict[tuple[Kind, str], list[Check]] = {
    (Kind.RECEIVERS, "hostmetrics"): [
        hostmetrics("cpu", "memory", "load", "disk", "filesystem", "network", "paging"),
        hostmetrics("processes", "process"),
    ],
    (Kind.RECEIVERS, "prometheus"): [prometheus_scrape],
    (Kind.RECEIVERS, "otlp"): [otlp("http", Door(send_http)), otlp("grpc", Door(send_grpc))],
    (Kind.PROCESSORS, "agent_normalizer"): [
        processor(Kind.PROCESSORS, "agent_normalizer", {}),
    ],
    (Kind.PROCESSORS, "attributes"): [
        processor(Kind.PROCESSORS, "attributes", {"actions": EDITS}),
        processor(
            Kind.PROCESSORS, "attributes", {"actions": [{"key": "item.id", "action": "hash"}]}
        ),
    ],
    (Kind.PROCESSORS, "batch"): [processor(Kind.PROCESSORS, "batch", {})],
    (Kind.PROCESSORS, "memory_limiter"): [
        processor(Kind.PROCESSORS, "memory_limiter", {"limit_mib": 4096})
    ],
    (Kind.PROCESSORS, "redaction"): [
        processor(Kind.PROCESSORS, "redaction", {"allowed_keys": ["item.id"]})
    ],
    (Kind.PROCESSORS, "aggregate"): [
        processor(Kind.PROCESSORS, "aggregate", raw, conserves=False)
        for raw in (
            {"drop": ["series"]},
            {"keep": [], "interval": "1500ms", "max_stale": "1s", "gauge_lookback": "1s"},
            {"drop_resource": ["service.instance.id"], "max_streams": 2},
        )
    ],
    (Kind.PROCESSORS, "cardinality"): [
        processor(Kind.PROCESSORS, "cardinality", raw, conserves=False)
        for raw in (
            {"max_series": 1},
            {"max_values": 1, "action": "drop_attribute", "interval": "1500ms"},
            {"max_series": 1, "max_streams": 2, "max_stale": "1s", "gauge_lookback": "1s"},
        )
    ],
    (Kind.PROCESSORS, "logdedup"): [
        processor(Kind.PROCESSORS, "logdedup", raw, conserves=False)
        for raw in (
            {},
            {"interval": "1500ms", "exclude_fields": ["attributes.item.id", "body.a"]},
            {"include_fields": ["attributes.series"], "max_records": 1},
        )
    ],
    (Kind.PROCESSORS, "cumulativetodelta"): [
        processor(Kind.PROCESSORS, "cumulativetodelta", raw, conserves=False)
        for raw in (
            {},
            {"initial_value": "keep", "max_staleness": "1ms", "max_streams": 2},
            {"include": {"metrics": ["things"], "match_type": "regexp"}},
        )
    ],
    (Kind.PROCESSORS, "deltatocumulative"): [
        processor(Kind.PROCESSORS, "deltatocumulative", raw, conserves=False)
        for raw in ({}, {"max_stale": "1ms", "max_streams": 2})
    ],
    (Kind.PROCESSORS, "interval"): [
        processor(Kind.PROCESSORS, "interval", raw, conserves=False)
        for raw in ({}, {"interval": "1500ms", "max_stale": "1s"}, {"max_streams": 2})
    ],
    (Kind.PROCESSORS, "filter"): [
        processor(Kind.PROCESSORS, "filter", raw, conserves=False)
        for raw in (
            {"traces": {"span": ['name == "step 1"']}},
            {"metrics": {"metric": ["type == METRIC_DATA_TYPE_GAUGE"]}},
            {"metrics": {"datapoint": ['attributes["series"] == "1"']}},
            {"logs": {"log_record": ['IsMatch(body, "2$")']}},
        )
    ],
    (Kind.PROCESSORS, "probabilistic_sampler"): [
        processor(Kind.PROCESSORS, "probabilistic_sampler", raw, conserves=False)
        for raw in (
            {"sampling_percentage": 50},
            {"sampling_percentage": 50, "mode": "equalizing", "fail_closed": False},
            {"sampling_percentage": 50, "hash_seed": 7},
        )
    ],
    (Kind.PROCESSORS, "resource"): [processor(Kind.PROCESSORS, "resource", {"attributes": EDITS})],
    (Kind.PROCESSORS, "sli"): [processor(Kind.PROCESSORS, "sli", {"slos": SLOS})],
    (Kind.PROCESSORS, "tail_sampling"): [
        processor(
            Kind.PROCESSORS,
            "tail_sampling",
            {"policies": [{"name": "all", "type": "always_sample"}]},
        ),
        processor(
            Kind.PROCESSORS,
            "tail_sampling",
            {
                "decision_wait": "2s",
                "decision_wait_after_root_received": "1s",
                "num_traces": 5,
                "decision_cache": {"sampled_cache_size": 10, "non_sampled_cache_size": 10},
                "policies": [
                    {"name": "half", "type": "probabilistic", "probabilistic": HALF},
                    {"name": "rate", "type": "rate_limiting", "rate_limiting": TWO},
                ],
                "shadow": {
                    "policies": [
                        {"name": "long", "type": "latency", "latency": {"threshold_ms": 1}},
                        {"name": "rate", "type": "rate_limiting", "rate_limiting": TWO},
                    ]
                },
            },
            conserves=False,
        ),
    ],
    (Kind.CONNECTORS, "agentdetectors"): [
        processor(
            Kind.CONNECTORS,
            "agentdetectors",
            {"heartbeat": {"interval": "1s", "idle": "0s", "expiry": "3s"}},
            conserves=False,
        ),
    ],
    (Kind.CONNECTORS, "agentmetrics"): [
        processor(
            Kind.CONNECTORS,
            "agentmetrics",
            {
                "metrics_flush_interval": "1s",
                "wait": "1s",
                "remember": "1s",
            },
            conserves=False,
        ),
    ],
    (Kind.CONNECTORS, "forward"): [processor(Kind.CONNECTORS, "forward", {})],
    (Kind.CONNECTORS, "sli"): [
        processor(
            Kind.CONNECTORS, "sli", {"slos": SLOS, "metrics_flush_interval": "1s"}, conserves=False
        )
    ],
    (Kind.CONNECTORS, "spanmetrics"): [
        processor(
            Kind.CONNECTORS, "spanmetrics", {"metrics_flush_interval": "1s"}, conserves=False
        ),
        processor(
            Kind.CONNECTORS,
            "spanmetrics",
            {
                "metrics_flush_interval": "1s",
                "aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA",
                "dimensions": [{"name": "item.id"}, {"name": "service.version", "default": "0"}],
                "exemplars": {"enabled": True},
                "aggregation_cardinality_limit": 2,
            },
            conserves=False,
        ),
        processor(
            Kind.CONNECTORS,
            "spanmetrics",
            {
                "metrics_flush_interval": "1s",
                "histogram": {"unit": "s", "exponential": {"max_size": 20}},
                "exemplars": {"enabled": True},
            },
            conserves=False,
        ),
    ],
    (Kind.EXPORTERS, "otlp_grpc"): [otlp_grpc],
    (Kind.EXPORTERS, "otlp_http"): [
        otlp_http({}),
        otlp_http({"encoding": "json", "compression": "zstd"}),
        otlp_http({"compression": "none"}),
    ],
    (Kind.EXPORTERS, "file"): [file_exporter],
    (Kind.EXPORTERS, "debug"): [debug("basic"), debug("normal"), debug("detailed")],
    (Kind.EXPORTERS, "prometheus"): [
        prometheus({}),
        prometheus({"metric_expiration": "2s"}),
        prometheus({"max_series": 2, "without_scope_info": False}),
    ],
    (Kind.EXPORTERS, "prometheus_remote_write"): [remote_write],
    (Kind.EXTENSIONS, "basicauth"): [
        extension("basicauth", {"htpasswd": {"inline": "ann:secret"}}),
        extension("basicauth", {"client_auth": {"username": "ann", "password": "secret"}}),
    ],
    (Kind.EXTENSIONS, "bearertokenauth"): [extension("bearertokenauth", {"token": "secret"})],
    (Kind.EXTENSIONS, "file_storage"): [extension("file_storage", {})],
    (Kind.EXTENSIONS, "health_check"): [extension("health_check", {"endpoint": "127.0.0.1:0"})],
}


def test_every_installed_component_is_covered() -> None:
    installed = {(kind, name) for kind in Kind for name in REGISTRY.names(kind)}

    assert installed == set(CASES)


@pytest.mark.parametrize(
    ("key", "number"),
    [(key, number) for key, checks in CASES.items() for number in range(len(checks))],
    ids=lambda value: f"{value[0]}-{value[1]}" if isinstance(value, tuple) else str(value),
)
def test_a_component_keeps_its_promises(key: tuple[Kind, str], number: int, tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(CASES[key][number](tmp_path), 60))
