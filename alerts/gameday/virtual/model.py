"""The virtual fleet: what all agents do within fifteen seconds, counted as agents count.

Poisson arrivals, log-normal latencies, everyday failures and the queues that follow from
them are those of `fleet.traffic`; health is judged by the very roster that real fleets use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from alerts.gameday.fleet import orchestrator, repertoire, supervisor, worker
from alerts.gameday.fleet.actor import CREDENTIAL, CREDENTIAL_SECONDS, POLICY_SET
from alerts.gameday.fleet.guards import POLICIES
from alerts.gameday.fleet.model import PROVIDERS, Provider
from alerts.gameday.fleet.supervisor import task_queue
from alerts.gameday.fleet.topology import TEAMS, AgentSpec, Topology
from alerts.gameday.fleet.topology import Role as Place
from alerts.gameday.fleet.traffic import LogNormal, Traffic
from alerts.gameday.virtual.posts import Post, Posts
from alerts.gameday.virtual.queues import Line
from alerts.gameday.virtual.trouble import HOUR, Trouble
from collectors.instrument import (
    TICK_SECONDS,
    ConflictType,
    ContentionType,
    Deployer,
    Heartbeat,
    Observer,
    RemediationClass,
    Role,
    RollbackTrigger,
    Roster,
    Tier,
    Verdict,
)

STEP: Final = TICK_SECONDS
_OPS: Final = {"mas.remediation.class": RemediationClass.OPS.value}


class Fleet:
    """Steps through time; `posts` show what was counted so far."""

    def __init__(self, topology: Topology, traffic: Traffic) -> None:
        """A healthy fleet whose random numbers follow from the seed of `traffic`."""
        self.posts = Posts(topology)
        self.trouble = Trouble()
        self._traffic = traffic
        self._rng = np.random.default_rng(traffic.seed)
        platform = self.posts.platform.instruments
        watched = tuple(sorted({spec.name for spec in topology.agents()}))
        self._observer = Observer(platform, repertoire.platform_speaks(), watched)
        self._deployer = Deployer(platform)
        self._roster = Roster(platform)
        self._elapsed = 0.0
        self._long_rng = np.random.default_rng([traffic.seed, 1])
        self._long: dict[str, list[float]] = {team: [] for team in TEAMS}
        self._specs = topology.agents()
        self._lives: dict[str, int] = {}
        self._due: dict[str, float] = {}
        per_team = topology.workers_per_team
        self._lines = {team: Line(per_team, traffic.service_seconds()) for team in TEAMS}
        for spec in self._specs:
            self._roster.expect(spec.key, spec.name, Role(spec.role.value))

    def step(self) -> None:
        """Fifteen seconds go by."""
        self._health()
        self._state()
        for team in TEAMS:
            self._team(team)
        self._coordination()
        self._automation()
        self._elapsed += STEP

    def _often(self, what: str, per_minute: float) -> int:
        """How many times a thing is due that happens evenly, `per_minute` times."""
        return self._evenly(what, per_minute * STEP / 60.0)

    def _evenly(self, what: str, more: float) -> int:
        """What is whole of all that became due; the fraction is kept for the next time."""
        due = self._due.get(what, 0.0) + more
        self._due[what] = due - int(due)
        return int(due)

    def _some(self, total: int, share: float) -> int:
        return int(self._rng.binomial(total, min(1.0, share))) if total > 0 and share > 0 else 0

    def _drawn(self, latency: LogNormal, count: int, factor: float = 1.0) -> list[float]:
        drawn = self._rng.lognormal(np.log(latency.median), latency.sigma, count) * factor
        return [float(each) for each in drawn]

    def _health(self) -> None:
        """Heartbeats of all agents, and the roster's judgement."""
        wrong = self.trouble.agents
        for spec in self._specs:
            if spec.key in wrong.restarted:
                self._lives[spec.key] = self._lives.get(spec.key, 0) + 1
            silent = spec.key in wrong.muted | wrong.killed | wrong.lost_beats
            if not silent and self._rng.random() >= self._traffic.heartbeat_loss:
                self._roster.hear(spec.key, self._beat(spec))
        self._roster.tick()
        for post in self.posts.all:
            if any(spec.key in wrong.restarted for spec in post.agents):
                post.values.restart()
        wrong.restarted, wrong.lost_beats = set(), set()

    def _beat(self, spec: AgentSpec) -> Heartbeat:
        wrong = self.trouble.agents
        return Heartbeat(
            name=spec.name,
            role=Role(spec.role.value),
            instance_id=f"{spec.instance_id}/{self._lives.get(spec.key, 0)}",
            healthy=spec.key not in wrong.wedged | wrong.unhealthy,
            draining=spec.key in wrong.draining,
        )

    def _state(self) -> None:
        """What every class of agents says of itself."""
        down = self.trouble.work.stores_down
        for post in self.posts.all:
            if not post.agents:
                continue
            seconds = self.trouble.agents.credential_seconds.get(post.name, CREDENTIAL_SECONDS)
            _set(
                post, "mas.credential.time_to_expiry", seconds, {"mas.credential.kind": CREDENTIAL}
            )
            _set(post, "mas.policy.revision", 1, {"mas.policy.name": POLICY_SET})
            for name in repertoire.DEPENDENCIES:
                for state in ("up", "degraded", "down"):
                    found = len(post.agents) * (state == ("down" if name in down else "up"))
                    labels = {"mas.dependency.name": name.value, "mas.dependency.state": state}
                    _set(post, "mas.dependency.status", found, labels)

    def _team(self, team: str) -> None:
        """The tasks of one team: through its queue, and by its workers."""
        rate = self._traffic.arrivals(self._elapsed) / len(TEAMS)
        factor = self.trouble.work.arrivals.get(team, 1.0)
        leads = self._leads()
        came = int(self._rng.poisson(rate * factor * STEP)) if leads else 0
        away = self.trouble.agents
        gone = away.wedged | away.killed | away.draining | away.busy
        workers = [spec for spec in self._specs if spec.name == f"worker-{team}"]
        working = sum(spec.key not in gone for spec in workers)
        working = max(0, working - self._long_runs(team, came))
        done, waits = self._lines[team].step(came, working, STEP, self._rng)
        queue = task_queue(team)
        labels = {"messaging.destination.name": queue, "messaging.system": repertoire.BROKER}
        self._observer.queue(queue, self._lines[team].depth, self._lines[team].oldest_seconds)
        for actor, kind in (
            (self.posts.of("orchestrator")[0], orchestrator.ACTIONS[0]),
            (self.posts.of(f"supervisor-{team}")[0], supervisor.ACTIONS[0]),
        ):
            _add(actor, "mas.agent.actions", came, _action(kind, "success"))
            _add(actor, "mas.audit.records", came)
        _add(self.posts.of(f"supervisor-{team}")[0], "messaging.client.sent.messages", came, labels)
        posts = self.posts.of(f"worker-{team}")
        for number, post in enumerate(posts):
            tasks = done // len(posts) + (number < done % len(posts))
            _add(post, "messaging.client.consumed.messages", tasks, labels)
            for wait in waits[number :: len(posts)]:
                post.instruments.record("mas.queue.message.wait", wait, labels)
            self._work(post, tasks)

    def _long_runs(self, team: str, came: int) -> int:
        """How many workers are at a run of ten minutes to three hours; of `came`, some more."""
        more = int(self._long_rng.binomial(came, self._traffic.long))
        ends = [
            self._elapsed + self._traffic.long_seconds(float(drawn))
            for drawn in self._long_rng.random(more)
        ]
        self._long[team] = [end for end in self._long[team] if end > self._elapsed] + ends
        return len(self._long[team])

    def _leads(self) -> bool:
        away = self.trouble.agents
        return any(
            spec.role is Place.ORCHESTRATOR
            and spec.key not in away.killed | away.unhealthy | away.draining
            for spec in self._specs
        )

    def _work(self, post: Post, tasks: int) -> None:
        """The actions, policy evaluations and calls to models of `tasks`."""
        failed = self._calls(post, tasks * self._traffic.llm_calls_per_task)
        for kind in worker.ACTIONS:
            wanted = tasks * self._traffic.actions_per_task // len(worker.ACTIONS)
            deferred = self._some(wanted, self.trouble.work.deferred)
            done = wanted - deferred
            own, everyday = self._failures(post.name, done)
            lost = min(failed, done - own - everyday)
            failed -= lost
            good = done - own - everyday - lost
            for count, outcome, whose in (
                (good, "success", "none"),
                (own, "failure", "agent"),
                (everyday, "failure", "dependency"),
                (lost, "failure", "provider"),
                (deferred, "deferred", "none"),
            ):
                _add(post, "mas.agent.actions", count, _action(kind, outcome, whose))
            _add(post, "mas.audit.records", wanted)
        factor = self.trouble.work.policy_factor
        evaluated = self._drawn(
            self._traffic.policy, tasks * self._traffic.actions_per_task, factor
        )
        for number, seconds in enumerate(evaluated):
            labels = {
                "mas.policy.name": POLICIES[number % len(POLICIES)],
                "mas.policy.decision": "allow",
            }
            guard = self.posts.of("policy-agent")[0].instruments
            guard.record("mas.policy.evaluation.duration", seconds, labels)

    def _failures(self, name: str, done: int) -> tuple[int, int]:
        """Of the `done` actions of a class: failed by its own fault, and as on every day."""
        work, everyday = self.trouble.work, self._traffic.action_failure
        injected = work.failing.get(name, 0.0)
        if work.evenly:
            own = self._evenly(f"{name}/own", done * injected)
            return own, self._evenly(f"{name}/everyday", (done - own) * everyday)
        own = self._some(done, injected)
        return own, self._some(done - own, everyday)

    def _calls(self, post: Post, count: int) -> int:
        """Calls to models, each on failure once more to the other provider; how many failed."""
        first, second = PROVIDERS
        preferred = self._some(count, first.share)
        left = self._call(post, first, preferred), self._call(post, second, count - preferred)
        return self._call(post, second, left[0]) + self._call(post, first, left[1])

    def _call(self, post: Post, provider: Provider, count: int) -> int:
        """How many failed for whoever called; retries of the client are not seen there."""
        wrong = self.trouble.work
        share, result = wrong.providers.get(provider.name, (0.0, ""))
        injected = self._some(count, share)
        everyday = self._some(count - injected, self._traffic.llm_failure)
        results = {"rate_limit": everyday // 2, "provider": everyday - everyday // 2}
        if injected:
            results[result] = results.get(result, 0) + injected
        results["success"] = count if wrong.retried else count - injected - everyday
        named = {"gen_ai.provider.name": provider.name}
        for found, attempts in results.items():
            _add(post, "mas.llm.attempts", attempts, {**named, "mas.llm.attempt.result": found})
        labels = {
            **named,
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": provider.model,
        }
        seconds = iter(self._drawn(self._traffic.llm, count, self._traffic.latency_scale))
        for found, ended in ({"success": count} if wrong.retried else results).items():
            error = "" if found == "success" else found
            for _ in range(ended):
                post.instruments.record(
                    "gen_ai.client.operation.duration",
                    next(seconds),
                    {**labels, "error.type": error},
                )
        filtered = results.get("content_filter", 0)
        return 0 if wrong.retried else injected + everyday - filtered

    def _coordination(self) -> None:
        """Leaders, conflicts, reversals, policies: what only the observer sees."""
        wrong = self.trouble
        self._observer.leaders(
            orchestrator.ELECTION_GROUP, int(self._leads()) + wrong.agents.extra_leaders
        )
        self._observer.stale_agents(POLICY_SET, len(wrong.agents.deaf))
        for _ in range(self._often("conflicts", wrong.work.conflicts)):
            self._observer.conflict(ConflictType.DUPLICATE, "plan")
        for _ in range(self._often("reversals", wrong.work.reversals)):
            self._observer.reversal("scale")
        reject = {
            "mas.contention.type": ContentionType.REJECT.value,
            "mas.resource.pool": repertoire.POOLS[0],
        }
        rejects = self._often("rejects", wrong.work.rejects)
        _add(self.posts.platform, "mas.resource.contention.events", rejects, reject)
        looping = self.posts.of("worker-research")[0]
        loops = self._often("loops", wrong.work.loops)
        _add(looping, "mas.agent.loops", loops, {"mas.loop.kind": "repetition"})
        for rule, action in wrong.work.breaches:
            labels = {
                "mas.compliance.rule": rule,
                "mas.compliance.severity": "critical",
                "mas.compliance.action": action.value,
            }
            _add(looping, "mas.compliance.violations", 1, labels)
        if wrong.work.audit_lost:
            self._observer.audit_gap(looping.name, wrong.work.audit_lost)
        for _ in range(wrong.work.erasures):
            kind = {"mas.dsr.kind": "erase"}
            _add(self.posts.platform, "mas.dsr.requests", 1, {**kind, "mas.dsr.outcome": "done"})
            self.posts.platform.instruments.record("mas.dsr.duration", HOUR, kind)
        wrong.work.breaches, wrong.work.audit_lost, wrong.work.erasures = [], 0, 0

    def _automation(self) -> None:
        """Remediations and deployments."""
        wrong = self.trouble.automation
        post = self.posts.of("remediation-agent")[0]
        for _ in range(self._often("remediations", wrong.remediations / 60.0)):
            outcome = "failed" if self._rng.random() < wrong.failing else "fixed"
            labels = {**_OPS, "mas.remediation.outcome": outcome}
            seconds = self._drawn(self._traffic.remediation, 1, wrong.factor)[0]
            _add(post, "mas.remediations", 1, labels)
            post.instruments.record("mas.remediation.duration", seconds, labels)
            if self._rng.random() >= wrong.unreviewed:
                harmful = self._rng.random() < wrong.harmful
                verdict = Verdict.HARMFUL if harmful else Verdict.CORRECT
                self._observer.verdict(RemediationClass.OPS, verdict)
        for _ in range(wrong.needless):
            self._observer.verdict(RemediationClass.OPS, Verdict.FALSE_POSITIVE)
        for _ in range(self._often("deployments", self._traffic.deployments_per_day / 1440.0)):
            self._deployer.deployed(Tier.STANDARD)
        for _ in range(wrong.rollbacks):
            self._deployer.deployed(Tier.STANDARD)
            self._deployer.rolled_back(Tier.STANDARD, RollbackTrigger.INFERRED)
        wrong.rollbacks = wrong.needless = 0


def _action(kind: str, outcome: str, whose: str = "none") -> dict[str, str]:
    return {
        "mas.action.type": kind,
        "mas.action.outcome": outcome,
        "mas.error.attribution": whose,
    }


def _add(post: Post, name: str, count: float, labels: Mapping[str, str] | None = None) -> None:
    if count:
        post.instruments.add(name, count, labels or {})


def _set(post: Post, name: str, value: float, labels: Mapping[str, str]) -> None:
    post.instruments.set(name, value, labels)
