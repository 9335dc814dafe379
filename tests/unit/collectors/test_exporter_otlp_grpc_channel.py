"""The channel of `otlp_grpc`: who is believed, who we say we are, what is configured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest
from pydantic import ValidationError

from collectors.component import Delivery, TryLater
from collectors.exporters.otlp_grpc import OtlpGrpcConfig, OtlpGrpcExporter
from collectors.extensions.bearertokenauth import BearerTokenAuth, BearerTokenAuthConfig
from tests.certificates import Certificates
from tests.grpc_backend import BATCH, HERE, Backend, exporting, serving


def server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    pair = (certificates.key("server").read_bytes(), certificates.cert("server").read_bytes())
    return grpc.ssl_server_credentials(
        [pair], certificates.ca.read_bytes(), require_client_auth=True
    )


def test_a_rotated_client_certificate_is_shown_and_nothing_fails(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    tls = {
        "ca_file": str(certificates.ca),
        "reload_interval": "1ms",
        **certificates.pair("client"),
    }

    async def main() -> None:
        backend, shown = Backend(), set[bytes]()

        class Noting(Backend):
            def service(
                self, details: grpc.HandlerCallDetails
            ) -> grpc.RpcMethodHandler[bytes, bytes]:
                async def answer(
                    _: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
                ) -> bytes:
                    shown.update(context.auth_context()["x509_pem_cert"])
                    return b""

                return grpc.unary_unary_rpc_method_handler(answer)

        backend = Noting()
        async with (
            serving(backend, server_credentials(certificates)) as port,
            exporting(f"localhost:{port}", tls=tls) as exporter,
        ):
            for _ in range(3):
                results = await asyncio.gather(*(exporter.deliver(BATCH) for _ in range(8)))
                assert results == [Delivery()] * 8
                certificates.rotate("client")
                await asyncio.sleep(0.002)  # the shortest time between two looks

        assert len(shown) == 3

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_server_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificates, other = Certificates(tmp_path), Certificates(tmp_path / "other")

    async def main() -> None:
        tls = {"ca_file": str(other.ca), **certificates.pair("client")}
        async with (
            serving(Backend(), server_credentials(certificates)) as port,
            exporting(f"localhost:{port}", tls=tls, timeout="2s") as exporter,
        ):
            with pytest.raises(TryLater):
                await exporter.deliver(BATCH)

    asyncio.run(main())


def test_an_authenticator_says_who_we_are() -> None:
    token = BearerTokenAuth(BearerTokenAuthConfig.model_validate({"token": "t"}), HERE)

    async def main() -> None:
        backend = Backend()
        async with serving(backend) as port:
            config = OtlpGrpcConfig.model_validate(
                {"endpoint": f"http://127.0.0.1:{port}", "auth": {"authenticator": "b"}}
            )
            exporter = OtlpGrpcExporter(config, replace(HERE, extensions={"b": token}))
            await exporter.start()
            await exporter.deliver(BATCH)
            await exporter.stop()

        assert backend.seen[0][1]["authorization"] == "Bearer t"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("endpoint", "target", "is_plain"),
    [
        ("a:1", "a:1", False),
        ("https://a:1/", "a:1", False),
        ("http://a:1", "a:1", True),
        ("dns:///a:1", "dns:///a:1", False),
    ],
)
def test_the_scheme_says_whether_there_is_tls(endpoint: str, target: str, is_plain: bool) -> None:
    config = OtlpGrpcConfig(endpoint=endpoint)

    assert (config.target(), config.is_plain()) == (target, is_plain)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"endpoint": ""},
        {"endpoint": "http://"},
        {"endpoint": "a:1", "compression": "zstd"},
        {"endpoint": "a:1", "keepalive": {"time": "1s"}},
    ],
)
def test_a_configuration_that_cannot_be_is_a_mistake(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OtlpGrpcConfig.model_validate(raw)


def test_options_are_what_the_configuration_says() -> None:
    config = OtlpGrpcConfig.model_validate(
        {
            "endpoint": "a:1",
            "keepalive": {"time": "20s", "permit_without_stream": True},
            "authority": "b",
            "tls": {"server_name_override": "c"},
            "balancer_name": "pick_first",
        }
    )
    wanted: Callable[[str], int | str] = dict(config.options()).__getitem__

    assert wanted("grpc.keepalive_time_ms") == 20_000
    assert wanted("grpc.keepalive_permit_without_calls") == 1
    assert wanted("grpc.default_authority") == "b"
    assert wanted("grpc.ssl_target_name_override") == "c"
    assert "pick_first" in str(wanted("grpc.service_config"))
