"""From the start to the stop of a process, through any number of configurations.

A new configuration takes over where the old one stood: the old one takes nothing new, comes
to the end of the inbox, hears the answers to what it has sent and saves; the new one begins
there. Who connects or sends meanwhile waits for the new one. A new configuration that cannot
be leaves the old one running; one that cannot start gives it back its place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from collectors.component import StartError
from collectors.net.listen import exchange
from collectors.service.plan import ServicePlan
from collectors.service.runtime import Service

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reload:
    """How a new configuration is asked for.

    Attributes:
        asked: Set when it is.
        plan: Reads it; None if it is wrong, which was told then.
    """

    asked: asyncio.Event
    plan: Callable[[], ServicePlan | None]


async def run(
    plan: ServicePlan, *, stop: asyncio.Event, version: str = "", reload: Reload | None = None
) -> None:
    """Run `plan` until `stop` is set, then drain and end.

    Raises:
        StartError: It cannot run; one line says why.
    """
    service = await _start(plan, version)
    while await _until_asked(service, stop, reload):
        if reload is None:
            return
        reload.asked.clear()
        new = await asyncio.to_thread(reload.plan)
        if new is None:
            continue
        if reason := _why_not(plan, new):
            _log.error("reload: %s; the old configuration goes on", reason)
            continue
        service, plan = await _replace(service, plan, new, version)


async def _until_asked(service: Service, stop: asyncio.Event, reload: Reload | None) -> bool:
    """Wait until a new configuration is asked for; False once the service was stopped."""
    waits = {
        asyncio.create_task(stop.wait()),
        crashing := asyncio.create_task(service.crashed()),
    }
    asking = asyncio.create_task(reload.asked.wait()) if reload is not None else None
    is_asked = False
    try:
        await asyncio.wait(
            waits | {asking} if asking is not None else waits, return_when=asyncio.FIRST_COMPLETED
        )
        if crashing.done():
            crashing.result()
        is_asked = asking is not None and asking.done() and not stop.is_set()
    finally:
        for task in (*waits, *((asking,) if asking is not None else ())):
            task.cancel()
        if not is_asked:
            await service.stop()
    return is_asked


def _why_not(old: ServicePlan, new: ServicePlan) -> str:
    """Why `new` cannot take over from `old`; empty if it can."""
    if new.storage.directory != old.storage.directory:
        return f"the data stays in {old.storage.directory}: restart to move it"
    if new.fingerprint == old.fingerprint:
        return "nothing has changed"
    return ""


async def _replace(
    service: Service, old: ServicePlan, new: ServicePlan, version: str
) -> tuple[Service, ServicePlan]:
    began = time.monotonic()
    async with exchange():
        await service.stop(drain=False)
        try:
            started = await _start(new, version)
        except Exception as error:  # noqa: BLE001 - whatever a component says as it is made
            unforeseen = None if isinstance(error, StartError) else error
            _log.error("reload: %s; the old configuration goes on", error, exc_info=unforeseen)
            return await _start(old, version), old
    _log.info("reload: the new configuration took over in %.1f s", time.monotonic() - began)
    return started, new


async def _start(plan: ServicePlan, version: str) -> Service:
    service = Service(plan, version=version)
    await service.start()
    _log.info(
        "ready: receivers %s, exporters %s, own metrics %s, data in %s",
        ", ".join(sorted(plan.receivers)),
        ", ".join(sorted(plan.exporters)),
        f"{plan.telemetry.metrics_host}:{service.metrics_port}" if service.metrics_port else "off",
        plan.storage.directory,
    )
    return service
