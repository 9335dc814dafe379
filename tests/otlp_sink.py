"""An OTLP receiver for tests, gRPC and HTTP, that keeps what it gets as official messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Request = ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest

_KINDS: Final = {
    "traces": (ExportTraceServiceRequest, ExportTraceServiceResponse, "trace", "Trace"),
    "metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse, "metrics", "Metrics"),
    "logs": (ExportLogsServiceRequest, ExportLogsServiceResponse, "logs", "Logs"),
}


@dataclass
class Sink:
    """What arrived, and where it listens."""

    grpc: str = ""
    http: str = ""
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, kind: str, request: Request) -> None:
        with self.lock:
            getattr(self, kind).append(request)


@contextmanager
def otlp_sink() -> Generator[Sink]:
    """A sink on two free ports of loopback."""
    sink = Sink()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(tuple(_service(kind, sink) for kind in _KINDS))
    sink.grpc = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(sink))
    web.daemon_threads = True
    sink.http = f"http://127.0.0.1:{web.server_address[1]}"
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    try:
        yield sink
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
        server.stop(0).wait()


def _service(kind: str, sink: Sink) -> grpc.GenericRpcHandler:
    request_type, response_type, package, name = _KINDS[kind]

    def export(request: Request, _: grpc.ServicerContext) -> object:
        sink.keep(kind, request)
        return response_type()

    handler = grpc.unary_unary_rpc_method_handler(
        export,
        request_deserializer=request_type.FromString,
        response_serializer=response_type.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(
        f"opentelemetry.proto.collector.{package}.v1.{name}Service", {"Export": handler}
    )


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kind = self.path.rpartition("/")[2]
            sink.keep(kind, _KINDS[kind][0].FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
