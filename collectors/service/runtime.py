"""The daemon: everything put together, started in order, and stopped in the other one.

Start: own the data directory, recover, make the components, replay, send, and only then
listen. Stop: listen no more, finish the graph, give the exporters a little time, save. What
is not delivered by then stays on disk and is delivered after the next start.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from collectors.log import FileSystem, LogHooks, OsFileSystem
from collectors.service import names
from collectors.service.assembly import Assembly, Surroundings
from collectors.service.books import Books
from collectors.service.clock import Clock, SystemClock
from collectors.service.components import Components
from collectors.service.meter import SelfMeter
from collectors.service.plan import ServicePlan
from collectors.service.selfmetrics import begin_at_zero
from collectors.service.storage import INBOX, Storage, boot_identity, open_storage
from collectors.service.wakeup import Mailbox

_log = logging.getLogger(__name__)


class Service:
    """One daemon, from start to stop; both once, on one event loop."""

    def __init__(
        self,
        plan: ServicePlan,
        *,
        version: str = "",
        files: FileSystem | None = None,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
        boot: Callable[[], str] = boot_identity,
    ) -> None:
        """Prepare to run `plan`; nothing is touched yet.

        Args:
            plan: What to run.
            version: Of the software: with the fingerprint of the plan it says under what
                records were processed.
            files: The disk.
            clock: Steady and wall time.
            draw: A number from 0 to 1, by lot, for the waits between attempts.
            boot: Tells one boot of the machine from another.
        """
        self._plan = plan
        self._version = version
        self._files: FileSystem = files or OsFileSystem()
        self._clock = clock or SystemClock()
        self._draw = draw
        self._boot = boot
        self.meter = SelfMeter()
        self.books = Books()
        self._storage: Storage | None = None
        self._assembly: Assembly | None = None
        self._is_replayed = False
        self._listens = False
        self._has_crashed = asyncio.Event()
        self._crash: BaseException | None = None

    @property
    def metrics_port(self) -> int:
        """Where the daemon's own metrics are served; 0 if they are not."""
        server = self._assembly.server if self._assembly is not None else None
        return server.port if server is not None else 0

    def is_ready(self) -> bool:
        """See `Host.is_ready`."""
        storage = self._storage
        if not (self._is_replayed and self._listens) or storage is None:
            return False
        return storage.inbox.failure is None and storage.outbox.failure is None

    async def start(self) -> None:
        """Start everything; returning means that receivers listen.

        Raises:
            StartError: Something could not be started; everything else was stopped.
        """
        begin_at_zero(self.meter, self._plan)
        plan = self._plan
        waits = any(plan.waits_in(name) for name in plan.pipelines)
        storage = await asyncio.to_thread(
            open_storage, plan.storage, self._files, self._hooks, self._boot, waits=waits
        )
        try:
            assembly = self._assemble(storage)
        except BaseException:
            await asyncio.to_thread(storage.close)
            raise
        self._storage, self._assembly = storage, assembly
        try:
            await assembly.start()
        except BaseException:
            await self.stop(grace_seconds=0.0)
            raise
        self._listens = True

    async def crashed(self) -> None:
        """Wait for a bug to end the graph or a delivery, then raise what it raised."""
        await self._has_crashed.wait()
        if self._crash is not None:
            raise self._crash

    async def stop(self, *, grace_seconds: float | None = None, drain: bool = True) -> None:
        """Drain, save, and close. Safe without start and twice.

        Args:
            grace_seconds: Time for what is on its way; None is what the plan says.
            drain: Whether all that waits is to go out in that time, or only what is on
                its way to arrive.
        """
        assembly, self._assembly = self._assembly, None
        self._listens = False
        if assembly is not None:
            await assembly.stop(
                self._plan.grace_seconds if grace_seconds is None else grace_seconds, drain=drain
            )

    def _assemble(self, storage: Storage) -> Assembly:
        return Assembly(
            Surroundings(
                plan=self._plan,
                version=self._version,
                clock=self._clock,
                draw=self._draw,
                meter=self.meter,
                books=self.books,
                storage=storage,
                mailbox=(mailbox := Mailbox(asyncio.get_running_loop())),
                host=self,
                ready=lambda components: mailbox.post(lambda: self._ready(components)),
                crashed=lambda error: mailbox.post(lambda: self._crashed(error)),
            )
        )

    def _hooks(self, name: str) -> LogHooks:
        def synced(seconds: float) -> None:
            self.meter.observe(names.LOG_SYNC, seconds, log=name)

        if name == INBOX:
            return LogHooks(appended=self.books.appended, synced=synced)
        return LogHooks(synced=synced)

    def _ready(self, components: Components) -> None:
        """The replay is through."""
        self._is_replayed = True
        for view in components.views.values():
            view.ready()

    def _crashed(self, error: BaseException) -> None:
        """A bug ended the graph or a delivery: something moves no more, so the daemon ends."""
        _log.critical("the daemon ends: a part of it ended unexpectedly", exc_info=error)
        self._listens = False
        self._crash = error
        self._has_crashed.set()
