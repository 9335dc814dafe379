"""Receivers for the contract tests, and who sends to them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import grpc.aio
from aiohttp import web

from collectors.component import (
    Batch,
    Receiver,
    ReceiverFactory,
    Rejected,
)
from collectors.config.registry import Kind
from collectors.receivers.otlp import OtlpReceiver
from collectors.testing import (
    Door,
    MemoryIntake,
    check_fetcher,
    check_receiver,
    settings,
)
from tests.component_checks import SERVICES, SIGNALS, Check, factory_of


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
