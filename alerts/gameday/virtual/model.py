"""The virtual fleet: what all agents do in a stretch of time, counted as agents count.

Poisson arrivals, log-normal latencies, everyday failures and the queues that follow from
them are those of `fleet.traffic`; agents are judged as rosters judge them. While nothing
changes that is wrong, a stretch of any length is lived at once, in columns of fifteen
seconds: in one piece or in many, it is the same life.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from alerts.gameday.fleet import orchestrator, repertoire, supervisor
from alerts.gameday.fleet.actor import CREDENTIAL, CREDENTIAL_SECONDS, POLICY_SET
from alerts.gameday.fleet.supervisor import task_queue
from alerts.gameday.fleet.topology import TEAMS, Topology
from alerts.gameday.fleet.topology import Role as Place
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.virtual import truth
from alerts.gameday.virtual.automation import Automata
from alerts.gameday.virtual.chance import Chance
from alerts.gameday.virtual.health import Watch
from alerts.gameday.virtual.meter import Numbers, Steps
from alerts.gameday.virtual.posts import Post, Posts
from alerts.gameday.virtual.queues import Flow, Line
from alerts.gameday.virtual.trouble import HOUR, Trouble
from alerts.gameday.virtual.work import Share, act, action, turns
from collectors.instrument import (
    TICK_SECONDS,
    CheckResult,
    ConflictType,
    ContentionType,
    Deployer,
    Observer,
)

STEP: Final = TICK_SECONDS
_UNAVAILABLE: Final = frozenset({CheckResult.FAIL, CheckResult.MISSED})
_MINUTE_STEPS: Final = round(60 / STEP)
_ACTIONS_ON_THE_WAY: Final = 2
"""Leader and supervisor each act once for a task."""


class Fleet:
    """Lives stretch after stretch; `posts` show what was counted, `books` what is true."""

    def __init__(self, topology: Topology, traffic: Traffic) -> None:
        """A healthy fleet whose random numbers follow from the seed of `traffic`."""
        self.posts = Posts(topology)
        self.trouble = Trouble()
        self.books = truth.Books()
        self._traffic = traffic
        self._chance = Chance(traffic.seed)
        platform = self.posts.platform
        watched = tuple(sorted({spec.name for spec in topology.agents()}))
        self._observer = Observer(platform.instruments, repertoire.platform_speaks(), watched)
        self._specs = topology.agents()
        self._watch = Watch(self._specs, platform, traffic.heartbeat_loss)
        self._automata = Automata(
            self.posts, self._observer, Deployer(platform.instruments), traffic, self._chance
        )
        self._elapsed = 0.0
        self._lines = {team: Line(topology.workers_per_team) for team in TEAMS}

    def live(self, steps: int) -> None:
        """So many times fifteen seconds go by, at least 1; what is wrong stays as it is."""
        self.books.now = self._elapsed
        for post in self.posts.all:
            post.values.begin(steps)
        self._health(steps)
        self._state()
        times = (self._elapsed + STEP * step for step in range(steps))
        rates = np.array([self._traffic.arrivals(time) for time in times]) / len(TEAMS)
        done = sum(self._team(team, steps, rates) for team in TEAMS)
        self._coordination(steps, done)
        self._automata.live(steps, self.trouble.automation, self.books)
        self._elapsed += steps * STEP

    def _often(self, what: str, per_minute: float, steps: int) -> Steps:
        """How often a thing is due in each step that happens evenly, `per_minute` times."""
        return self._chance.due(what, np.full(steps, per_minute * STEP / 60.0))

    def _health(self, steps: int) -> None:
        """Heartbeats of all agents, and their judgement."""
        wrong = self.trouble.agents
        checks = self._watch.live(steps, wrong, self._chance)
        bad = sum(int(np.sum(checks.get(result, 0))) for result in _UNAVAILABLE)
        drained = CheckResult.DRAINED
        total = sum(int(np.sum(each)) for result, each in checks.items() if result is not drained)
        self.books.note(truth.AGENTS, "", bad, total)
        for post in self.posts.all:
            if any(spec.key in wrong.restarted for spec in post.agents):
                post.values.restart()
        wrong.restarted, wrong.lost_beats = set(), set()

    def _state(self) -> None:
        """What every class of agents says of itself."""
        down = self.trouble.work.stores_down
        for post in self.posts.all:
            if not post.agents:
                continue
            seconds = self.trouble.agents.credential_seconds.get(post.name, CREDENTIAL_SECONDS)
            kind = {"mas.credential.kind": CREDENTIAL}
            post.level("mas.credential.time_to_expiry", seconds, kind)
            post.level("mas.policy.revision", 1, {"mas.policy.name": POLICY_SET})
            for name in repertoire.DEPENDENCIES:
                for state in ("up", "degraded", "down"):
                    found = len(post.agents) * (state == ("down" if name in down else "up"))
                    labels = {"mas.dependency.name": name.value, "mas.dependency.state": state}
                    post.level("mas.dependency.status", found, labels)

    def _team(self, team: str, steps: int, rates: Numbers) -> int:
        """The tasks of one team, through its queue and by its workers; how many actions."""
        factor = self.trouble.work.arrivals.get(team, 1.0) * self._leads()
        came = self._chance.of(f"{team}/tasks").poisson(rates * factor * STEP).astype(np.intp)
        times = (self._elapsed, steps, STEP)
        begun = self._elapsed + STEP * np.repeat(np.arange(steps), came)
        arrivals = np.sort(begun + self._chance.of(f"{team}/moment").random(len(begun)) * STEP)
        service = self._service(team, len(arrivals))
        flow = self._lines[team].flow(arrivals, service, self._at_work(team), times)
        platform, labels = self.posts.platform, _queue(team)
        platform.level("mas.queue.depth", flow.depth, labels)
        platform.level("mas.queue.oldest_message.age", flow.oldest, labels)
        self._passed_on(team, came)
        pool = self._pool(team, flow)
        return int(came.sum()) * _ACTIONS_ON_THE_WAY + pool

    def _service(self, team: str, count: int) -> Numbers:
        """How long a worker is at each of so many tasks; a few take hours."""
        traffic, stream = self._traffic, f"{team}/service"
        models, tools = traffic.llm_calls_per_task, traffic.actions_per_task
        drawn = self._chance.drawn(f"{stream}/model", traffic.llm, count * models)
        used = self._chance.drawn(f"{stream}/tool", traffic.tool, count * tools)
        seconds: Numbers = drawn.reshape(count, models).sum(axis=1)
        seconds += used.reshape(count, tools).sum(axis=1)
        seconds *= traffic.latency_scale
        long = np.flatnonzero(self._chance.of(f"{stream}/long").random(count) < traffic.long)
        lengths = self._chance.of(f"{stream}/length").random(len(long))
        seconds[long] = [traffic.long_seconds(each) for each in lengths.tolist()]
        return seconds

    def _at_work(self, team: str) -> int:
        away = self.trouble.agents
        gone = away.wedged | away.killed | away.draining | away.busy
        workers = (spec for spec in self._specs if spec.name == f"worker-{team}")
        return sum(spec.key not in gone for spec in workers)

    def _passed_on(self, team: str, came: Steps) -> None:
        """What leader and supervisor do about each task."""
        leader, boss = self.posts.of("orchestrator")[0], self.posts.of(f"supervisor-{team}")[0]
        for actor, kind in ((leader, orchestrator.ACTIONS[0]), (boss, supervisor.ACTIONS[0])):
            actor.count("mas.agent.actions", came, action(kind, "success"))
            actor.count("mas.audit.records", came)
            self.books.note(truth.ACTIONS, actor.name, 0, came)
        boss.count("messaging.client.sent.messages", came, _queue(team))

    def _pool(self, team: str, flow: Flow) -> int:
        """What the workers of a team do, every process its share of the tasks; how many actions."""
        posts, labels = self.posts.of(f"worker-{team}"), _queue(team)
        turn = turns(flow.taken) % len(posts)
        shares: list[Share] = []
        for number, post in enumerate(posts):
            tasks = flow.taken // len(posts) + (number < flow.taken % len(posts))
            post.count("messaging.client.consumed.messages", tasks, labels)
            mine = turn == number
            post.observe("mas.queue.message.wait", flow.at[mine], flow.waits[mine], labels)
            shares.append(Share(post, tasks, self._chance, self._traffic, self.trouble.work))
        for share in shares:
            share.evaluate(self.posts.of("policy-agent")[0], self.books)
        return act(shares, self.books)

    def _leads(self) -> bool:
        away = self.trouble.agents
        return any(
            spec.role is Place.ORCHESTRATOR
            and spec.key not in away.killed | away.unhealthy | away.draining
            for spec in self._specs
        )

    def _coordination(self, steps: int, actions: int) -> None:
        """Leaders, conflicts, reversals, policies: what only the observer sees."""
        wrong, platform = self.trouble, self.posts.platform
        leaders = int(self._leads()) + wrong.agents.extra_leaders
        self._observer.leaders(orchestrator.ELECTION_GROUP, leaders)
        self._observer.stale_agents(POLICY_SET, len(wrong.agents.deaf))
        conflicts = self._often("conflicts", wrong.work.conflicts, steps)
        for _ in self._one_by_one(conflicts):
            self._observer.conflict(ConflictType.DUPLICATE, "plan")
        self.books.note(truth.CONFLICTS, "", conflicts, actions)
        for _ in self._one_by_one(self._often("reversals", wrong.work.reversals, steps)):
            self._observer.reversal("scale")
        self._rejected(self._often("rejects", wrong.work.rejects, steps))
        looping = self.posts.of("worker-research")[0]
        loops = self._often("loops", wrong.work.loops, steps)
        looping.count("mas.agent.loops", loops, {"mas.loop.kind": "repetition"})
        self._once(looping, platform)

    def _one_by_one(self, counts: Steps) -> Iterable[int]:
        """The platform counts: each of `counts` by itself, at its step."""
        for step in np.repeat(np.arange(len(counts)), counts).tolist():
            self.posts.platform.values.now = step
            yield step
        self.posts.platform.values.now = 0

    def _rejected(self, rejects: Steps) -> None:
        """What the scheduler turns down; its budget counts the minutes that have seen some.

        The books do where stretches are whole minutes.
        """
        labels = {
            "mas.contention.type": ContentionType.REJECT.value,
            "mas.resource.pool": repertoire.POOLS[0],
        }
        self.posts.platform.count("mas.resource.contention.events", rejects, labels)
        if len(rejects) % _MINUTE_STEPS == 0:
            minutes = np.minimum(rejects.reshape(-1, _MINUTE_STEPS).sum(axis=1), 1)
            self.books.note(truth.CONTENTION, repertoire.POOLS[0], minutes, minutes.size)

    def _once(self, looping: Post, platform: Post) -> None:
        """What happens once, at the first step of a stretch."""
        work = self.trouble.work
        first = np.zeros(1, np.intp)
        for rule, response in work.breaches:
            labels = {
                "mas.compliance.rule": rule,
                "mas.compliance.severity": "critical",
                "mas.compliance.action": response.value,
            }
            looping.values.now = 0
            looping.instruments.add("mas.compliance.violations", 1, labels)
        if work.audit_lost:
            self._observer.audit_gap(looping.name, work.audit_lost)
        for _ in range(work.erasures):
            kind = {"mas.dsr.kind": "erase"}
            platform.instruments.add("mas.dsr.requests", 1, {**kind, "mas.dsr.outcome": "done"})
            platform.observe("mas.dsr.duration", first, np.full(1, HOUR), kind)
        work.breaches, work.audit_lost, work.erasures = [], 0, 0


def _queue(team: str) -> dict[str, str]:
    return {
        "messaging.destination.name": task_queue(team),
        "messaging.system": repertoire.BROKER,
    }
