"""`tls` blocks: from files to contexts, taken anew when a certificate is rotated.

Certificate and key are checked against each other before either is used: a rotation caught
halfway changes nothing.

Source: OpenTelemetry Collector, configtls; names and defaults as there.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, Literal, Self

import grpc
from pydantic import Field, model_validator

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds, differs
from collectors.net.watch import UnusableError, Watched, read_file

Version = Literal["1.2", "1.3"]

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TlsConfig(Config):
    """What both sides have.

    Attributes:
        ca_file: Who is trusted to sign the other side's certificate, PEM.
        cert_file: Our certificate with its chain, PEM.
        key_file: Its key, PEM, not encrypted.
        reload_interval: How often the files are looked at; 0 never again.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    reload_interval: Nanoseconds = Field(default=10 * SECOND, json_schema_extra=differs("(never)"))

    @model_validator(mode="after")
    def _is_a_pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "cert_file"
            msg = f"must have cert_file and key_file together, {missing} is missing"
            raise ValueError(msg)
        return self

    def _files(self, *others: Path | None) -> tuple[Path, ...]:
        every = (self.ca_file, self.cert_file, self.key_file, *others)
        return tuple(path for path in every if path is not None)


class GrpcServerTlsConfig(TlsConfig):
    """`tls` of a gRPC server: TLS 1.2 and later, as gRPC has it.

    Attributes:
        client_ca_file: Clients must show a certificate that these have signed.
    """

    client_ca_file: Path | None = None

    @model_validator(mode="after")
    def _has_a_certificate(self) -> Self:
        if self.cert_file is None:
            msg = "must have cert_file and key_file: a server shows a certificate"
            raise ValueError(msg)
        return self

    def files(self) -> tuple[Path, ...]:
        """Every file that it names."""
        return self._files(self.client_ca_file)


class ServerTlsConfig(GrpcServerTlsConfig):
    """`tls` of an HTTP server."""

    min_version: Version = "1.2"
    max_version: Version | None = None


class GrpcClientTlsConfig(TlsConfig):
    """`tls` of a gRPC client.

    Attributes:
        insecure: No TLS at all.
        server_name_override: The name that the server's certificate must carry.
    """

    insecure: bool = False
    server_name_override: str = ""

    def files(self) -> tuple[Path, ...]:
        """Every file that it names."""
        return self._files()


class ClientTlsConfig(GrpcClientTlsConfig):
    """`tls` of an HTTP client.

    Attributes:
        insecure: Without meaning: ``https://`` in the endpoint decides.
        insecure_skip_verify: Believe any certificate.
        include_system_ca_certs_pool: Trust the system's authorities beside `ca_file`.
    """

    insecure_skip_verify: bool = False
    include_system_ca_certs_pool: bool = False
    min_version: Version = "1.2"
    max_version: Version | None = None


def server_context(name: str, config: ServerTlsConfig) -> Watched[ssl.SSLContext]:
    """The context of an HTTP server.

    Raises:
        UnusableError: The files are missing, damaged, or do not belong together.
    """

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _limit(context, config.min_version, config.max_version)
        context.set_alpn_protocols(["http/1.1"])
        _show(context, config)
        if config.client_ca_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            _trust(context, config.client_ca_file)
        return context

    return Watched(name, config.files(), make, interval_ns=config.reload_interval)


def client_context(name: str, config: ClientTlsConfig) -> Watched[ssl.SSLContext]:
    """The context of an HTTP client.

    Raises:
        UnusableError: The files are missing, damaged, or do not belong together.
    """

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _limit(context, config.min_version, config.max_version)
        if config.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.ca_file is not None:
            _trust(context, config.ca_file)
        if config.ca_file is None or config.include_system_ca_certs_pool:
            context.load_default_certs()
        _show(context, config)
        return context

    return Watched(name, config.files(), make, interval_ns=config.reload_interval)


def grpc_server_certificates(
    name: str, config: GrpcServerTlsConfig
) -> Watched[grpc.ServerCertificateConfiguration]:
    """What a gRPC server shows and whom it trusts.

    Raises:
        UnusableError: The files are missing, damaged, or do not belong together.
    """

    def make() -> grpc.ServerCertificateConfiguration:
        scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _show(scratch, config)
        if config.client_ca_file is not None:
            _trust(scratch, config.client_ca_file)
        return grpc.ssl_server_certificate_configuration(
            [(_read(config.key_file) or b"", _read(config.cert_file) or b"")],
            _read(config.client_ca_file),
        )

    return Watched(name, config.files(), make, interval_ns=config.reload_interval)


def grpc_client_credentials(
    name: str, config: GrpcClientTlsConfig
) -> Watched[grpc.ChannelCredentials]:
    """What a gRPC client shows and whom it trusts.

    Raises:
        UnusableError: The files are missing, damaged, or do not belong together.
    """

    def make() -> grpc.ChannelCredentials:
        scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if config.ca_file is not None:
            _trust(scratch, config.ca_file)
        _show(scratch, config)
        return grpc.ssl_channel_credentials(
            _read(config.ca_file), _read(config.key_file), _read(config.cert_file)
        )

    return Watched(name, config.files(), make, interval_ns=config.reload_interval)


def _limit(context: ssl.SSLContext, least: Version, most: Version | None) -> None:
    context.minimum_version = _VERSIONS[least]
    if most is not None:
        context.maximum_version = _VERSIONS[most]


def _show(context: ssl.SSLContext, config: TlsConfig) -> None:
    """Load certificate and key, if there are any; fails where they do not belong together."""
    cert, key = config.cert_file, config.key_file
    if cert is None or key is None:
        return
    for path in (cert, key):
        read_file(path)
    try:
        # Without the function OpenSSL would ask the terminal for the password of a key.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        msg = f"{cert} and {key} are no certificate and its key: {_reason(error)}"
        raise UnusableError(msg) from error


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cadata=read_file(path).decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        msg = f"{path} holds no certificates: {_reason(error)}"
        raise UnusableError(msg) from error


def _read(path: Path | None) -> bytes | None:
    return read_file(path) if path is not None else None


def _reason(error: Exception) -> str:
    reason: object = getattr(error, "reason", None)
    return str(reason or error).lower().replace("_", " ")
