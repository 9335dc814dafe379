"""TLS: who may come, who is believed, and certificates that change while requests come in."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest
from cryptography import x509
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import ValidationError

from collectors.component import Delivery, Signal, StartError, TryLater
from collectors.exporters.otlp_http import OtlpHttpConfig, OtlpHttpExporter
from collectors.extensions.health_check import HealthCheck, HealthCheckConfig
from collectors.net.http_client import HttpClient
from collectors.net.tls import ServerTlsConfig, server_context
from collectors.net.watch import UnusableError, Watched, read_file
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryHost, MemoryIntake, batch, settings, traces_request
from tests.certificates import Certificates

BODY = traces_request().SerializeToString()
BATCH = batch(Signal.TRACES)
PROTOBUF = {"Content-Type": "application/x-protobuf"}
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@asynccontextmanager
async def receiver(
    tls: dict[str, object], intake: MemoryIntake | None = None
) -> AsyncIterator[OtlpReceiver]:
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


# ------------------------------------------------------------- servers


def test_the_official_exporters_send_over_tls(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # they go before what an exporter is told

    def export(exporter: OTLPSpanExporter | GrpcSpanExporter) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        with provider.get_tracer("test").start_as_current_span("step"):
            pass
        provider.shutdown()

    async def main() -> None:
        intake = MemoryIntake()
        async with receiver(certificates.pair("server"), intake) as made:
            url = f"https://localhost:{made.http_port}/v1/traces"
            over_http = OTLPSpanExporter(url, certificate_file=str(certificates.ca))
            await asyncio.to_thread(export, over_http)
            credentials = grpc.ssl_channel_credentials(certificates.ca.read_bytes())
            over_grpc = GrpcSpanExporter(f"localhost:{made.grpc_port}", credentials=credentials)
            await asyncio.to_thread(export, over_grpc)

        assert [taken.context.transport for taken in intake.taken] == ["http", "grpc"]

    run(main)


def test_a_client_without_certificate_is_not_let_in_where_one_is_asked_for(
    certificates: Certificates,
) -> None:
    async def main() -> None:
        tls = {**certificates.pair("server"), "client_ca_file": str(certificates.ca)}
        authority = certificates.ca.read_bytes()
        client = (certificates.key("client").read_bytes(), certificates.cert("client").read_bytes())
        intake = MemoryIntake()
        async with receiver(tls, intake) as made:
            with pytest.raises(aiohttp.ClientError):
                await post(made.http_port, trusting(certificates))
            with pytest.raises(grpc.aio.AioRpcError):
                await call(made.grpc_port, grpc.ssl_channel_credentials(authority))
            assert intake.taken == []

            assert await post(made.http_port, trusting(certificates, shows="client")) == 200
            credentials = grpc.ssl_channel_credentials(authority, *client)
            assert await call(made.grpc_port, credentials) == b""

    run(main)


def test_a_client_of_another_authority_is_not_let_in(
    certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Certificates(tmp_path / "other")

    async def main() -> None:
        tls = {**certificates.pair("server"), "client_ca_file": str(certificates.ca)}
        context = trusting(certificates)
        context.load_cert_chain(stranger.cert("client"), stranger.key("client"))
        async with receiver(tls) as made:
            with pytest.raises(aiohttp.ClientError):
                await post(made.http_port, context)

    run(main)


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


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_certificate_that_is_not_there_is_told_in_one_line(protocol: str, tmp_path: Path) -> None:
    tls = {"cert_file": str(tmp_path / "no.pem"), "key_file": str(tmp_path / "no.key")}
    config = OtlpConfig.model_validate(
        {"protocols": {protocol: {"endpoint": "127.0.0.1:0", "tls": tls}}}
    )

    with pytest.raises(StartError) as caught:
        run(OtlpReceiver(config, settings(tmp_path, "otlp"), MemoryIntake()).start)

    assert str(caught.value) == (
        f"otlp cannot listen on 127.0.0.1:0: {tmp_path}/no.pem cannot be read: "
        "No such file or directory"
    )


def test_a_key_of_another_certificate_is_told(certificates: Certificates) -> None:
    config = ServerTlsConfig.model_validate(
        {"cert_file": certificates.cert("server"), "key_file": certificates.key("client")}
    )

    with pytest.raises(UnusableError, match="no certificate and its key: key values mismatch"):
        server_context("otlp", config)


@pytest.mark.parametrize(
    "raw", [{}, {"cert_file": "a"}, {"key_file": "a"}, {"ca_file": "a"}], ids=str
)
def test_a_server_without_certificate_and_key_is_a_mistake(raw: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ServerTlsConfig.model_validate(raw)


def test_tls_below_the_least_version_is_not_spoken(certificates: Certificates) -> None:
    async def main() -> None:
        context = trusting(certificates)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        block = {
            "endpoint": "127.0.0.1:0",
            "tls": {**certificates.pair("server"), "min_version": "1.3"},
        }
        config = OtlpConfig.model_validate({"protocols": {"http": block}})
        made = OtlpReceiver(config, settings(Path("/nowhere")), MemoryIntake())
        await made.start()
        try:
            with pytest.raises(aiohttp.ClientError):
                await post(made.http_port, context)
            assert await post(made.http_port, trusting(certificates)) == 200
        finally:
            await made.stop()

    run(main)


def test_pages_are_served_over_tls_too(certificates: Certificates) -> None:
    async def main() -> None:
        config = HealthCheckConfig.model_validate(
            {"endpoint": "127.0.0.1:0", "tls": certificates.pair("server")}
        )
        page = HealthCheck(config, settings(Path("/nowhere")))
        await page.start(MemoryHost())
        url = f"https://localhost:{page.port}/"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(url, ssl=trusting(certificates)) as response,
            ):
                assert response.status == 200
        finally:
            await page.stop()

    run(main)


# ------------------------------------------------------------- clients


async def deliver(port: int, tls: dict[str, object], host: str = "localhost") -> Delivery:
    config = OtlpHttpConfig.model_validate({"endpoint": f"https://{host}:{port}", "tls": tls})
    of = settings(Path("/nowhere"))
    exporter = OtlpHttpExporter(config, HttpClient(config, of), lambda: datetime.now(UTC))
    await exporter.start()
    try:
        return await exporter.deliver(BATCH)
    finally:
        await exporter.stop()


def test_an_exporter_believes_only_whom_it_is_told_to(certificates: Certificates) -> None:
    trusted: dict[str, object] = {"ca_file": str(certificates.ca)}

    async def main() -> None:
        async with receiver(certificates.pair("server")) as made:
            port = made.http_port
            assert await deliver(port, trusted) == Delivery()
            assert await deliver(port, {"insecure_skip_verify": True}) == Delivery()
            with pytest.raises(TryLater, match="certificate"):
                await deliver(port, {})
            with pytest.raises(TryLater, match=r"other\.example"):
                await deliver(port, {**trusted, "server_name_override": "other.example"})

    run(main)


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


def test_an_exporter_with_a_broken_certificate_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    config = OtlpHttpConfig.model_validate(
        {"endpoint": "https://localhost", "tls": {"ca_file": str(tmp_path / "ca.pem")}}
    )

    with pytest.raises(StartError, match="holds no certificates"):
        run(HttpClient(config, settings(tmp_path)).start)


# ------------------------------------------------------------- watching files


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
