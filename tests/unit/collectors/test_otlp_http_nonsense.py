"""What is no HTTP, or cut off, costs a sender a line in the log and us no more than that."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from collectors.component import Settings, Signal
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, MemoryMeter

POST = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"\x00\x01 hello\r\n\r\n", ""),
        (POST + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "not HTTP: request from 127.0.0.1"),
        (POST + CHUNKED + b"\r\nZZZ\r\nabc\r\n", "not HTTP: request from 127.0.0.1"),
        (POST + CHUNKED + b"Content-Length: 3\r\n\r\n", "not HTTP: request from 127.0.0.1"),
        (POST + b"Content-Length: 100\r\n\r\nabc", "the body is cut off"),
    ],
    ids=["nonsense", "header", "chunk", "both", "cut"],
)
def test_a_request_that_is_no_http_is_one_line_however_often_it_comes(
    sent: bytes, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    meter = MemoryMeter()

    def attack(port: int) -> None:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass

    async def main() -> None:
        config = OtlpConfig.model_validate({"protocols": {"http": {"endpoint": "127.0.0.1:0"}}})
        settings = Settings("otlp", tuple(Signal), meter, Path("nowhere"))
        receiver = OtlpReceiver(config, settings, MemoryIntake())
        await receiver.start()
        try:
            await asyncio.to_thread(attack, receiver.http_port)
        finally:
            await receiver.stop()

    asyncio.run(main())

    lines = caplog.text.splitlines()
    assert len(lines) == (1 if says else 0)
    assert not says or says in lines[0]
