"""The `prometheus` exporter: a view, its state in the daemon's snapshot, served over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from collectors.component import Batch, ExporterFactory, Settings, Signal
from collectors.exporters.prometheus import codec, render
from collectors.exporters.prometheus.config import PrometheusConfig
from collectors.exporters.prometheus.state import LeftOut, State
from collectors.net.loglines import RateLimited
from collectors.net.serve import PageServer

_log = logging.getLogger(__name__)

LEFT_OUT: Final = "fleetslo_prometheus_points_left_out_total"
SERIES: Final = "fleetslo_prometheus_series"
_GZIP_LEVEL: Final = 1
_MOST_SHOWN: Final = 200  # characters of a series in a log line
_PATH: Final = "/metrics"


class PrometheusView:
    """Shows the newest point of every series until it expires.

    `apply` is called from the graph's thread and scrapes are answered from another, so the
    state has a lock. The clock serves scrapes only: it lets series expire while no batch
    comes in, which would otherwise move the time on.

    Attributes:
        clock: Monotonic nanoseconds.
    """

    def __init__(
        self, config: PrometheusConfig, settings: Settings, clock: Callable[[], int]
    ) -> None:
        self._config = config
        self._settings = settings
        self._clock = clock
        self._state = State(config)
        self._applied_at_ns = clock()
        self._lock = threading.Lock()
        self._told = RateLimited(_log)
        self._ready = False
        self._server = PageServer(settings.component_id, config.endpoint, self._answer, config.tls)
        for reason in LeftOut:
            settings.meter.add(LEFT_OUT, 0, exporter=settings.component_id, reason=reason)

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._server.port

    def apply(self, batch: Batch) -> None:
        """Fold `batch` in. Raising leaves the state as it was."""
        with self._lock:
            self._state.apply(batch)
            self._applied_at_ns = self._clock()
            left_out = dict(self._state.left_out)
            self._state.left_out.clear()
            second_writer = self._state.second_writer
            count = self._state.series_count
        name = self._settings.component_id
        self._settings.meter.set(SERIES, count, exporter=name)
        for reason, points in left_out.items():
            self._settings.meter.add(LEFT_OUT, points, exporter=name, reason=reason)
            text = f"{name}: {points} points left out: {_WORDS[reason]}"
            if reason is LeftOut.SECOND_WRITER:
                text += f", as in {second_writer[:_MOST_SHOWN]!r}"
            self._told.warn(reason, text, time.monotonic())

    def snapshot(self) -> bytes:
        """All state."""
        with self._lock:
            return codec.dump(self._state)

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        loaded = codec.load(self._config, state)
        with self._lock:
            self._state = loaded
            self._applied_at_ns = self._clock()

    async def start(self) -> None:
        """Listen; answers 503 until `ready`.

        Raises:
            StartError: The address cannot be used.
        """
        await self._server.start()

    def ready(self) -> None:
        """Answer in full from now on."""
        self._ready = True

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        await self._server.stop()

    def text(self, *, open_metrics: bool = False) -> str:
        """The document as it would be served now."""
        show = render.open_metrics if open_metrics else render.text_format
        with self._lock:
            now_ns = self._state.now_ns + self._clock() - self._applied_at_ns
            return show(self._state, now_ns)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != _PATH:
            return web.Response(status=404, text=f"metrics are at {_PATH}\n")
        if not self._ready:
            # Half of a counter's past would look like a reset: nothing is better.
            return web.Response(
                status=503, text="not ready: replaying\n", headers={"Retry-After": "1"}
            )
        wants_open = _accepts_open_metrics(request.headers.get("Accept", ""))
        open_metrics = self._config.enable_open_metrics and wants_open
        zipped = "gzip" in request.headers.get("Accept-Encoding", "").lower()
        body = await asyncio.to_thread(self._body, open_metrics=open_metrics, zipped=zipped)
        content_type = render.OPEN_METRICS if open_metrics else render.TEXT
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    def _body(self, *, open_metrics: bool, zipped: bool) -> bytes:
        body = self.text(open_metrics=open_metrics).encode()
        return gzip.compress(body, _GZIP_LEVEL, mtime=0) if zipped else body


_WORDS: Final = {
    LeftOut.OUT_OF_ORDER: "older than what is shown",
    LeftOut.SECOND_WRITER: (
        "two senders share these labels, and only the one that started last is shown: "
        "set service.instance.id"
    ),
    LeftOut.OVERFLOW: "max_series is reached",
    LeftOut.COLLISION: "another metric has the same name in Prometheus",
    LeftOut.UNNAMED: "the name has no letter that Prometheus knows",
    LeftOut.MALFORMED: "buckets that contradict each other or are too many, or an impossible count",
    LeftOut.NO_DATA: "the metric has no data",
    LeftOut.TOO_LONG: "its labels, name or description have more than 65,536 characters",
}


def _accepts_open_metrics(accept: str) -> bool:
    """Whether OpenMetrics is asked for before plain text, as Prometheus does."""
    best: dict[str, float] = {}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        best[media] = max(quality, best.get(media, 0.0))
    wanted = best.get("application/openmetrics-text", 0.0)
    plain = max(best.get("text/plain", 0.0), best.get("*/*", 0.0))
    return wanted > 0 and wanted >= plain


def _create(config: PrometheusConfig, settings: Settings) -> PrometheusView:
    return PrometheusView(config, settings, time.monotonic_ns)


FACTORY = ExporterFactory(
    config=PrometheusConfig, create=_create, signals=frozenset({Signal.METRICS})
)
