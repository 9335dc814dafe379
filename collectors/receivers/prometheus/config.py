"""Configuration of `prometheus` as a receiver: Prometheus's own `scrape_configs`, in part.

Source: Prometheus, "Configuration".
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from collectors.component import Config
from collectors.net.fields import MAX_REQUEST_BYTES, SECOND, Count, Nanoseconds, differs
from collectors.net.tls import ClientTlsConfig
from collectors.prom.naming import ConstLabels
from collectors.receivers.prometheus.relabel import RelabelConfig

Interval = Annotated[Nanoseconds, Field(gt=0)]


class GlobalConfig(Config):
    """`global`: what a job does not say itself."""

    scrape_interval: Interval = 60 * SECOND
    scrape_timeout: Interval = 10 * SECOND


class StaticConfig(Config):
    """`static_configs`: targets as ``host:port``, and labels of all of them."""

    targets: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    labels: ConstLabels = Field(default_factory=dict[str, str])


class BasicConfig(Config):
    """`basic_auth`."""

    username: str
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _has_a_password(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            msg = "must have one of password and password_file"
            raise ValueError(msg)
        return self


class AuthorizationConfig(Config):
    """`authorization`."""

    type: str = "Bearer"
    credentials: SecretStr | None = None
    credentials_file: Path | None = None

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if (self.credentials is None) == (self.credentials_file is None):
            msg = "must have one of credentials and credentials_file"
            raise ValueError(msg)
        return self


class ScrapeTlsConfig(Config):
    """`tls_config`."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""
    insecure_skip_verify: bool = False

    def as_client(self) -> ClientTlsConfig:
        """The same in the words of the other components."""
        return ClientTlsConfig(
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            server_name_override=self.server_name,
            insecure_skip_verify=self.insecure_skip_verify,
        )


class ScrapeConfig(Config):
    """One job.

    Attributes:
        honor_labels: `job` and `instance` of a sample go before those of its target.
        honor_timestamps: Times in the answer go before the time of the scrape.
        params: What is asked for, as the query of the address.
        relabel_configs: Change and choose targets; the scheme and parameters stay.
        metric_relabel_configs: Change and choose samples.
        sample_limit: An answer with more samples is no answer; 0 for no limit.
        body_size_limit: A longer answer is no answer, in bytes, decompressed.
    """

    job_name: Annotated[str, Field(min_length=1)]
    scrape_interval: Interval | None = None
    scrape_timeout: Interval | None = None
    metrics_path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    params: dict[str, list[str]] = Field(default_factory=dict[str, list[str]])
    honor_labels: bool = False
    honor_timestamps: bool = True
    static_configs: Annotated[list[StaticConfig], Field(min_length=1)]
    basic_auth: BasicConfig | None = None
    authorization: AuthorizationConfig | None = None
    tls_config: ScrapeTlsConfig = ScrapeTlsConfig()
    relabel_configs: list[RelabelConfig] = Field(default_factory=list[RelabelConfig])
    metric_relabel_configs: list[RelabelConfig] = Field(default_factory=list[RelabelConfig])
    sample_limit: Count = 0
    body_size_limit: Annotated[int, Field(ge=1)] = Field(
        default=MAX_REQUEST_BYTES, json_schema_extra=differs("0 (no limit)")
    )

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        if self.basic_auth is not None and self.authorization is not None:
            msg = "must have at most one of basic_auth and authorization"
            raise ValueError(msg)
        return self


class ScrapesConfig(Config):
    """`config`: what Prometheus's own file holds, as far as scraping goes."""

    global_: GlobalConfig = Field(default=GlobalConfig(), alias="global")
    scrape_configs: Annotated[list[ScrapeConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _jobs_are_told_apart(self) -> Self:
        names = [job.job_name for job in self.scrape_configs]
        for name in names:
            if names.count(name) > 1:
                msg = f"must have each job_name once, got {name!r} twice"
                raise ValueError(msg)
        for job in self.scrape_configs:
            if self.timeout_ns(job) > self.interval_ns(job):
                msg = f"scrape_timeout of {job.job_name!r} must not be above its scrape_interval"
                raise ValueError(msg)
        return self

    def interval_ns(self, job: ScrapeConfig) -> int:
        """Between two scrapes of `job`."""
        return job.scrape_interval or self.global_.scrape_interval

    def timeout_ns(self, job: ScrapeConfig) -> int:
        """Longest wait for an answer; the default gives way to a shorter interval."""
        if job.scrape_timeout is not None:
            return job.scrape_timeout
        return min(self.global_.scrape_timeout, self.interval_ns(job))


class PrometheusReceiverConfig(Config):
    """Configuration of `prometheus` as a receiver."""

    config: ScrapesConfig
