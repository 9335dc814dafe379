"""Certificates that change while requests come in, and connections older than theirs."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest
from cryptography import x509

from collectors.component import Delivery, TryLater
from collectors.net.tls import ServerTlsConfig, server_context
from collectors.net.watch import Watched, read_file
from collectors.receivers.otlp import OtlpReceiver
from collectors.testing import MemoryIntake
from tests.certificates import Certificates
from tests.tls_edge import BODY, PROTOBUF, call, deliver, post, receiver, run, trusting


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


async def shown(port: int) -> int:
    """Serial number of the certificate that a new connection sees."""
    pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def until_shown(port: int, wanted: int) -> None:
    while True:  # what is waited for is in files
        try:
            if await shown(port) == wanted:
                return
        except ConnectionResetError:
            pass  # gRPC hangs up on who names no protocol, at times before the handshake is done
        await asyncio.sleep(0.02)


def test_a_rotated_certificate_is_taken_under_load_and_no_request_fails(
    certificates: Certificates,
) -> None:
    tls = {**certificates.pair("server"), "reload_interval": "50ms"}
    rounds = 4

    async def main() -> None:
        intake, failures, is_over = MemoryIntake(), list[str](), asyncio.Event()
        sent = 0

        async def load(protocol: str, made: OtlpReceiver) -> None:
            nonlocal sent
            context = trusting(certificates)
            credentials = grpc.ssl_channel_credentials(certificates.ca.read_bytes())
            while not is_over.is_set():
                try:
                    if protocol == "http":  # a new connection each time
                        assert await post(made.http_port, context) == 200
                    else:
                        await call(made.grpc_port, credentials)
                    sent += 1
                except (aiohttp.ClientError, grpc.aio.AioRpcError, AssertionError) as error:
                    failures.append(f"{protocol}: {error!r}")

        async with receiver(tls, intake) as made:
            clients = [
                asyncio.create_task(load(protocol, made)) for protocol in ("http", "grpc", "http")
            ]
            for _ in range(rounds):
                certificates.rotate("server")
                wanted = serial(certificates.cert("server"))
                for port in (made.http_port, made.grpc_port):
                    async with asyncio.timeout(10):
                        await until_shown(port, wanted)
            is_over.set()
            await asyncio.gather(*clients)

        assert failures == []
        assert len(intake.taken) == sent >= rounds

    run(main)


def test_a_connection_outlives_the_certificate_that_it_was_made_with(
    certificates: Certificates,
) -> None:
    tls = {**certificates.pair("server"), "reload_interval": "50ms"}

    async def main() -> None:
        intake = MemoryIntake()
        async with receiver(tls, intake) as made, aiohttp.ClientSession() as session:
            url = f"https://localhost:{made.http_port}/v1/traces"
            context = trusting(certificates)
            for _ in range(2):
                async with session.post(url, data=BODY, headers=PROTOBUF, ssl=context) as response:
                    assert response.status == 200
                    await response.read()
                certificates.rotate("server")
                await until_shown(made.http_port, serial(certificates.cert("server")))

        assert len({taken.context.peer for taken in intake.taken}) == 1

    run(main)


def test_half_of_a_rotation_changes_nothing_and_is_told(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    config = ServerTlsConfig.model_validate(
        {**certificates.pair("server"), "reload_interval": "1ns"}
    )
    watched = server_context("otlp", config)
    before = watched.current()
    key = certificates.key("server").read_bytes()
    certificates.rotate("server")
    fresh = certificates.key("server").read_bytes()
    certificates.key("server").write_bytes(key)

    with caplog.at_level(logging.WARNING):
        assert watched.current() is before
    assert "what was read before stays in use" in caplog.text
    certificates.key("server").write_bytes(fresh)
    assert watched.current() is not before


def test_an_exporter_shows_its_certificate_and_takes_a_new_one(certificates: Certificates) -> None:
    async def main() -> None:
        tls = {**certificates.pair("server"), "client_ca_file": str(certificates.ca)}
        ours = {"ca_file": str(certificates.ca), **certificates.pair("client")}
        async with receiver(tls) as made:
            assert await deliver(made.http_port, ours) == Delivery()
            certificates.rotate("client")
            assert await deliver(made.http_port, ours) == Delivery()
            with pytest.raises(TryLater):
                await deliver(made.http_port, {"ca_file": str(certificates.ca)})

    run(main)


def test_a_file_is_looked_at_no_more_often_than_asked_for(tmp_path: Path) -> None:
    path, now = tmp_path / "token", [0]
    path.write_bytes(b"one")
    watched = Watched("x", [path], lambda: read_file(path), interval_ns=10, clock=lambda: now[0])
    path.write_bytes(b"two, longer")

    assert watched.current() == b"one"
    now[0] = 10
    assert watched.current() == b"two, longer"
    path.unlink()
    now[0] = 20
    assert watched.current() == b"two, longer", "a file that is gone changes nothing"
