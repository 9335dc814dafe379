"""What exists while the daemon runs: put together, started in order, stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from collectors.component import Extension, Host, Receiver, StartError
from collectors.graph import Graph
from collectors.log import Incomplete, LogFailed
from collectors.net.serve import PageServer
from collectors.service.books import Books
from collectors.service.budget import Budget
from collectors.service.clock import Clock
from collectors.service.components import Components, Maker, rebuild
from collectors.service.courier import Courier, CourierParts
from collectors.service.duplicates import Known
from collectors.service.engine import Engine, EngineParts
from collectors.service.eras import Course, Kept, chart
from collectors.service.intake import Admission, Door, ReceiverIntake
from collectors.service.keeper import Keeper, KeeperParts
from collectors.service.meter import SelfMeter
from collectors.service.plan import ServicePlan
from collectors.service.recall import Deaths, deaths, forgive_ticks, known_requests
from collectors.service.selfmetrics import MetricsPage, SelfMetrics, Watched
from collectors.service.shares import Shares
from collectors.service.shelving import Shelving, ShelvingParts
from collectors.service.state import Bounds
from collectors.service.stepper import Stepper
from collectors.service.stepping import StepperParts
from collectors.service.storage import Storage
from collectors.service.wakeup import Mailbox
from collectors.waiting import Pins

_log = logging.getLogger(__name__)

_JOIN_SECONDS = 30.0
"""Longest wait for the graph to come to the end of the inbox when the daemon stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a daemon is put into.

    Attributes:
        version: Of the software.
        draw: A number from 0 to 1, by lot.
        ready: Called in the graph's thread once the replay is through.
        crashed: Called in any thread if a bug ends the graph or a delivery.
    """

    plan: ServicePlan
    version: str
    clock: Clock
    draw: Callable[[], float]
    meter: SelfMeter
    books: Books
    storage: Storage
    mailbox: Mailbox
    host: Host
    ready: Callable[[Components], None]
    crashed: Callable[[BaseException], None]

    @property
    def fingerprint(self) -> str:
        """Under what records are processed: configuration and software."""
        return f"{self.plan.fingerprint}/{self.version}"


class Assembly:
    """All parts of a running daemon."""

    def __init__(self, around: Surroundings) -> None:
        """Put everything together and restore its state; nothing runs yet.

        Raises:
            GraphError: The pipelines make no graph.
            OSError: The disk failed.
        """
        self._around = around
        self._abandon = threading.Event()
        around.clock.resume(around.storage.inbox.steady_ns)
        self._shelving = self._make_shelving()
        self._shelf = self._shelving.shelf if self._shelving is not None else None
        self._maker = Maker(around.plan, around.meter, self._shelf)
        self.components = self._maker.make()
        self._empty_views = {n: view.snapshot() for n, view in self.components.views.items()}
        around.books.open_inbox(around.storage.inbox.totals)
        self._saved = around.storage.cursors
        self._budget = self._make_budget()
        self._keeper = self._make_keeper()
        self._known = Known()
        self._shares = Shares()
        self._engine: Engine | None = None
        self._courier: Courier | None = None
        self._door: Door | None = None
        self._course = Course()
        self._tick_pause_seconds = 0.0
        self._receivers: list[Receiver] = []
        self._extensions: list[Extension] = []
        self.server: PageServer | None = None

    async def start(self) -> None:
        """Start in order; whoever calls stops what was started if this raises.

        What is asked from outside answers first: a large backlog takes its time to be
        looked through, and that happens in a thread.
        """
        for extension in self.components.extensions.values():
            self._extensions.append(extension)
            await extension.start(self._around.host)
        for view in self.components.views.values():
            await view.start()
        await self._serve_metrics()
        try:
            stepper = await asyncio.to_thread(self._look_through)
        except (OSError, Incomplete, LogFailed) as error:
            msg = f"data directory {self._around.plan.storage.directory}: {error}"
            raise StartError(msg) from error
        engine = self._engine = self._make_engine(stepper)
        courier = self._courier = self._make_courier(engine)
        self._watch(courier, engine)
        await courier.start()
        engine.start()
        admission = self._make_admission(engine)
        self._door = Door(admission)
        for name, plan in self._around.plan.receivers.items():
            gates = self.components.gates.get(name, ())
            intake = ReceiverIntake(self._door, name, gates, admission)
            receiver = plan.create(self._maker.settings(name), intake)
            self._receivers.append(receiver)
            await receiver.start()

    async def stop(self, grace_seconds: float, *, drain: bool = True) -> None:
        """Stop in reverse: no more in, the graph to its end, out what goes out in time.

        See `Courier.stop` for what `drain` is about.
        """
        await asyncio.gather(*(_quietly(receiver.stop()) for receiver in self._receivers))
        if self._door is not None:
            self._door.close()
            await self._door.idle()
        if self._engine is not None:
            await self._finish(self._engine)
        if self._courier is not None:
            await self._courier.stop(grace_seconds, drain=drain)
        for view in self.components.views.values():
            await _quietly(view.stop())
        if self.server is not None:
            await _quietly(self.server.stop())
        for extension in reversed(self._extensions):
            await _quietly(extension.stop())
        if self._shelf is not None:
            self._shelf.close()
        await asyncio.to_thread(self._around.storage.close)

    async def _finish(self, engine: Engine) -> None:
        """Let the graph come to the end of the inbox, unless the disk takes nothing."""
        engine.drain()
        if not await asyncio.to_thread(engine.join, _JOIN_SECONDS):
            self._abandon.set()
            engine.abandon()
            await asyncio.to_thread(engine.join, _JOIN_SECONDS)

    def _look_through(self) -> Stepper:
        """Read what the process before left; takes as long as there is much of it."""
        storage = self._around.storage
        stepper = self._make_stepper()
        known_requests(storage.inbox, self._known, self._around.clock)
        return stepper

    async def _serve_metrics(self) -> None:
        telemetry = self._around.plan.telemetry
        host = telemetry.metrics_host
        if host is None:
            return
        address = f"[{host}]" if ":" in host and not host.startswith("[") else host
        page = MetricsPage(self._around.meter)
        self.server = PageServer(
            "service.telemetry.metrics", f"{address}:{telemetry.metrics_port}", page.answer
        )
        await self.server.start()

    def _make_keeper(self) -> Keeper:
        around, storage = self._around, self._around.storage
        return Keeper(
            KeeperParts(
                graph=self.components.graph,
                views=self.components.views,
                inbox=storage.inbox,
                outbox=storage.outbox,
                dead=storage.dead,
                files=storage.state,
                clock=around.clock,
                retain_seconds=around.plan.storage.retain_seconds,
                snapshot=storage.snapshot,
                last=storage.last,
                shelving=self._shelving,
            )
        )

    def _make_budget(self) -> Budget:
        storage = self._around.storage
        return Budget(
            storage.budget_bytes,
            [log for log in storage.logs if log is not storage.dead],
            self.components.copies,
            lambda: self._keeper.trim_inbox(keep=False),
            storage.dead,
            storage.spare_bytes,
            storage.state,
        )

    def _make_shelving(self) -> Shelving | None:
        around, storage = self._around, self._around.storage
        if storage.waiting is None:
            return None
        snapshot = storage.snapshot
        return Shelving(
            ShelvingParts(
                graph=self._present_graph,
                budget=lambda: self._budget,
                inbox=storage.inbox,
                logs=storage.waiting,
                floor=snapshot.shelved.floor if snapshot is not None else Bounds(),
                clock=around.clock,
                meter=around.meter,
                abandon=self._abandon,
                retain_seconds=around.plan.storage.retain_seconds,
                decisions_max_age_seconds=around.plan.storage.decisions_max_age_seconds,
            )
        )

    def _present_graph(self) -> Graph:
        return self.components.graph if self._engine is None else self._engine.graph

    def _make_stepper(self) -> Stepper:
        around, storage = self._around, self._around.storage
        died = deaths(storage, around.clock)
        course = self._course = self._chart()
        self._pause_ticks(died)
        beginning = self._keeper.begin(died.skips, self._saved, course)
        parts = StepperParts(
            graph=self.components.graph,
            views=self.components.views,
            empty_views=self._empty_views,
            meters=self.components.meters,
            dead=storage.dead,
            replay=storage.inbox.reader,
            books=around.books,
            clock=around.clock,
            meter=around.meter,
            marker=storage.marker,
            abandon=self._abandon,
            has_dead_room=self._budget.has_dead_room,
            shares=self._shares,
            next_output=storage.outbox.end,
            fingerprint=around.fingerprint,
            course=course,
        )
        stepper = Stepper(parts, beginning)
        stepper.publish(beginning.offset)
        return stepper

    def _pause_ticks(self, died: Deaths) -> None:
        """Give a component that ends the process when it is told the time some rest."""
        if not self._course.is_announced:
            forgive_ticks(self._around.storage)
        elif died.ticks:
            self._tick_pause_seconds = died.tick_pause_seconds
            _log.error(
                "ticks ended the process, %d are left out: no tick for %.0f s",
                died.ticks,
                died.tick_pause_seconds,
            )

    def _chart(self) -> Course:
        """Under what the records are replayed that are found in the inbox."""
        around, storage = self._around, self._around.storage
        snapshot = storage.snapshot
        present = Kept(around.fingerprint, around.plan.recipe, frozenset(self.components.views))
        return chart(
            storage.inbox,
            snapshot.inbox.end if snapshot is not None else storage.inbox.first_offset,
            snapshot.fingerprint if snapshot is not None else None,
            present,
            storage.state,
            partial(rebuild, around.plan, around.version, around.meter, self._shelf),
            lambda old: old.is_left_by(self.components.graph),
        )

    def _make_engine(self, stepper: Stepper) -> Engine:
        around, storage = self._around, self._around.storage
        return Engine(
            EngineParts(
                graph=self.components.graph,
                inbox=storage.inbox,
                outbox=storage.outbox,
                dead=storage.dead,
                keeper=self._keeper,
                stepper=stepper,
                budget=self._budget,
                clock=around.clock,
                fingerprint=around.plan.fingerprint,
                version=around.version,
                is_announced=self._course.is_announced,
                tick_pause_seconds=self._tick_pause_seconds,
                unproven=self._unproven(),
                proven=self._proven,
                ready=partial(around.ready, self.components),
                crashed=around.crashed,
                shelving=self._shelving,
            )
        )

    def _unproven(self) -> str:
        if self._around.storage.lost_tail:
            return "the machine went down, and with durability: os it may have lost records"
        return self._keeper.unproven

    def _proven(self) -> None:
        """The graph was told that its past cannot be proven: from here on it can."""
        storage = self._around.storage
        try:
            storage.inbox.sync_now()
        except (Incomplete, LogFailed) as error:
            _log.warning("all counters will begin at zero once more: %s", error)
        else:
            storage.save_boot(is_clean=False)

    def _make_courier(self, engine: Engine) -> Courier:
        around, storage = self._around, self._around.storage
        return Courier(
            CourierParts(
                exporters=self.components.exporters,
                queues={name: plan.queue for name, plan in around.plan.exporters.items()},
                outbox=storage.outbox,
                dead=storage.dead,
                state=storage.state,
                recent=storage.recent,
                saved=self._saved,
                keeper=self._keeper,
                books=around.books,
                clock=around.clock,
                meter=around.meter,
                budget=self._budget,
                mailbox=around.mailbox,
                draw=around.draw,
                crashed=around.crashed,
                is_settled=engine.is_settled,
                shares=self._shares,
                dead_max_age_seconds=around.plan.storage.dead_max_age_seconds,
            )
        )

    def _make_admission(self, engine: Engine) -> Admission:
        around = self._around
        return Admission(
            inbox=around.storage.inbox,
            budget=self._budget,
            known=self._known,
            shares=self._shares,
            clock=around.clock,
            meter=around.meter,
            mailbox=around.mailbox,
            is_open=lambda: engine.is_announced,
        )

    def _watch(self, courier: Courier, engine: Engine) -> None:
        around, storage = self._around, self._around.storage
        watched = Watched(
            books=around.books,
            budget=self._budget,
            clock=around.clock,
            graph=lambda: engine.graph,
            logs=storage.logs,
            state=storage.state,
            destinations=courier.destinations,
            pins=self._shelving.saved_pins if self._shelving is not None else Pins,
        )
        SelfMetrics(around.meter, watched)


async def _quietly(stopping: Awaitable[None]) -> None:
    """Stop one component; its failure must not keep the others from being stopped."""
    try:
        await stopping
    except Exception:  # noqa: BLE001 - told in the log, whatever it is
        _log.exception("a component did not stop as it should")
