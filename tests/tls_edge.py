"""A receiver behind TLS, and who calls it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import grpc
import grpc.aio

from collectors.component import Delivery, Signal
from collectors.exporters.otlp_http import OtlpHttpConfig, OtlpHttpExporter
from collectors.net.http_client import HttpClient
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, batch, settings, traces_request
from tests.certificates import Certificates

BODY = traces_request().SerializeToString()
BATCH = batch(Signal.TRACES)
PROTOBUF = {"Content-Type": "application/x-protobuf"}
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@asynccontextmanager
async def receiver(
    tls: dict[str, object], intake: MemoryIntake | None = None
) -> AsyncGenerator[OtlpReceiver]:
    block = {"endpoint": "127.0.0.1:0", "tls": tls}
    config = OtlpConfig.model_validate({"protocols": {"grpc": block, "http": block}})
    made = OtlpReceiver(config, settings(Path("/nowhere")), intake or MemoryIntake())
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def trusting(certificates: Certificates, *, shows: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates.ca))
    if shows:
        context.load_cert_chain(certificates.cert(shows), certificates.key(shows))
    return context


async def post(port: int, context: ssl.SSLContext) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"https://localhost:{port}/v1/traces", data=BODY, headers=PROTOBUF, ssl=context
        ) as response,
    ):
        return response.status


async def call(port: int, credentials: grpc.ChannelCredentials) -> bytes:
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
        answer = await channel.unary_unary(METHOD)(BODY, timeout=10)
        assert isinstance(answer, bytes)
        return answer


async def deliver(port: int, tls: dict[str, object], host: str = "localhost") -> Delivery:
    config = OtlpHttpConfig.model_validate({"endpoint": f"https://{host}:{port}", "tls": tls})
    of = settings(Path("/nowhere"))
    exporter = OtlpHttpExporter(config, HttpClient(config, of), lambda: datetime.now(UTC))
    await exporter.start()
    try:
        return await exporter.deliver(BATCH)
    finally:
        await exporter.stop()
