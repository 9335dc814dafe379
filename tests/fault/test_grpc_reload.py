"""Whoever sends by gRPC sees nothing of a reload: no refusal, no reset, no connection closed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from collectors.component import Receiver, Settings, StartError
from collectors.net.listen import bind, exchange
from collectors.receivers.otlp import FACTORY, OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, MemoryMeter
from tests.fault.test_service_kill import (
    SPANS,
    free_port,
    request,
    running,
    wait_until_drained,
)
from tests.fault.test_service_reload import tell

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Sender(threading.Thread):
    """Sends one request after the other by gRPC, and never tries one again."""

    def __init__(self, port: int, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.port = port
        self.number = number
        self.stopping = stop
        self.acknowledged: set[str] = set()
        self.failed: list[str] = []

    def run(self) -> None:
        count = 0
        with grpc.insecure_channel(
            f"127.0.0.1:{self.port}", options=[("grpc.enable_retries", 0)]
        ) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
            while not self.stopping.is_set():
                names = [f"{self.number}-{count}-{index}" for index in range(SPANS)]
                try:
                    call(request(names), timeout=20)
                    self.acknowledged.update(names)
                except grpc.RpcError as error:
                    self.failed.append(str(error))
                count += 1


@pytest.mark.slow
def test_no_sender_sees_a_reload_and_nothing_is_lost_or_comes_twice(tmp_path: Path) -> None:
    with running(tmp_path) as (daemon, backend):
        port = free_port()
        good = daemon.config.read_text().replace(
            "{protocols: {http:", f'{{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}, http:'
        )
        daemon.config.write_text(good)
        daemon.start()
        stop = threading.Event()
        senders = [Sender(port, number, stop) for number in range(4)]
        for sender in senders:
            sender.start()
        try:
            for number in range(4):
                time.sleep(0.3)
                changed = good.replace("interval: 50ms", f"interval: {51 + number}ms")
                tell(daemon, changed, "the new configuration took over in")
            taken = good.replace(f":{daemon.health}", f":{backend.server.server_address[1]}")
            assert "cannot listen on" in tell(daemon, taken, "goes on")
            time.sleep(0.3)
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        wait_until_drained(daemon)

        assert [sender.failed for sender in senders] == [[]] * 4
        acknowledged = set().union(*(sender.acknowledged for sender in senders))
        assert len(acknowledged) > 200
        assert acknowledged <= backend.names.keys()
        assert {name for name, times in backend.names.items() if times > 1} == set()


def receiver(port: int, settings: str = "", protocol: str = "grpc") -> OtlpReceiver:
    block = {"endpoint": f"127.0.0.1:{port}"}
    if settings:
        block[settings] = "7"
    made = FACTORY.create(
        OtlpConfig.model_validate({"protocols": {protocol: block}}),
        Settings("otlp", tuple(FACTORY.signals), MemoryMeter(), Path("nowhere")),
        MemoryIntake(),
    )
    assert isinstance(made, OtlpReceiver)
    return made


@asynccontextmanager
async def stopping(*receivers: Receiver) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        for one in receivers:
            await one.stop()


def sent(port: int) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        return call(request(["a"]), timeout=10)


def test_a_call_between_two_receivers_waits_for_the_second() -> None:
    async def main() -> None:
        first, second = receiver(0), receiver(0)
        await first.start()
        port = first.grpc_port
        async with stopping(first, second):
            async with exchange():
                await first.stop()
                call = asyncio.create_task(asyncio.to_thread(sent, port))
                await asyncio.sleep(0.3)
                assert not call.done()
                await second.start()
            assert await call == b""
            assert second.grpc_port == port

    asyncio.run(main())


def test_what_cannot_be_changed_in_a_server_that_runs_brings_a_server_of_its_own() -> None:
    async def main() -> None:
        first, second, third = receiver(0), receiver(0, "max_concurrent_streams"), receiver(0)
        await first.start()
        async with stopping(first, second, third):
            async with exchange():
                await first.stop()
                await second.start()
            assert await asyncio.to_thread(sent, second.grpc_port) == b""

    asyncio.run(main())


def test_a_port_that_nobody_takes_over_or_that_is_for_http_now_is_given_free() -> None:
    async def main() -> None:
        first = receiver(0)
        await first.start()
        port = first.grpc_port
        async with exchange():
            await first.stop()
        (await bind("test", f"127.0.0.1:{port}")).close()
        second, third = receiver(port), receiver(port, protocol="http")
        await second.start()
        async with stopping(second, third), exchange():
            await second.stop()
            await third.start()
            assert third.http_port == port

    asyncio.run(main())


def test_a_call_that_waits_for_a_receiver_that_never_comes_is_told_to_come_again() -> None:
    async def main() -> None:
        first = receiver(0)
        await first.start()
        port = first.grpc_port
        async with exchange():
            await first.stop()
            call = asyncio.create_task(asyncio.to_thread(sent, port))
            await asyncio.sleep(0.3)
        with pytest.raises(grpc.RpcError, match="come again"):
            await call

    asyncio.run(main())


def test_a_receiver_with_a_bad_certificate_leaves_what_listens_to_the_one_before(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        first, again = receiver(0), receiver(0)
        await first.start()
        port = first.grpc_port
        config = {
            "endpoint": "127.0.0.1:0",
            "tls": {"cert_file": str(tmp_path / "no"), "key_file": str(tmp_path / "no")},
        }
        bad = FACTORY.create(
            OtlpConfig.model_validate({"protocols": {"grpc": config}}),
            Settings("otlp", tuple(FACTORY.signals), MemoryMeter(), Path("nowhere")),
            MemoryIntake(),
        )
        async with stopping(first, again):
            async with exchange():
                await first.stop()
                with pytest.raises(StartError, match="cannot be read"):
                    await bad.start()
                await again.start()
            assert again.grpc_port == port

    asyncio.run(main())
