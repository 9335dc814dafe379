"""Clients that mean harm: idle connections by the thousand, floods of headers."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import resource
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc.aio
import psutil
import pytest

from collectors.testing import traces_request
from tests.certificates import Certificates

BODY = traces_request().SerializeToString()
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MEBIBYTE = 1024 * 1024
IDLE = 10_000
NEEDED_FILES = IDLE + 500

SERVER = """
import asyncio, json, pathlib, resource, sys
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, settings

class Forgetful(MemoryIntake):
    async def submit(self, *args, **kwargs):
        pass

async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    block = json.loads(sys.argv[1])
    config = OtlpConfig.model_validate({"protocols": {"grpc": block, "http": block}})
    receiver = OtlpReceiver(config, settings(pathlib.Path("/x")), Forgetful())
    await receiver.start()
    print(receiver.grpc_port, receiver.http_port, flush=True)
    await asyncio.to_thread(input)
    await receiver.stop()

asyncio.run(main())
"""


@dataclass
class Attacked:
    process: psutil.Process
    grpc: int
    http: int

    def memory(self) -> int:
        """Resident MiB."""
        return int(self.process.memory_info().rss // MEBIBYTE)

    async def serves_http(self) -> bool:
        url = f"http://127.0.0.1:{self.http}/v1/traces"
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(url, data=BODY, headers=headers) as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def serves_grpc(self) -> bool:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc}") as channel:
            try:
                await channel.unary_unary(METHOD)(BODY, timeout=10)
            except grpc.aio.AioRpcError:
                return False
            return True

    async def serves(self) -> bool:
        return await self.serves_http() and await self.serves_grpc()


@contextmanager
def attacked(**block: object) -> Generator[Attacked]:
    """A receiver in a process of its own, so that its memory is its own."""
    block["endpoint"] = "127.0.0.1:0"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, json.dumps(block)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        over_grpc, over_http = map(int, process.stdout.readline().split())
        try:
            yield Attacked(psutil.Process(process.pid), over_grpc, over_http)
        finally:
            process.communicate("\n", timeout=30)


@contextmanager
def many_files() -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < NEEDED_FILES:
        pytest.skip(f"needs {NEEDED_FILES} open files, {before[1]} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], NEEDED_FILES), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def connect(port: int, count: int) -> list[asyncio.StreamWriter]:
    """`count` connections on which nothing is ever said."""
    writers: list[asyncio.StreamWriter] = []
    for _ in range(0, count, 100):
        made = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", port) for _ in range(100)),
            return_exceptions=True,
        )
        writers += [one[1] for one in made if not isinstance(one, BaseException)]
    return writers


async def close(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def until_served(server: Attacked) -> None:
    async with asyncio.timeout(30):
        while not await server.serves():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.1)


@pytest.mark.slow
def test_ten_thousand_idle_connections_cost_little_and_others_are_served() -> None:
    async def main(server: Attacked) -> None:
        assert await server.serves()
        before = server.memory()
        idle = await connect(server.http, 3000) + await connect(server.grpc, 3000)

        assert await server.serves(), "below the limit everybody else is served"
        idle += await connect(server.http, IDLE - 8000) + await connect(server.grpc, 2000)
        assert len(idle) >= IDLE * 0.95
        assert server.memory() - before < 400
        await close(idle)
        await until_served(server)

    with many_files(), attacked() as server:
        asyncio.run(asyncio.wait_for(main(server), 100))


@pytest.mark.slow
def test_connections_that_never_shake_hands_cost_little_and_are_let_go(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    trust = ssl.create_default_context(cafile=str(certificates.ca))

    async def answered(server: Attacked) -> int:
        url = f"https://localhost:{server.http}/v1/traces"
        headers = {"Content-Type": "application/x-protobuf"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=BODY, headers=headers, ssl=trust) as response,
        ):
            return response.status

    async def main(server: Attacked) -> None:
        assert await answered(server) == 200
        before = server.memory()
        idle = await connect(server.http, 2000)

        assert await answered(server) == 200
        assert server.memory() - before < 250
        idle += await connect(server.http, 1000)
        with pytest.raises(aiohttp.ClientError):
            await answered(server)  # 2500 are held, more are closed at once
        await close(idle)
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    assert await answered(server) == 200
                    break
                await asyncio.sleep(0.1)

    with many_files(), attacked(tls=certificates.pair("server"), max_connections=2500) as server:
        asyncio.run(asyncio.wait_for(main(server), 60))


async def flood(port: int, line: bytes, megabytes: int) -> bytes:
    """Send a head that does not end; what came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with contextlib.suppress(ConnectionError):
        writer.write(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n")
        for _ in range(megabytes):
            writer.write(line * (MEBIBYTE // len(line)))
            await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 10)
    writer.transport.abort()
    return answer


@pytest.mark.parametrize("line", [b"a: b\r\n", b"x" * 1024], ids=["many", "one that is long"])
def test_a_flood_of_headers_is_cut_off_and_memory_stays(line: bytes) -> None:
    async def main(server: Attacked) -> None:
        before = server.memory()
        answers = await asyncio.gather(*(flood(server.http, line, 16) for _ in range(10)))

        assert all(not answer or answer.startswith(b"HTTP/1.1 400") for answer in answers)
        assert server.memory() - before < 100
        assert await server.serves()

    with attacked() as server:
        asyncio.run(asyncio.wait_for(main(server), 60))


def test_a_flood_of_metadata_is_refused_and_memory_stays() -> None:
    async def main(server: Attacked) -> None:
        before = server.memory()
        metadata = tuple((f"key-{index}", "v" * 1000) for index in range(1000))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            for _ in range(20):
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.unary_unary(METHOD)(BODY, metadata=metadata, timeout=10)

        assert server.memory() - before < 100
        assert await server.serves()

    with attacked() as server:
        asyncio.run(asyncio.wait_for(main(server), 60))


def delimited(tag: int, body: bytes) -> bytes:
    """A field of a protobuf message."""
    length, rest = bytearray(), len(body)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([tag, *length, rest]) + body


PARTS, VALUES = "parts, at most 1,048,576", "attributes and values, at most 8,388,608"


@pytest.mark.parametrize(
    ("signal", "tags", "told"),
    [
        pytest.param("traces", (0x12, 0x12, 0x0A), f"30,000,002 {PARTS}", id="spans"),
        pytest.param("traces", (0x5A, 0x12, 0x12, 0x0A), f"30,000,003 {PARTS}", id="events"),
        pytest.param("traces", (0x6A, 0x12, 0x12, 0x0A), f"30,000,003 {PARTS}", id="links"),
        pytest.param(
            "metrics", (0x2A, 0x0A, 0x3A, 0x12, 0x12, 0x0A), f"30,000,004 {PARTS}", id="exemplars"
        ),
        pytest.param("logs", (0x32, 0x12, 0x12, 0x0A), f"30,000,000 {VALUES}", id="attributes"),
    ],
)
def test_a_request_of_thirty_million_parts_is_refused_for_good_and_memory_stays(
    signal: str, tags: tuple[int, ...], told: str
) -> None:
    body = bytes((tags[0], 0)) * 30_000_000
    for tag in tags[1:]:
        body = delimited(tag, body)

    async def main(server: Attacked) -> None:
        before = server.memory()
        url = f"http://127.0.0.1:{server.http}/v1/{signal}"
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=gzip.compress(body), headers=headers) as answer,
        ):
            assert answer.status == 400
            assert told.encode() in await answer.read()

        assert server.memory() - before < 200
        assert await server.serves()

    with attacked() as server:
        asyncio.run(asyncio.wait_for(main(server), 60))


@pytest.mark.parametrize("part", [b"{}", b"[]"])
def test_json_of_twenty_million_maps_is_refused_before_it_becomes_objects(part: bytes) -> None:
    spans = part + (b"," + part) * 20_000_000
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}"

    async def main(server: Attacked) -> None:
        before = server.memory()
        url = f"http://127.0.0.1:{server.http}/v1/traces"
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=gzip.compress(body, 1), headers=headers) as answer,
        ):
            assert answer.status == 400
            assert b"maps and lists, at most 4,194,304 in one" in await answer.read()

        assert server.memory() - before < 200
        assert await server.serves()

    with attacked() as server:
        asyncio.run(asyncio.wait_for(main(server), 60))
