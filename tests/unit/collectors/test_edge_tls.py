"""TLS at the door: who may come, who is believed, what is a mistake."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import ValidationError

from collectors.component import Delivery, StartError, TryLater
from collectors.exporters.otlp_http import OtlpHttpConfig
from collectors.extensions.health_check import HealthCheck, HealthCheckConfig
from collectors.net.http_client import HttpClient
from collectors.net.tls import ServerTlsConfig, server_context
from collectors.net.watch import UnusableError
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryHost, MemoryIntake, settings
from tests.certificates import Certificates
from tests.tls_edge import call, deliver, post, receiver, run, trusting


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


def test_an_exporter_with_a_broken_certificate_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    config = OtlpHttpConfig.model_validate(
        {"endpoint": "https://localhost", "tls": {"ca_file": str(tmp_path / "ca.pem")}}
    )

    with pytest.raises(StartError, match="holds no certificates"):
        run(HttpClient(config, settings(tmp_path)).start)
