"""The throttle at work: notices in, the ledger first, then the board; signed answers out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerts.throttle.board import FREE, Board, Change
from alerts.throttle.ledger import Entry, Ledger
from alerts.throttle.notice import EVERYBODY, Notice, read
from slo.catalog import Metric as Declared
from slo.catalog import metrics

VALID_SECONDS: Final = 60.0
"""How long an agent may go by an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What the answers are for.

    Attributes:
        enforce: Agents are told the limits; otherwise they are told to run free, and the
            limits stand beside that as recommendations.
        kill_switch: While this file exists everybody runs free, whatever burns.
        slos: Only these budgets count; all where it is empty.
    """

    enforce: bool = False
    kill_switch: Path | None = None
    slos: frozenset[str] = frozenset()

    def killed(self) -> bool:
        """Whether somebody has pulled the switch; one that cannot be looked at counts as pulled."""
        try:
            return self.kill_switch is not None and self.kill_switch.exists()
        except OSError:
            return True

    def counts(self, notice: Notice) -> bool:
        """Whether `notice` may throttle anybody."""
        return not self.slos or notice.budget.partition("/")[0] in self.slos


class Throttle:
    """One board with its ledger. What an answer says, the ledger explains."""

    def __init__(
        self, board: Board, ledger: Ledger, mode: Mode, clock: Callable[[], float]
    ) -> None:
        """Go on where the ledger ends; `clock` tells seconds since 1970."""
        self._board, self._ledger, self._mode, self._clock = board, ledger, mode, clock
        self._lock = asyncio.Lock()
        self._last = 0.0
        self._killed = False
        self._counts = {"accepted": 0, "refused": 0, "changes": 0, "ledger_failures": 0}
        for entry in ledger.past():
            self._again(entry)

    async def take(self, body: bytes) -> None:
        """Take in a notification; it is in the ledger when this returns.

        Raises:
            BadNoticeError: It is none.
            FullError: It brings a class of agents too many.
            OSError: The ledger cannot be written; nothing was taken.
        """
        async with self._lock:
            try:
                notices = [notice for notice in read(body) if self._mode.counts(notice)]
                self._board.check(notices)
                now = self._now()
                if notices:
                    told = [_fields(notice) for notice in notices]
                    await self._write({"event": "notices", "at": now, "notices": told})
            except (ValueError, OSError):
                self._counts["refused"] += 1
                raise
            self._counts["accepted"] += 1
            await self._tell(self._board.take(notices, now), now)

    async def advance(self) -> None:
        """Let time pass, and look at the kill switch."""
        async with self._lock:
            now = self._now()
            await self._tell(self._board.advance(now), now)
            killed = self._mode.killed()
            if killed != self._killed:
                self._killed = killed
                await self._note({"event": "kill switch", "at": now, "on": killed})

    async def begin(self) -> None:
        """Note in the ledger that, and how, this process begins."""
        self._killed = self._mode.killed()
        now = self._now()
        begin: Entry = {"event": "begin", "at": now, "mode": self.mode, "on": self._killed}
        async with self._lock:
            await self._write(begin)

    @property
    def mode(self) -> str:
        """``enforce``, ``dry-run`` or ``killed``."""
        if self._killed:
            return "killed"
        return "enforce" if self._mode.enforce else "dry-run"

    def whole(self) -> bytes:
        """The answer on all classes, as JSON."""
        classes = {
            agent: {**self._shares(agent), "since": since, "because": list(because)}
            for agent, (_, since, because) in self._board.limits().items()
        }
        return self._answer({"classes": classes, "everybody": self._shares(EVERYBODY)})

    def one(self, agent: str) -> bytes:
        """The answer for one class of agents, as JSON."""
        return self._answer({"agent": agent, **self._shares(agent)})

    def collect(self) -> Iterator[Metric]:
        """The same as metrics of Prometheus, as the catalogue declares them."""
        limit, wanted, mode = (
            _gauge(name) for name in ("limit.ratio", "recommended.ratio", "mode")
        )
        for agent in (EVERYBODY, *(name for name in self._board.limits() if name != EVERYBODY)):
            shares = self._shares(agent)
            limit.add_metric([agent], shares["limit"])
            wanted.add_metric([agent], shares["recommended"])
        for name in _declared("mode").labels["mode"].values:
            mode.add_metric([name], float(name == self.mode))
        yield from (limit, wanted, mode)
        for name, count in self._counts.items():
            entry = _declared(name)
            yield CounterMetricFamily(entry.prometheus, entry.meaning, value=count)

    def _shares(self, agent: str) -> dict[str, float]:
        wanted = self._board.limit(agent)
        return {"limit": wanted if self.mode == "enforce" else FREE, "recommended": wanted}

    def _answer(self, told: dict[str, object]) -> bytes:
        head = {"mode": self.mode, "issued_at": self._now(), "valid_seconds": VALID_SECONDS}
        return json.dumps({**head, **told}, sort_keys=True).encode() + b"\n"

    def _now(self) -> float:
        """The time, which does not go back when the clock does."""
        self._last = max(self._last, self._clock())
        return self._last

    async def _tell(self, changes: Iterable[Change], now: float) -> None:
        for change in changes:
            self._counts["changes"] += 1
            await self._note(
                {
                    "event": "change",
                    "at": now,
                    "agent": change.agent,
                    "before": change.before,
                    "after": change.after,
                    "because": list(change.because),
                    "mode": self.mode,
                }
            )

    async def _note(self, entry: Entry) -> None:
        """Write what follows from earlier entries: it may be missing, but not unseen."""
        try:
            await self._write(entry)
        except OSError:
            self._counts["ledger_failures"] += 1

    async def _write(self, entry: Entry) -> None:
        await asyncio.to_thread(self._ledger.add, entry)

    def _again(self, entry: Entry) -> None:
        """Do what `entry` did, at the time it did it."""
        at = entry.get("at")
        if isinstance(at, int | float):
            self._last = max(self._last, float(at))
        if entry.get("event") == "notices":
            told = cast("list[dict[str, str | bool]]", entry["notices"])
            self._board.take([Notice(**each) for each in told], self._last)  # type: ignore[arg-type]  # the signature vouches for the form


def _declared(name: str) -> Declared:
    return metrics().metric(f"fleetslo.throttle.{name}")


def _gauge(name: str) -> GaugeMetricFamily:
    entry = _declared(name)
    return GaugeMetricFamily(entry.prometheus, entry.meaning, labels=list(entry.labels))


def _fields(notice: Notice) -> dict[str, str | bool]:
    return {
        "agent": notice.agent,
        "budget": notice.budget,
        "tier": notice.tier,
        "severity": notice.severity,
        "firing": notice.firing,
    }
