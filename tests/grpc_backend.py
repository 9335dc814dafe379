"""A destination that speaks OTLP over gRPC and answers as told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

from collectors.component import Signal
from collectors.exporters.otlp_grpc import OtlpGrpcConfig, OtlpGrpcExporter
from collectors.testing import batch, settings

HERE = settings(Path("/nowhere"))
BATCH = batch(Signal.TRACES)
Trailers = tuple[tuple[str, bytes], ...]


@dataclass
class Backend:
    """A gRPC server that gives one answer."""

    code: grpc.StatusCode | None = None
    trailers: Trailers = ()
    body: bytes = b""
    seen: list[tuple[str, dict[str, str | bytes], bytes]] = field(default_factory=list)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            metadata = dict(context.invocation_metadata() or ())
            self.seen.append((details.method, metadata, request))
            if self.code is not None:
                await context.abort(self.code, "because", self.trailers)
            return self.body

        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def serving(
    backend: Backend, credentials: grpc.ServerCredentials | None = None
) -> AsyncGenerator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((backend,))  # type: ignore[arg-type]
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


@asynccontextmanager
async def exporting(endpoint: str, **raw: object) -> AsyncGenerator[OtlpGrpcExporter]:
    values = {"endpoint": endpoint, "tls": {"insecure": True}, **raw}
    exporter = OtlpGrpcExporter(OtlpGrpcConfig.model_validate(values), HERE)
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.stop()
