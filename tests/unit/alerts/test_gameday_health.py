"""The virtual roster judges a stretch at once as the real roster judges it tick by tick."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.gameday.fleet.topology import Topology
from alerts.gameday.virtual.chance import Chance
from alerts.gameday.virtual.health import Watch
from alerts.gameday.virtual.meter import Values, VirtualMeter
from alerts.gameday.virtual.posts import Post
from alerts.gameday.virtual.trouble import Agents
from collectors.instrument import Heartbeat, Role, Roster
from collectors.instrument.instruments import Instruments

STEPS, LOSS = 400, 0.3
SPECS = Topology(workers_per_team=2).agents()
TROUBLES = {
    "well": Agents(),
    "unwell": Agents(unhealthy={"worker-ops-1"}, wedged={"policy-agent-1"}),
    "leaving": Agents(draining={"worker-ops-1", "supervisor-data-1"}),
    "silent": Agents(muted={"worker-ops-1"}, killed={"orchestrator-1"}),
    "restarted": Agents(restarted={"worker-ops-1"}, lost_beats={"worker-data-1"}),
}


def fresh() -> tuple[Values, Instruments]:
    values = Values()
    return values, Instruments(VirtualMeter(values), {})


def told(values: Values) -> dict[object, float]:
    return {key: value for key, value in values.items() if value}


def tick_by_tick(stages: list[Agents]) -> dict[object, float]:
    values, instruments = fresh()
    roster, chance, lives = Roster(instruments), Chance(5), dict.fromkeys(SPECS, 0)
    for spec in SPECS:
        roster.expect(spec.key, spec.name, Role(spec.role.value))
    for wrong in stages:
        for spec in SPECS:
            lives[spec] += spec.key in wrong.restarted
        for step in range(STEPS):
            for spec in SPECS:
                luck = chance.of(f"{spec.key}/heartbeat").random()
                away = spec.key in wrong.muted | wrong.killed
                if luck < LOSS or away or (not step and spec.key in wrong.lost_beats):
                    continue
                beat = Heartbeat(
                    name=spec.name,
                    role=Role(spec.role.value),
                    instance_id=f"{spec.key}/{lives[spec]}",
                    healthy=spec.key not in wrong.wedged | wrong.unhealthy,
                    draining=spec.key in wrong.draining,
                )
                roster.hear(spec.key, beat)
            roster.tick()
    return told(values)


@pytest.mark.parametrize("second", list(TROUBLES))
def test_a_stretch_at_once_counts_what_the_roster_counts_tick_by_tick(second: str) -> None:
    stages = [TROUBLES["well"], TROUBLES[second], TROUBLES["well"]]
    values, instruments = fresh()
    post, chance = Post((), values, instruments, {}), Chance(5)
    watch = Watch(SPECS, post, LOSS)
    total = 0
    for wrong in stages:
        values.begin(STEPS)
        checks = watch.live(STEPS, wrong, chance)
        total += sum(int(np.sum(each)) for each in checks.values())

    assert told(values) == tick_by_tick(stages)
    assert total > STEPS * len(SPECS)
