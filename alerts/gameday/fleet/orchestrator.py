"""The orchestrators: one leads, takes in the work and hands it to the supervisors."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.actor import Actor, Desk, this_task
from alerts.gameday.fleet.lease import RENEW_SECONDS
from alerts.gameday.fleet.topology import TEAMS
from collectors.instrument import ErrorType, inject

ELECTION_GROUP: Final = "orchestrators"
ACTIONS: Final = ("dispatch", "plan")
PLAN_SECONDS: Final = 20.0
TASK_SECONDS: Final = 3600.0
_STORE_SECONDS: Final = 2.0


class Orchestrator(Actor):
    """Leads while it holds the lease; the standby waits for its turn."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._leads = False
        self._epoch = 0

    async def work(self) -> None:
        """Renew the lease, and lead as long as it is ours."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._campaign())
            group.create_task(self._plan())
            for team in TEAMS:
                group.create_task(self._dispatch(team))

    def healthy(self) -> bool:
        """A standby that could not take over is not well."""
        return super().healthy() and not self.conditions.blocked

    def leads(self) -> str:
        """Whether it acts as leader: by the lease, or unfenced without one."""
        return ELECTION_GROUP if self._leads or self.conditions.unfenced else ""

    async def _campaign(self) -> None:
        while True:
            if self.conditions.blocked:
                self._leads = False
            else:
                await self._acquire()
            await asyncio.sleep(RENEW_SECONDS)

    async def _acquire(self) -> None:
        request: frames.Body = {"op": "acquire", "candidate": self.spec.key}
        try:
            grant = await self.line.call("state-store", request, timeout_seconds=_STORE_SECONDS)
        except TimeoutError:
            self._leads = False
            return
        self._leads = frames.flag(grant, "leads")
        self._epoch = int(frames.number(grant, "epoch"))
        if frames.flag(grant, "elected"):
            self.agent.elected(ELECTION_GROUP)

    async def _plan(self) -> None:
        """Set every pool's size anew, three times a minute: what only a leader may do."""
        while True:
            await asyncio.sleep(PLAN_SECONDS - time.time() % PLAN_SECONDS)
            if self.leads():
                target = f"plan/{round(time.time() / PLAN_SECONDS)}"
                with self.agent.action("plan", target=target):
                    self.audit("plan", target, "scheduled", self._epoch)

    async def _dispatch(self, team: str) -> None:
        """Poisson arrivals of one team's tasks, while we lead; a day begins when we do."""
        arrivals = self.traffic.stream(f"arrivals/{team}")
        began = time.monotonic()
        while True:
            now = self.traffic.arrivals(time.monotonic() - began) / len(TEAMS)
            rate = now * self.conditions.arrivals.get(team, 1.0)
            await asyncio.sleep(arrivals.expovariate(rate))
            if self.leads() and not self.paused:
                self.start(self._run(team))

    async def _run(self, team: str) -> None:
        """One workflow from end to end."""
        with self.agent.workflow(team) as workflow:
            target = this_task()
            with self.agent.action("dispatch", target=target):
                self.agent.handoff(f"supervisor-{team}")
                headers = inject()
                self.audit("dispatch", target)
            try:
                answer = await self.line.call(
                    f"inbox.supervisor-{team}",
                    {"team": team, "epoch": self._epoch},
                    headers,
                    timeout_seconds=TASK_SECONDS,
                )
            except TimeoutError:
                workflow.fail(ErrorType.TIMEOUT)
                return
            if error := frames.text(answer, "error"):
                workflow.fail(ErrorType(error))
