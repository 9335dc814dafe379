"""The supervisors: each hands its team's work to the pool, and one watches over the rules."""

from __future__ import annotations

from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.actor import Actor, this_task
from alerts.gameday.fleet.frames import Body, Message
from alerts.gameday.fleet.orchestrator import TASK_SECONDS
from collectors.instrument import ErrorType

ACTIONS: Final = ("delegate", "pause")


def task_queue(team: str) -> str:
    """The queue from which the workers of `team` take."""
    return f"tasks.{team}"


class Supervisor(Actor):
    """Delegates to its team; the supervisor of the compliance team also acts on breaches."""

    async def work(self) -> None:
        """Take in what the orchestrators send, as fast as it comes."""
        if self.spec.team == "compliance":
            self.line.subscribe("breaches", self._on_breach)
        while True:
            message = await self.line.take(f"inbox.{self.spec.name}")
            self.start(self._delegate(message))

    async def _delegate(self, message: Message) -> None:
        queue = task_queue(self.spec.team)
        with self.agent.invocation(message.headers) as invocation:
            target = this_task()
            with self.agent.action("delegate", target=target):
                self.agent.handoff(f"worker-{self.spec.team}")
                headers = self.agent.send(queue)
                self.audit("delegate", target)
            answer: Body
            try:
                answer = await self.line.call(
                    queue, message.body, headers, timeout_seconds=TASK_SECONDS
                )
            except TimeoutError:
                answer = {"error": ErrorType.TIMEOUT.value}
            if error := frames.text(answer, "error"):
                invocation.fail(ErrorType(error))
        self.line.answer(message, answer)

    def _on_breach(self, breach: Body) -> None:
        """Pause the agent at once, and leave a trail."""
        offender = frames.text(breach, "agent")
        target = f"agent/{offender}"
        with self.agent.action("pause", target=target):
            self.line.publish("pause", {"agent": offender, "paused": True})
            self.audit("pause", target, "paused")
