"""One process of the fleet: ``python -m alerts.gameday.fleet.member``, told all on stdin."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable
from typing import Final

from alerts.gameday.fleet import clock, frames  # the clock first: see there
from alerts.gameday.fleet.actor import Actor, Desk
from alerts.gameday.fleet.charge import Charge, Orders, say
from alerts.gameday.fleet.conditions import Conditions
from alerts.gameday.fleet.frames import Body
from alerts.gameday.fleet.guards import PolicyAgent, RemediationAgent
from alerts.gameday.fleet.line import Line, LineClosedError
from alerts.gameday.fleet.orchestrator import Orchestrator
from alerts.gameday.fleet.outlet import Outlet, exporters
from alerts.gameday.fleet.platform import Platform
from alerts.gameday.fleet.providers import serve_all
from alerts.gameday.fleet.repertoire import identity, speaks
from alerts.gameday.fleet.supervisor import Supervisor
from alerts.gameday.fleet.topology import LLM, PLATFORM, Protocol, Role
from alerts.gameday.fleet.truth import Truth
from alerts.gameday.fleet.voice import ForeignAgent, dialect_of
from alerts.gameday.fleet.worker import Worker

ROLES: Final[dict[Role, type[Actor]]] = {
    Role.ORCHESTRATOR: Orchestrator,
    Role.SUPERVISOR: Supervisor,
    Role.WORKER: Worker,
    Role.POLICY: PolicyAgent,
    Role.REMEDIATION: RemediationAgent,
}
_COMPLAINT_SECONDS: Final = 5.0


class Complaints(logging.Handler):
    """Tells the one who started us that telemetry does not get through, now and then."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, unless something was said a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _COMPLAINT_SECONDS
            say("telemetry-lost", text=record.getMessage())


async def run(charge: Charge, orders: Orders) -> None:
    """Do what `charge` says until the orders end."""
    conditions = Conditions(set_clock=clock.set_ahead)
    if charge.name == LLM:
        work: Awaitable[None] = serve_all(charge.broker_port, charge.traffic, conditions)
        say("ready")
        await _until_told(orders, conditions.obey, work)
        return
    spec = charge.process()
    protocol = Protocol.GRPC if spec is None else spec.protocol
    outlet = Outlet(exporters(protocol, charge.grpc, charge.http), charge.push_seconds)
    try:
        if charge.name == PLATFORM:
            await _run_platform(charge, outlet, conditions, orders)
        else:
            await _run_agents(charge, outlet, conditions, orders)
    finally:
        await asyncio.to_thread(outlet.close)


async def _run_platform(
    charge: Charge, outlet: Outlet, conditions: Conditions, orders: Orders
) -> None:
    platform = Platform(outlet, charge.topology, charge.traffic, conditions)

    def obey(command: Body) -> None:
        if frames.text(command, "do") == "publish-policy":
            platform.publish_policy()
        else:
            conditions.obey(command)

    say("ready", port=await platform.broker.start())
    await _until_told(orders, obey, platform.run())
    say("truth", counts={**platform.truth.counts()})
    await platform.broker.stop()


async def _run_agents(
    charge: Charge, outlet: Outlet, conditions: Conditions, orders: Orders
) -> None:
    spec = charge.process()
    if spec is None:
        msg = f"no process of the fleet is called {charge.name!r}"
        raise ValueError(msg)
    actors: list[Actor] = []
    truth = Truth()
    truth.add("loops/repetition", 0)
    for member in spec.agents:
        line = await Line.open(charge.broker_port)
        dialect = dialect_of(member, charge.topology, charge.dialect, charge.traffic.seed)
        agent = outlet.open(identity(member), speaks(member), dialect)
        desk = Desk(member, line, agent, charge.traffic, conditions, truth)
        actors.append(ROLES[member.role](desk))
    say("ready")
    await _until_told(orders, conditions.obey, _all(actors))
    for actor in actors:
        await actor.leave()
        if isinstance(actor.agent, ForeignAgent):
            truth.add_told(actor.agent.speaker.truth)
    say("truth", counts={**truth.counts()})


async def _all(actors: list[Actor]) -> None:
    async with asyncio.TaskGroup() as group:
        for actor in actors:
            group.create_task(actor.live())


async def _until_told(orders: Orders, obey: frames.Obey, work: Awaitable[None]) -> None:
    """Work until the orders end; a broken line to the broker ends it as well."""
    working = asyncio.ensure_future(work)
    listening = asyncio.create_task(orders.obey(obey))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, listening.cancel)
    await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, listening):
        if task.done() and not task.cancelled() and task.exception() is not None:
            error = task.exception()
            say("failed", text=f"{type(error).__name__}: {error}")
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError, LineClosedError, Exception):
        await working


async def main() -> None:
    """Read the charge and live by it."""
    logging.getLogger("opentelemetry").addHandler(Complaints())
    logging.getLogger("opentelemetry").propagate = False
    orders = await Orders.open()
    charge = await orders.charge()
    if charge is not None:
        await run(charge, orders)


if __name__ == "__main__":
    asyncio.run(main())
