"""The receiver: reads the host every so often, in a worker thread."""

from __future__ import annotations

import asyncio
import platform
import socket
import time
from typing import Final

import psutil

from collectors.component import Context, Intake, ReceiverFactory, Settings, Signal
from collectors.net.counts import ReceiverCounts
from collectors.net.fields import SECOND
from collectors.net.periodic import Fetched, Periodic
from collectors.net.readings import Group, Scalar, count, request
from collectors.receivers.hostmetrics.config import HostMetricsConfig
from collectors.receivers.hostmetrics.host import read
from collectors.receivers.hostmetrics.process import read_processes

SCOPE: Final = "fleetslo/hostmetrics"


class HostMetricsReceiver:
    """Observes the host that it runs on."""

    def __init__(self, config: HostMetricsConfig, settings: Settings, intake: Intake) -> None:
        self._config = config
        self._host: dict[str, Scalar] = {
            "host.name": socket.gethostname(),
            "os.type": platform.system().lower(),
        }
        # Read once: it is worked out from the wall clock, and a start that moves is a reset.
        self._boot_ns = int(psutil.boot_time() * SECOND)
        self._periodic = Periodic(
            settings.component_id,
            self._fetch,
            intake,
            Context(peer="localhost", transport="psutil"),
            ReceiverCounts(settings.meter, settings.component_id, "psutil"),
        )

    async def start(self) -> None:
        """Begin to read."""
        config = self._config
        self._periodic.start(config.collection_interval / SECOND, config.initial_delay / SECOND)

    async def stop(self) -> None:
        """End. Safe without start and twice."""
        await self._periodic.stop()

    async def _fetch(self) -> Fetched:
        return await asyncio.to_thread(self._read)

    def _read(self) -> Fetched:
        scrapers = self._config.scrapers
        groups = [Group(self._host, list(read(scrapers)), self._boot_ns)]
        if scrapers.process is not None:
            groups.extend(read_processes(scrapers.process, self._host))
        found = request([group for group in groups if group.readings], SCOPE, time.time_ns())
        return Fetched(found.SerializeToString(), count(found))


FACTORY = ReceiverFactory(
    config=HostMetricsConfig, create=HostMetricsReceiver, signals=frozenset({Signal.METRICS})
)
