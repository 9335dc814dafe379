"""Connections to the OTLP receiver: slow ones, too many, and those that are open at a stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest

from collectors.component import StartError
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import (
    MemoryIntake,
    metrics_request,
    settings,
    traces_request,
)
from tests.otlp_running import METHOD, PROTOBUF, Running, with_receiver


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
            f"otlp/2 cannot listen on 127.0.0.1:{port}: another process listens there: "
            "stop it, or take another port"
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
