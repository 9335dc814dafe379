"""For receivers that fetch: does it every so often, and hands over what was fetched.

What the intake refuses is offered again until the next turn; then it is counted as refused,
and the newer reading takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from collectors.component import Context, Intake, Refused, Rejected, Signal
from collectors.net.counts import ReceiverCounts

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One turn's result: a metrics request."""

    payload: bytes
    items: int


class Periodic:
    """Calls `fetch` every `interval_seconds`, beginning at a time that `name` decides."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[Fetched]],
        intake: Intake,
        context: Context,
        counts: ReceiverCounts,
    ) -> None:
        """Nothing is fetched yet.

        Args:
            name: What is fetched from, for log lines; spreads the first turns.
            fetch: Gets one request, or raises OSError where there is nothing to be had.
            intake: Takes it.
            context: Said of every request.
            counts: Counts what was refused or rejected.
        """
        self._name = name
        self._fetch = fetch
        self._intake = intake
        self._context = context
        self._counts = counts
        self._task: asyncio.Task[None] | None = None

    def start(self, interval_seconds: float, delay_seconds: float | None = None) -> None:
        """Begin after `delay_seconds`; None spreads over the first interval, by name."""
        if delay_seconds is None:
            delay_seconds = zlib.crc32(self._name.encode()) / 2**32 * interval_seconds
        self._task = asyncio.create_task(self._run(interval_seconds, delay_seconds))

    async def stop(self) -> None:
        """End. Safe without start and twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, interval: float, delay: float) -> None:
        turn = time.monotonic() + delay
        while True:
            await asyncio.sleep(max(turn - time.monotonic(), 0.0))
            # Turns that were missed are not made up for.
            turn = max(turn + interval, time.monotonic())
            try:
                fetched = await self._fetch()
                if fetched.items:
                    await self._hand_over(fetched, turn)
            except Exception:  # noqa: BLE001 - the next turn may go better
                _log.exception("%s: nothing could be read, or handed over", self._name)

    async def _hand_over(self, fetched: Fetched, until: float) -> None:
        now_ns = time.time_ns()
        while True:
            try:
                await self._intake.submit(
                    Signal.METRICS, fetched.payload, fetched.items, self._context, (now_ns, now_ns)
                )
            except Refused as answer:
                if time.monotonic() + answer.retry_after_seconds >= until:
                    self._counts.refused(Signal.METRICS, fetched.items)
                    _log.warning("%s: not taken: %s", self._name, answer.reason)
                    return
                await asyncio.sleep(answer.retry_after_seconds)
            except Rejected as answer:
                self._counts.rejected(Signal.METRICS, "rejected", fetched.items)
                _log.warning("%s: not taken: %s", self._name, answer.reason)
                return
            else:
                return
