"""The receiver: one loop per target; a target that does not answer is `up` 0, and told so."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from collectors.component import Context, Intake, ReceiverFactory, Settings, Signal, StartError
from collectors.net.counts import ReceiverCounts
from collectors.net.fields import SECOND
from collectors.net.loglines import RateLimited
from collectors.net.periodic import Fetched, Periodic
from collectors.net.reason import reason
from collectors.net.tls import client_context
from collectors.net.watch import UnusableError, Watched, read_file
from collectors.receivers.prometheus.config import PrometheusReceiverConfig, ScrapeConfig
from collectors.receivers.prometheus.relabel import Labels, Relabeller
from collectors.receivers.prometheus.translate import Family, Target, Translator, families

_log = logging.getLogger(__name__)

_ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)
_CHUNK_BYTES: Final = 256 * 1024


class _ScrapeError(Exception):
    """A target gave no answer that can be used; says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the targets of a job share."""

    config: ScrapeConfig
    timeout_seconds: float
    context: Watched[ssl.SSLContext] | None
    authorization: Watched[str]


class Scraper:
    """Scrapes one target."""

    def __init__(self, job: Job, target: Target, session: aiohttp.ClientSession) -> None:
        self._job = job
        self._target = target
        self._session = session
        self._translator = Translator(target)
        self._told = RateLimited(_log)
        self._series_before = 0

    async def fetch(self) -> Fetched:
        """Scrape once; never raises for what the target does."""
        began, time_ns = time.monotonic(), time.time_ns()
        try:
            async with asyncio.timeout(self._job.timeout_seconds):
                text, is_open = await self._get()
            found = await asyncio.to_thread(families, text, is_open=is_open)
            self._check(found)
            return await self._told_of(found, began, time_ns, is_up=True)
        except (_ScrapeError, ValueError, TimeoutError, aiohttp.ClientError, OSError) as error:
            line = f"{self._target.job}: {self._target.instance} cannot be scraped: {reason(error)}"
            self._told.warn(self._target.instance, line, began)
            return await self._told_of([], began, time_ns, is_up=False)

    async def _told_of(
        self, found: Sequence[Family], began: float, time_ns: int, *, is_up: bool
    ) -> Fetched:
        """A request of what was found and of the scrape itself; raises ValueError."""
        samples = sum(len(family.samples) for family in found)
        own = {
            "up": float(is_up),
            "scrape_duration_seconds": time.monotonic() - began,
            "scrape_samples_scraped": float(samples),
            "scrape_series_added": float(max(samples - self._series_before, 0)),
        }
        message, points = await asyncio.to_thread(self._translator.translate, found, own, time_ns)
        self._series_before = samples
        return Fetched(message.SerializeToString(), points)

    async def _get(self) -> tuple[str, bool]:
        config = self._job.config
        headers = {
            "Accept": _ACCEPT,
            "X-Prometheus-Scrape-Timeout-Seconds": f"{self._job.timeout_seconds:g}",
        }
        if self._job.authorization.current():
            headers["Authorization"] = self._job.authorization.current()
        async with self._session.get(
            f"{self._target.scheme}://{self._target.address}{self._target.path}",
            params=[(key, value) for key, values in config.params.items() for value in values],
            headers=headers,
            ssl=self._job.context.current() if self._job.context else True,
            server_hostname=config.tls_config.server_name or None,
        ) as response:
            if response.status != 200:
                msg = f"it answered {response.status}"
                raise _ScrapeError(msg)
            parts: list[bytes] = []
            size = 0
            while part := await response.content.read(_CHUNK_BYTES):
                size += len(part)
                if size > config.body_size_limit:
                    msg = f"the answer is longer than {config.body_size_limit} bytes"
                    raise _ScrapeError(msg)
                parts.append(part)
            is_open = response.content_type == "application/openmetrics-text"
            return b"".join(parts).decode(), is_open

    def _check(self, found: Sequence[Family]) -> None:
        limit = self._job.config.sample_limit
        count = sum(len(family.samples) for family in found)
        if limit and count > limit:
            msg = f"{count} samples are more than {limit}"
            raise _ScrapeError(msg)


class PrometheusReceiver:
    """Scrapes every target of every job."""

    def __init__(
        self, config: PrometheusReceiverConfig, settings: Settings, intake: Intake
    ) -> None:
        self._config = config.config
        self._settings = settings
        self._intake = intake
        self._session: aiohttp.ClientSession | None = None
        self._loops: list[Periodic] = []

    async def start(self) -> None:
        """Begin to scrape.

        Raises:
            StartError: A certificate or a file with a password cannot be used.
        """
        component_id = self._settings.component_id
        jobs = [self._job(config) for config in self._config.scrape_configs]
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)
        counts = ReceiverCounts(self._settings.meter, component_id, "http")
        for job in jobs:
            for target in _targets(job.config):
                name = f"{component_id}/{target.job}/{target.instance}"
                context = Context(peer=target.instance, transport="http")
                scraper = Scraper(job, target, self._session)
                loop = Periodic(name, scraper.fetch, self._intake, context, counts)
                loop.start(self._config.interval_ns(job.config) / SECOND)
                self._loops.append(loop)

    async def stop(self) -> None:
        """End. Safe without start and twice."""
        loops, self._loops = self._loops, []
        await asyncio.gather(*(loop.stop() for loop in loops))
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _job(self, config: ScrapeConfig) -> Job:
        name = f"{self._settings.component_id}: job {config.job_name}"
        try:
            return Job(
                config,
                self._config.timeout_ns(config) / SECOND,
                client_context(name, config.tls_config.as_client())
                if config.scheme == "https"
                else None,
                _authorization(name, config),
            )
        except UnusableError as error:
            msg = f"{name}: {error}"
            raise StartError(msg) from error


def _targets(config: ScrapeConfig) -> list[Target]:
    """The targets of a job that its relabelling keeps."""
    found: list[Target] = []
    steps, samples = Relabeller(config.relabel_configs), Relabeller(config.metric_relabel_configs)
    for group in config.static_configs:
        for address in group.targets:
            labels = steps.apply(
                {
                    "job": config.job_name,
                    **group.labels,
                    "__address__": address,
                    "__scheme__": config.scheme,
                    "__metrics_path__": config.metrics_path,
                }
            )
            if labels and labels.get("__address__"):
                found.append(_target(config, labels, samples))
    return found


def _target(config: ScrapeConfig, labels: Labels, samples: Relabeller) -> Target:
    """A target from its labels; those with two underscores are about the scrape itself."""
    address = labels["__address__"]
    return Target(
        labels.get("job", config.job_name),
        labels.get("instance", address),
        config.scheme,
        {
            key: value
            for key, value in labels.items()
            if key not in {"job", "instance"} and not key.startswith("__")
        },
        config.honor_labels,
        config.honor_timestamps,
        labels.get("__metrics_path__", config.metrics_path),
        address,
        samples,
    )


def _authorization(name: str, config: ScrapeConfig) -> Watched[str]:
    """The header that says who we are, empty for none; read again when its file changes."""
    basic, other = config.basic_auth, config.authorization
    path = (basic and basic.password_file) or (other and other.credentials_file)

    def make() -> str:
        given = (basic and basic.password) or (other and other.credentials)
        secret = given.get_secret_value() if given else ""
        if path:
            secret = read_file(path).decode("utf-8", "replace").strip()
        if basic is not None:
            return "Basic " + base64.b64encode(f"{basic.username}:{secret}".encode()).decode()
        return f"{other.type} {secret}" if other is not None else ""

    return Watched(name, (path,) if path else (), make)


FACTORY = ReceiverFactory(
    config=PrometheusReceiverConfig,
    create=PrometheusReceiver,
    signals=frozenset({Signal.METRICS}),
)
