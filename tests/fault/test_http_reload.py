"""Whoever keeps an HTTP connection sends on it through a reload: no refusal, no reset."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from collectors.component import Settings, StartError
from collectors.net.listen import exchange
from collectors.receivers.otlp import FACTORY, OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, MemoryMeter
from tests.fault.test_grpc_reload import stopping
from tests.fault.test_service_kill import request


def receiver(**settings: object) -> OtlpReceiver:
    config = {"protocols": {"http": {"endpoint": "127.0.0.1:0", **settings}}}
    made = FACTORY.create(
        OtlpConfig.model_validate(config),
        Settings("otlp", tuple(FACTORY.signals), MemoryMeter(), Path("nowhere")),
        MemoryIntake(),
    )
    assert isinstance(made, OtlpReceiver)
    return made


class Connection:
    """One that is kept; it opens no other by itself."""

    def __init__(self, kept: http.client.HTTPConnection) -> None:
        kept.auto_open = 0
        self._kept = kept

    def ask(self) -> tuple[int, Mapping[str, str]]:
        headers = {"Content-Type": "application/x-protobuf"}
        self._kept.request("POST", "/v1/traces", request(["a"]), headers)
        answer = self._kept.getresponse()
        answer.read()
        return answer.status, dict(answer.getheaders())

    async def status(self) -> int:
        return (await asyncio.to_thread(self.ask))[0]


@contextmanager
def connected(port: int) -> Generator[Connection]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as kept:
        kept.connect()
        yield Connection(kept)


def test_a_request_between_two_receivers_waits_for_the_second() -> None:
    async def main() -> None:
        first, second = receiver(), receiver(max_connections=7)
        await first.start()
        port = first.http_port
        async with stopping(first, second):
            with connected(port) as connection:
                assert await connection.status() == 200
                async with exchange():
                    await first.stop()
                    asked = asyncio.create_task(connection.status())
                    await asyncio.sleep(0.3)
                    assert not asked.done()
                    await second.start()
                assert await asked == 200
                assert await connection.status() == 200
            assert second.http_port == port

    asyncio.run(main())


def test_a_receiver_with_a_bad_certificate_leaves_connections_to_the_one_before(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        none = str(tmp_path / "none")
        bad = receiver(tls={"cert_file": none, "key_file": none})
        first, again = receiver(), receiver()
        await first.start()
        async with stopping(first, again):
            with connected(first.http_port) as connection:
                assert await connection.status() == 200
                async with exchange():
                    await first.stop()
                    with pytest.raises(StartError, match="none"):
                        await bad.start()
                    await again.start()
                assert await connection.status() == 200

    asyncio.run(main())


def test_another_idle_time_brings_a_server_of_its_own_on_the_same_socket() -> None:
    async def main() -> None:
        first, second = receiver(), receiver(idle_timeout="7s")
        await first.start()
        port = first.http_port
        async with stopping(first, second):
            with connected(port) as old:
                assert await old.status() == 200
                async with exchange():
                    await first.stop()
                    await second.start()
                assert second.http_port == port
                with pytest.raises((http.client.HTTPException, OSError)):
                    await old.status()
            with connected(port) as new:
                assert await new.status() == 200

    asyncio.run(main())


def test_a_request_that_waits_for_a_receiver_that_never_comes_is_told_to_come_again() -> None:
    async def main() -> None:
        first = receiver()
        await first.start()
        with connected(first.http_port) as connection:
            assert await connection.status() == 200
            async with exchange():
                await first.stop()
                asked = asyncio.create_task(asyncio.to_thread(connection.ask))
                await asyncio.sleep(0.3)
            status, headers = await asked
            assert (status, headers["Retry-After"]) == (503, "1")

    asyncio.run(main())
