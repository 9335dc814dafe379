"""How much each class of agents may do, decided from burn alerts alone.

Tightened at once, loosened slowly: a step only after the alerts have been quiet for a
while, and one step at a time, so that agents do not swing between running and standing
still. What nobody renews ends by itself. Pure: the time is an argument, and the same
notices at the same times give the same board.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alerts.throttle.notice import EVERYBODY, Notice

FREE = 1.0
"""No throttle: all of the usual rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a firing burn alert allows, and how fast that is given back.

    Attributes:
        outage: Share of the usual rate while an outage tier fires, 0 to 1.
        page: The same for other pages.
        ticket: The same for tickets; 1 lets them pass.
        release_seconds: How long all must be quiet before each step back.
        expire_seconds: How long an alert counts that nobody repeats or ends.
        max_classes: Classes of agents that are kept apart; more are refused.
        page_severity: What the label `severity` of a page says.
    """

    outage: float = 0.1
    page: float = 0.5
    ticket: float = FREE
    release_seconds: float = 600.0
    expire_seconds: float = 10_800.0
    max_classes: int = 1_000
    page_severity: str = "page"

    def __post_init__(self) -> None:
        for name in ("outage", "page", "ticket"):
            if not 0 <= getattr(self, name) <= FREE:
                msg = f"{name} must be a share from 0 to 1, got {getattr(self, name)}"
                raise ValueError(msg)
        if not self.outage <= self.page <= self.ticket:
            msg = "an outage must allow at most what a page allows, and that what a ticket does"
            raise ValueError(msg)

    def of(self, notice: Notice) -> float:
        """What `notice` allows while it fires."""
        if notice.severity != self.page_severity:
            return self.ticket
        return self.outage if notice.tier == "outage" else self.page

    def next_up(self, limit: float) -> float:
        """The next looser step."""
        return min(step for step in (self.page, self.ticket, FREE) if step > limit)


@dataclass(frozen=True, slots=True)
class Change:
    """A class may do more or less than before.

    Attributes:
        because: The alerts that ask for it, empty when it is given back.
    """

    agent: str
    before: float
    after: float
    because: tuple[str, ...]


@dataclass(slots=True)
class _Class:
    """One class of agents.

    Attributes:
        firing: What each alert allows, and when it expires.
        quiet_since: Since when the alerts allow more than the limit.
    """

    firing: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    limit: float = FREE
    since: float = 0.0
    quiet_since: float | None = None


class FullError(ValueError):
    """More classes than are kept apart."""


class Board:
    """The limits of all classes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._classes: dict[str, _Class] = {}

    def take(self, notices: Iterable[Notice], now: float) -> list[Change]:
        """Take in notices that arrived at `now`, seconds since 1970 and never going back.

        Raises:
            FullError: A new class is one too many; nothing of `notices` was taken.
        """
        changes = self.advance(now)
        listed = list(notices)
        self.check(listed)
        for notice in listed:
            limit = self._limits.of(notice)
            if notice.firing and limit < FREE:
                found = self._classes.setdefault(notice.agent, _Class(since=now))
                found.firing[notice.key] = (limit, now + self._limits.expire_seconds)
            elif notice.agent in self._classes:
                self._classes[notice.agent].firing.pop(notice.key, None)
        return changes + self.advance(now)

    def check(self, notices: Iterable[Notice]) -> None:
        """Raise FullError where `notices` would bring a class too many."""
        new = {each.agent for each in notices if each.firing} - self._classes.keys()
        if len(new) + len(self._classes) > self._limits.max_classes:
            msg = f"at most {self._limits.max_classes} classes of agents are kept apart"
            raise FullError(msg)

    def advance(self, now: float) -> list[Change]:
        """Let time pass until `now`: expire, tighten and loosen."""
        changes = [
            change
            for agent, found in sorted(self._classes.items())
            for moment in (*_expiries(found, now), now)
            for change in self._settle(agent, found, moment)
        ]
        idle = [a for a, each in self._classes.items() if not each.firing and each.limit == FREE]
        for agent in idle:
            del self._classes[agent]
        return changes

    def limits(self) -> Mapping[str, tuple[float, float, tuple[str, ...]]]:
        """For each throttled class: its own limit, since when, and the alerts that fire."""
        return {
            agent: (each.limit, each.since, tuple(sorted(each.firing)))
            for agent, each in sorted(self._classes.items())
        }

    def limit(self, agent: str) -> float:
        """What `agent` may do: the tighter one of its own limit and everybody's."""
        found = (self._classes.get(name) for name in (agent, EVERYBODY))
        return min((each.limit for each in found if each is not None), default=FREE)

    def _settle(self, agent: str, found: _Class, now: float) -> Iterable[Change]:
        """What came of the alerts until `now`, then what comes of those that are left."""
        yield from self._follow(agent, found, now)
        found.firing = {key: each for key, each in found.firing.items() if each[1] > now}
        yield from self._follow(agent, found, now)

    def _follow(self, agent: str, found: _Class, now: float) -> Iterable[Change]:
        wanted = min((limit for limit, _ in found.firing.values()), default=FREE)
        if wanted < found.limit:
            yield self._set(agent, found, wanted, now)
        if wanted <= found.limit:
            found.quiet_since = None
            return
        if found.quiet_since is None:
            found.quiet_since = now
        while wanted > found.limit and now - found.quiet_since >= self._limits.release_seconds:
            found.quiet_since += self._limits.release_seconds
            step = min(wanted, self._limits.next_up(found.limit))
            yield self._set(agent, found, step, found.quiet_since)
        if wanted <= found.limit:  # what is quiet from now on is another quiet
            found.quiet_since = None

    def _set(self, agent: str, found: _Class, limit: float, at: float) -> Change:
        change = Change(agent, found.limit, limit, tuple(sorted(found.firing)))
        found.limit, found.since = limit, at
        return change


def _expiries(found: _Class, now: float) -> list[float]:
    """When alerts expired until `now`: whoever asks late sees what came of it at the time."""
    return sorted({expires for _, expires in found.firing.values() if expires <= now})
