"""The platform process: message queue, state store, policy store, and who watches the fleet.

It is the observer of the catalogue: what no agent can know of itself (whether it is
missing, whether two of them fight, how long a queue is) is counted here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.actor import POLICY_SET
from alerts.gameday.fleet.broker import Broker
from alerts.gameday.fleet.conditions import Conditions
from alerts.gameday.fleet.frames import Body
from alerts.gameday.fleet.lease import Lease
from alerts.gameday.fleet.orchestrator import ELECTION_GROUP
from alerts.gameday.fleet.outlet import Outlet
from alerts.gameday.fleet.repertoire import (
    POOLS,
    QUEUES,
    platform_identity,
    platform_own,
    platform_speaks,
)
from alerts.gameday.fleet.topology import Topology
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.fleet.truth import Truth
from collectors.instrument import (
    TICK_SECONDS,
    ConflictType,
    ContentionType,
    Deed,
    Deployer,
    Heartbeat,
    Ledger,
    Observer,
    RemediationClass,
    Role,
    RollbackTrigger,
    Roster,
    Tier,
    Verdict,
)

GAUGE_SECONDS: Final = 1.0
LEADER_SECONDS: Final = 30.0
_DAY: Final = 86_400.0
_SUBJECT_REQUESTS_PER_DAY: Final = 24.0
_REVISIONS_PER_DAY: Final = 24.0
_FIRST_REVISION_SECONDS: Final = 20.0
_SERVICES: Final = 2_000
"""So many that two agents hardly ever repair the same one within a minute, which is a conflict."""


class Platform:
    """What the agents rely on, and the observer that counts what they cannot."""

    def __init__(
        self, outlet: Outlet, topology: Topology, traffic: Traffic, conditions: Conditions
    ) -> None:
        self.broker = Broker()
        self.truth = Truth()
        for name in (*(f"conflicts/{kind.value}" for kind in ConflictType), "reversals", "gaps"):
            self.truth.add(name, 0)
        self._agent = outlet.open(platform_identity(), platform_own())
        watched = tuple(sorted({spec.name for spec in topology.agents()}))
        self._observer = Observer(self._agent.instruments, platform_speaks(), watched)
        self._deployer = Deployer(self._agent.instruments)
        self._roster = Roster(self._agent.instruments)
        self._traffic = traffic
        self._conditions = conditions
        self._rng = traffic.stream("platform")
        self._ledger = Ledger()
        self._lease = Lease()
        self._sequences: dict[str, int] = {}
        self._revisions: dict[str, int] = {}
        self._led: dict[str, float] = {}
        self._revision = 1
        self._published: float | None = None
        for spec in topology.agents():
            self._roster.expect(spec.key, spec.name, Role(spec.role.value))
        self.broker.serve("state-store", self._state_store)
        self.broker.serve("policy-store", self._policy_store)
        self.broker.listen("heartbeats", self._hear_heartbeat)
        self.broker.listen("audit", self._hear_action)
        self.broker.listen("pause", self._hear_pause)
        self.broker.listen("remediated", self._review)

    async def run(self) -> None:
        """Watch, until cancelled."""
        duties: tuple[Callable[[], Awaitable[None]], ...] = (
            self._tick,
            self._gauge,
            self._incidents,
            self._deployments,
            self._revise,
            self._subjects,
            self._rejects,
        )
        async with asyncio.TaskGroup() as group:
            for duty in duties:
                group.create_task(_forever(duty))

    def publish_policy(self) -> None:
        """A new revision of the policies is out; everybody is told."""
        self._revision += 1
        self._published = time.monotonic()
        self.broker.publish("policy", {"revision": self._revision})
        told = {"mas.policy.name": POLICY_SET, "mas.policy.version": str(self._revision)}
        self._agent.log.info("policy published", extra={**told, "mas.policy.published": True})

    def _state_store(self, request: Body) -> Body:
        if frames.text(request, "op") != "acquire":
            return {"state": "up"}
        grant = self._lease.acquire(frames.text(request, "candidate"), time.monotonic())
        return {"leads": grant.leads, "epoch": grant.epoch, "elected": grant.elected}

    def _policy_store(self, request: Body) -> Body:
        return {"state": "up", "revision": self._revision, "asked": frames.text(request, "op")}

    def _hear_heartbeat(self, said: Body) -> None:
        place = frames.text(said, "place")
        beat = Heartbeat.from_json(frames.text(said, "beat"))
        self._roster.hear(place, beat)
        revision = int(frames.number(said, "policy"))
        before, self._revisions[place] = self._revisions.get(place, revision), revision
        if self._published is not None and before != revision == self._revision:
            self._observer.propagated(POLICY_SET, time.monotonic() - self._published)
        if beat.leads:
            self._led[place] = time.monotonic()

    def _hear_pause(self, order: Body) -> None:
        self._roster.quarantine(frames.text(order, "agent"), on=frames.flag(order, "paused"))

    def _hear_action(self, record: Body) -> None:
        kind = frames.text(record, "kind")
        agent = frames.text(record, "agent")
        deed = Deed(
            agent=agent,
            kind=kind,
            target=frames.text(record, "target"),
            value=frames.text(record, "value"),
            key=frames.text(record, "key"),
            epoch=int(frames.number(record, "epoch")),
        )
        finding = self._ledger.record(deed, time.monotonic())
        if finding.conflict is not None:
            self._observer.conflict(finding.conflict, kind)
            self.truth.add(f"conflicts/{finding.conflict.value}")
            self._agent.log.warning("%s: %s", finding.conflict.value, deed)
        if finding.reversal:
            self._observer.reversal(kind)
            self.truth.add("reversals")
        number = int(frames.number(record, "sequence"))
        missing = number - self._sequences.get(agent, number - 1) - 1
        self._sequences[agent] = number
        if missing > 0:
            self._observer.audit_gap(frames.text(record, "name"), missing)
            self.truth.add("gaps", missing)

    def _review(self, remediation: Body) -> None:
        """The verdict on a repair: nothing broke again."""
        self._agent.log.info("remediation of %s reviewed", frames.text(remediation, "target"))
        self._observer.verdict(RemediationClass.OPS, Verdict.CORRECT)

    async def _tick(self) -> None:
        """Judge every agent, once per interval."""
        await asyncio.sleep(TICK_SECONDS)
        self._roster.tick()

    async def _gauge(self) -> None:
        """Levels that change by the second."""
        now = time.monotonic()
        for queue in QUEUES:
            self._observer.queue(queue, self.broker.depth(queue), self.broker.oldest_seconds(queue))
        leaders = sum(now - at <= LEADER_SECONDS for at in self._led.values())
        self._observer.leaders(ELECTION_GROUP, leaders)
        stale = sum(revision != self._revision for revision in self._revisions.values())
        self._observer.stale_agents(POLICY_SET, stale)
        await asyncio.sleep(GAUGE_SECONDS)

    async def _incidents(self) -> None:
        """Small breakages, for the remediation agents to repair."""
        rate = self._traffic.remediations_per_hour * self._traffic.rare_scale / 3600
        await asyncio.sleep(self._rng.expovariate(rate))
        self.broker.put("incidents", {"target": f"service/{self._rng.randrange(_SERVICES)}"})

    async def _deployments(self) -> None:
        rate = self._traffic.deployments_per_day * self._traffic.rare_scale / _DAY
        await asyncio.sleep(self._rng.expovariate(rate))
        self._deployer.deployed(Tier.STANDARD)
        if self._rng.random() < self._traffic.rollback:
            self._deployer.rolled_back(Tier.STANDARD, RollbackTrigger.AUTO)

    async def _revise(self) -> None:
        """The policies change: once soon after the start, then now and then."""
        if self._revision > 1:
            rate = _REVISIONS_PER_DAY * self._traffic.rare_scale / _DAY
            await asyncio.sleep(self._rng.expovariate(rate))
        else:
            await asyncio.sleep(_FIRST_REVISION_SECONDS)
        self.publish_policy()

    async def _subjects(self) -> None:
        """Requests of data subjects: rare, and all of them answered."""
        rate = _SUBJECT_REQUESTS_PER_DAY * self._traffic.rare_scale / _DAY
        await asyncio.sleep(self._rng.expovariate(rate))
        kind = {"mas.dsr.kind": self._rng.choice(("access", "rectify", "erase"))}
        seconds = self._rng.uniform(3600, 2 * _DAY)
        self._agent.instruments.add("mas.dsr.requests", 1, {**kind, "mas.dsr.outcome": "done"})
        self._agent.instruments.record("mas.dsr.duration", seconds, kind)

    async def _rejects(self) -> None:
        """What the scheduler turns down, evenly spread over the minute."""
        per_minute = self._conditions.rejects_per_minute
        if per_minute > 0:
            self._agent.contention(ContentionType.REJECT, POOLS[0])
        await asyncio.sleep(60.0 / per_minute if per_minute > 0 else 0.5)


async def _forever(duty: Callable[[], Awaitable[None]]) -> None:
    while True:
        await duty()
