"""What the daemon tells about itself when it is asked, and where it is asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import psutil
from aiohttp import web

from collectors.component import Signal
from collectors.graph import COUNTED, LEDGER, Graph
from collectors.log import SIGNALS, Log
from collectors.service import names
from collectors.service.books import Books
from collectors.service.budget import Budget
from collectors.service.clock import Clock
from collectors.service.delivery import Destination
from collectors.service.meter import CONTENT_TYPE, SelfMeter, exposition
from collectors.service.plan import ServicePlan
from collectors.service.state import StateFiles
from collectors.service.storage import HELD, INBOX, LOGS, OUTBOX, STATE, WAITING_LOGS
from collectors.waiting import Pins

INTAKE_OUTCOMES = ("accepted", "duplicate", "refused", "rejected", "lost")
DELIVERY_OUTCOMES = ("delivered", "dead_lettered", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is looked at for each scrape.

    Attributes:
        logs: Inbox, outbox, dead letters, and what else there is.
        state: The files beside them.
        pins: The oldest of what waits on disk.
    """

    books: Books
    budget: Budget
    clock: Clock
    graph: Callable[[], Graph]
    logs: Sequence[Log]
    state: StateFiles
    destinations: Sequence[Destination]
    pins: Callable[[], Pins] = Pins


class SelfMetrics:
    """Sets, before each scrape, what is looked at rather than counted."""

    def __init__(self, meter: SelfMeter, watched: Watched) -> None:
        self._meter = meter
        self._watched = watched
        self._process = psutil.Process()
        self._began = time.monotonic()
        meter.before_collect(self.refresh)

    def refresh(self) -> None:
        """Bring the gauges up to date."""
        self._balances()
        self._logs()
        self._queues()
        self._pipelines()
        self._connectors()
        self._machine()

    def _balances(self) -> None:
        for signal in SIGNALS:
            balance = self._watched.books.balance(signal)
            self._meter.set(names.IMBALANCE, balance.imbalance, signal=signal)
            self._meter.set(names.BUFFERED, balance.buffered, signal=signal)

    def _logs(self) -> None:
        watched = self._watched
        self._meter.set(names.DISK_BUDGET, watched.budget.limit_bytes)
        self._meter.set(names.LOG_BYTES, watched.state.size_bytes, log=STATE)
        needed = self._needed()
        for log in watched.logs:
            self._meter.set(names.LOG_BYTES, log.size_bytes, log=log.name)
            oldest = log.oldest_wall_ns(needed.get(log.name, log.first_offset))
            age = 0.0 if oldest is None else (watched.clock.wall_ns() - oldest) / 1e9
            self._meter.set(names.LOG_AGE, max(0.0, age), log=log.name)
            for signal in SIGNALS:
                missing = log.missing_items(signal)
                self._meter.set(names.MISSING, missing, log=log.name, signal=signal)

    def _needed(self) -> Mapping[str, int]:
        """From which offset on somebody needs the records of a log, if not all of them."""
        watched, pins = self._watched, self._watched.pins()
        unread, end = watched.books.progress().offset, sys.maxsize
        return {
            INBOX: unread if pins.inbox is None else min(unread, pins.inbox),
            OUTBOX: min((d.cursor.low for d in watched.destinations), default=end),
            HELD: end if pins.held is None else pins.held,
        }

    def _queues(self) -> None:
        for destination in self._watched.destinations:
            records, _ = self._watched.books.waiting(destination.name)
            name = destination.name
            self._meter.set(names.QUEUE_SIZE, records, exporter=name)
            limit = self._watched.budget.limit_bytes
            self._meter.set(names.QUEUE_CAPACITY, limit, exporter=name)
            self._meter.set(names.IN_FLIGHT, destination.in_flight, exporter=name)

    def _pipelines(self) -> None:
        graph, known = self._watched.graph(), self._watched.books.progress().pipelines
        for name, pipeline in graph.pipelines.items():
            ledger = pipeline.ledger
            for outcome, items in (
                ("sampled_out", ledger.sampled_out),
                ("filtered", ledger.filtered),
                ("aggregated", ledger.aggregated),
                ("lost", ledger.lost),
            ):
                self._meter.set(
                    names.ITEMS,
                    items,
                    signal=pipeline.wiring.signal,
                    pipeline=name,
                    outcome=outcome,
                )
            # As the graph's thread published it: components are asked in no other one.
            _, _, held = known.get(LEDGER + name, (pipeline.wiring.signal, 0, 0))
            decided = ledger.entered - held
            ratio = 1.0 - ledger.sampled_out / decided if decided else 1.0
            self._meter.set(names.SAMPLING, ratio, pipeline=name)
            if graph.waits_in(name):
                self._meter.set(names.DECIDED_EARLY, ledger.early, pipeline=name)

    def _connectors(self) -> None:
        graph = self._watched.graph()
        for node in graph.nodes():
            if node.is_connector:
                ledger = asdict(graph.ledger(node.name))
                for outcome in ("entered", "out", *COUNTED):
                    self._meter.set(
                        names.CONNECTED, ledger[outcome], connector=node.name, outcome=outcome
                    )

    def _machine(self) -> None:
        times = self._process.cpu_times()
        self._meter.set(names.UPTIME, time.monotonic() - self._began)
        self._meter.set(names.CPU, times.user + times.system)
        self._meter.set(names.MEMORY, self._process.memory_info().rss)


class MetricsPage:
    """Answers scrapes of the daemon's own metrics."""

    def __init__(self, meter: SelfMeter) -> None:
        self._meter = meter

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The page at ``/metrics``."""
        if request.path != "/metrics":
            return web.Response(status=404, text="metrics are at /metrics\n")
        body = exposition(self._meter.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


def begin_at_zero(meter: SelfMeter, plan: ServicePlan) -> None:
    """Make every counter exist whose labels the plan tells."""
    for signal in SIGNALS:
        for outcome in INTAKE_OUTCOMES:
            meter.add(names.ITEMS, 0, signal=signal, outcome=outcome)
        meter.observe(names.LAG, 0.0, 0, signal=signal)
        meter.add(names.AHEAD, 0, signal=signal)
    _logs_at_zero(meter, plan)
    for identity, signals in _signals(plan).items():
        for signal in sorted(signals):
            _component_at_zero(meter, plan, identity, signal)
    for name, pipeline in plan.pipelines.items():
        for exporter in pipeline.exporters:
            if exporter in plan.exporters:
                for outcome in DELIVERY_OUTCOMES:
                    meter.add(
                        names.ITEMS,
                        0,
                        signal=pipeline.signal,
                        pipeline=name,
                        exporter=exporter,
                        outcome=outcome,
                    )


def _logs_at_zero(meter: SelfMeter, plan: ServicePlan) -> None:
    waits = any(plan.waits_in(name) for name in plan.pipelines)
    if waits:
        meter.add(names.DECISIONS_LEFT_OUT, 0)
    for log in (*LOGS, *(WAITING_LOGS if waits else ())):
        meter.observe(names.LOG_SYNC, 0.0, 0, log=log)


def _component_at_zero(meter: SelfMeter, plan: ServicePlan, identity: str, signal: Signal) -> None:
    if identity in plan.receivers:
        for transport in ("grpc", "http"):
            for verb in ("accepted", "refused"):
                name = names.receiver_counter(verb, signal)
                meter.add(name, 0, receiver=identity, transport=transport)
    if identity in plan.exporters:
        for verb in ("sent", "send_failed", "enqueue_failed"):
            meter.add(names.exporter_counter(verb, signal), 0, exporter=identity)
    if identity in plan.processors or identity in plan.connectors:
        meter.add(names.STEP_FAILURES, 0, component=identity)


def _signals(plan: ServicePlan) -> Mapping[str, set[Signal]]:
    """The signals of the pipelines that use each component."""
    found: dict[str, set[Signal]] = {}
    for pipeline in plan.pipelines.values():
        for identity in (*pipeline.receivers, *pipeline.processors, *pipeline.exporters):
            found.setdefault(identity, set()).add(pipeline.signal)
    return found


def signals_of(plan: ServicePlan, identity: str) -> tuple[Signal, ...]:
    """The signals of the pipelines that use `identity`, in order of name."""
    return tuple(sorted(_signals(plan).get(identity, ())))
