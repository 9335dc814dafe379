"""Heartbeats of all agents over a stretch of steps, judged as the roster judges them.

Each agent's standing is the one that rosters and the collector use. It is asked tick by tick
around every change; where a tick leaves it as it was, the same ticks after it do as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.gameday.fleet.topology import AgentSpec
from alerts.gameday.virtual.chance import Chance
from alerts.gameday.virtual.meter import Steps
from alerts.gameday.virtual.posts import Post
from alerts.gameday.virtual.trouble import Agents
from collectors.instrument import MISSES, AgentState, CheckResult, Heartbeat, Role, Standing

_KEPT: Final = ("mas.agent.health_checks", "mas.agent.count", "mas.agent.restarts")


@dataclass(slots=True)
class _Place:
    """One agent on the roster; lives are counted from its first process, none heard yet is -1."""

    spec: AgentSpec
    standing: Standing
    life: int = 0
    heard: int = -1


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Ticks that came out alike: from `begin` on, before `end`."""

    begin: int
    end: int
    results: tuple[CheckResult, ...]
    state: AgentState


class Watch:
    """Everybody who should be there; counts with the platform's instruments."""

    def __init__(self, specs: Iterable[AgentSpec], platform: Post, loss: float) -> None:
        """Expect all `specs`; a share `loss` of their heartbeats never arrives."""
        self._places = [_Place(spec, Standing()) for spec in specs]
        self._platform = platform
        self._loss = loss
        for name, role in self._kinds():
            known = {"gen_ai.agent.name": (name,), "mas.agent.role": (role,)}
            for metric in _KEPT:
                platform.instruments.start_metric_at_zero(metric, known)

    def live(self, steps: int, wrong: Agents, chance: Chance) -> dict[CheckResult, Steps]:
        """A stretch goes by: count it, and how many ticks came out how in each step."""
        total: dict[CheckResult, Steps] = {}
        for name, role in self._kinds():
            states: dict[AgentState, Steps] = {}
            checks: dict[CheckResult, Steps] = {}
            labels = {"gen_ai.agent.name": name, "mas.agent.role": role}
            for place in self._places:
                if place.spec.name != name:
                    continue
                heard = self._heard(place, steps, wrong, chance)
                self._reborn(place, heard, labels)
                for one in _judged(place.standing, heard, _beat(place.spec, wrong)):
                    at = slice(one.begin, one.end)
                    states.setdefault(one.state, np.zeros(steps, np.intp))[at] += 1
                    for result in one.results:
                        checks.setdefault(result, np.zeros(steps, np.intp))[at] += 1
            for state in AgentState:
                found = states.get(state, np.zeros(1)).astype(np.float64)
                self._platform.level(
                    "mas.agent.count", found, {**labels, "mas.agent.state": state.value}
                )
            for result, counts in checks.items():
                self._platform.count(
                    "mas.agent.health_checks", counts, {**labels, "mas.check.result": result.value}
                )
                total[result] = total.get(result, np.zeros(steps, np.intp)) + counts
        return total

    def _kinds(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys((one.spec.name, one.spec.role.value) for one in self._places))

    def _heard(
        self, place: _Place, steps: int, wrong: Agents, chance: Chance
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """At which ticks a heartbeat has arrived."""
        key = place.spec.key
        if key in wrong.restarted:
            place.life += 1
        heard = chance.of(f"{key}/heartbeat").random(steps) >= self._loss
        if key in wrong.muted | wrong.killed:
            heard[:] = False
        if key in wrong.lost_beats:
            heard[0] = False
        return heard

    def _reborn(
        self,
        place: _Place,
        heard: np.ndarray[tuple[int], np.dtype[np.bool_]],
        labels: dict[str, str],
    ) -> None:
        """A heartbeat of another life than the last one is a restart."""
        if not heard.any():
            return
        if place.heard not in (-1, place.life):
            born = np.zeros(len(heard), np.intp)
            born[int(heard.argmax())] = 1
            self._platform.count("mas.agent.restarts", born, labels)
        place.heard = place.life


def _beat(spec: AgentSpec, wrong: Agents) -> Heartbeat:
    return Heartbeat(
        name=spec.name,
        role=Role(spec.role.value),
        instance_id=spec.instance_id,
        healthy=spec.key not in wrong.wedged | wrong.unhealthy,
        draining=spec.key in wrong.draining,
    )


def _judged(
    standing: Standing, heard: np.ndarray[tuple[int], np.dtype[np.bool_]], beat: Heartbeat
) -> Iterator[_Stretch]:
    """Every tick, those together that come out alike."""
    steps = len(heard)
    changes = [*(np.flatnonzero(heard[1:] != heard[:-1]) + 1).tolist(), steps]
    step = 0
    for change in changes:
        while step < change:
            before = _at_rest(standing)
            results = tuple(standing.tick(beat if heard[step] else None))
            end = change if _at_rest(standing) == before else step + 1
            yield _Stretch(step, end, results, standing.state)
            step = end


def _at_rest(standing: Standing) -> tuple[int, AgentState, bool]:
    """All of a standing that decides how its next tick comes out, where one sign brings it back."""
    return min(standing.misses, MISSES + 1), standing.state, standing.drained
