"""Who was told of an incident and who was not, and why. Pure.

The way of each alert is followed through time as Alertmanager would have gone it: who it is
for, what silenced it meanwhile, the hours of its team.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.incidents.alertmanager import Silence, State
from alerts.incidents.past import Episode
from alerts.routing.count import (
    NOT_PEOPLE,
    Opened,
    Stretch,
    Told,
    fires,
    gathered,
    leaves,
)
from alerts.routing.simulate import Delivery, deliveries, inhibitors
from alerts.routing.tree import Routing, all_match
from alerts.routing.who import closed


@dataclass(frozen=True, slots=True)
class Quiet:
    """An alert that was told to nobody, or later than it would have been.

    Attributes:
        at: When it would have left, seconds since 1970.
        reasons: What kept it silent then.
    """

    episode: Episode
    at: float
    receiver: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """What Alertmanager has to say of one incident.

    Attributes:
        told: The notifications that it opened.
        quiet: What stayed silent when it would have left.
        silences: Those of people that touch the incident.
        routed: Whether the ways could be followed; else why not.
    """

    told: tuple[Opened, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    silences: tuple[Silence, ...] = ()
    why: str = ""


def notices(
    state: State, incident: Sequence[Episode], every: Sequence[Episode], until: float
) -> Notices:
    """What became of the alerts of `incident`.

    Args:
        state: What Alertmanager said.
        incident: Some of `every`.
        every: All that fired meanwhile: any of them may have silenced another.
        until: When nobody looked any more.
    """
    added = state.external(frozenset(name for each in every for name in each.labels))
    stretches = {
        _key(each): Stretch({**added, **each.labels}, each.starts, each.ends) for each in every
    }
    touching = tuple(
        silence
        for silence in sorted(state.silences, key=lambda each: (each.starts, each.told()))
        if any(_touches(silence, stretches[_key(each)], until) for each in incident)
    )
    if state.routing is None:
        return Notices(silences=touching, why=state.why)
    told: list[Told] = []
    quiet: list[Quiet] = []
    for episode in incident:
        one = stretches[_key(episode)]
        for way in deliveries(state.routing, one.labels):
            if way.receiver in NOT_PEOPLE:
                continue
            path = _Path(state.routing, way, one, tuple(stretches.values()), touching)
            at = path.leaves(until)
            if at is not None and at <= until:
                told.append(Told(way, one.labels, at))
            if (wish := path.wish()) != at and wish < (one.end or until):
                quiet.append(Quiet(episode, wish, way.receiver, path.reasons(wish)))
    return Notices(gathered(told), tuple(quiet), touching)


def _key(episode: Episode) -> tuple[object, ...]:
    return (*sorted(episode.labels.items()), episode.starts)


@dataclass(frozen=True, slots=True)
class _Path:
    """One way of one alert through time."""

    routing: Routing
    way: Delivery
    one: Stretch
    around: tuple[Stretch, ...]
    silences: tuple[Silence, ...]

    def wish(self) -> float:
        """When it would leave, were nothing in the way."""
        alone = leaves(self.routing, self.way, Stretch(self.one.labels, self.one.start, None), ())
        return self.one.start if alone is None else alone

    def leaves(self, until: float) -> float | None:
        """When it left."""

        def held(at: float) -> bool:
            return any(self._held(at))

        return leaves(self.routing, self.way, self.one, self.around, held, until)

    def reasons(self, at: float) -> tuple[str, ...]:
        """What kept it silent at `at`."""
        firing = [each.labels for each in self.around if each is not self.one and fires(each, at)]
        by = {
            " ".join(filter(None, (other.get("alertname"), other.get("slo_tier"))))
            for _, other in inhibitors(self.routing, self.one.labels, firing)
        }
        return (*(f"{name} fires" for name in sorted(by)), *self._held(at))

    def _held(self, at: float) -> Iterator[str]:
        why = closed(self.routing, self.way, datetime.fromtimestamp(at, UTC))
        if why:
            yield why
        for silence in self.silences:
            if silence.holds(self.one.labels, at):
                yield f"silenced by {silence.by or 'somebody'}: {silence.comment or 'no comment'}"


def _touches(silence: Silence, one: Stretch, until: float) -> bool:
    end = until if one.end is None else one.end
    return (
        silence.starts <= end
        and one.start < silence.ends
        and all_match(silence.matchers, one.labels)
    )
