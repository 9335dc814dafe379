"""The connector: telemetry of agents ends here, and what no agent can say of itself comes out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from collectors.component import Batch, ConnectorFactory, Emit, Settings, Signal
from collectors.connectors.agentdetectors.actions import ROW as ACTION_ROW
from collectors.connectors.agentdetectors.actions import Actions
from collectors.connectors.agentdetectors.actions import Rows as ActionRows
from collectors.connectors.agentdetectors.config import AgentDetectorsConfig
from collectors.connectors.agentdetectors.facts import Facts, Who, hashed, people
from collectors.connectors.agentdetectors.reading import Rows, Told
from collectors.connectors.agentdetectors.revisions import Leaders, Policies, Versions
from collectors.connectors.agentdetectors.roster import ROW as AGENT_ROW
from collectors.connectors.agentdetectors.roster import Roster
from collectors.connectors.agentdetectors.runs import ROW as RUN_ROW
from collectors.connectors.agentdetectors.runs import STEP, Runs
from collectors.connectors.agentdetectors.runs import Rows as StepRows
from collectors.connectors.agentdetectors.series import Series
from collectors.connectors.agentdetectors.signs import Signs, read_signs
from collectors.counting import Flushing
from collectors.dialects import Bounds
from collectors.graph import pack, unpack
from collectors.judging import AgentState, CheckResult, ConflictType
from collectors.judging.told import LEFT_OUT
from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan, locate

_NAME, _ROLE, _TYPE = "gen_ai.agent.name", "mas.agent.role", "mas.action.type"
_CONFLICTS: Final = tuple(
    of.value
    for of in (ConflictType.DUPLICATE, ConflictType.CONTRADICTORY, ConflictType.DOUBLE_LEADER)
)
_ROLES_OF_CLASS: Final = ("mas.agent.health_checks", "mas.agent.restarts")
_WORDS: Final = "words"
_MOST_WORDS: Final = 10_000
_SHAPE: Final = [[list(of) for of in row.descr] for row in (AGENT_ROW, ACTION_ROW, RUN_ROW, STEP)]
"""What the rows of a snapshot mean, in words of JSON."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one request says; `speakers` are the numbers of those who spoke as agents."""

    signs: Signs
    actions: ActionRows
    steps: StepRows
    speakers: frozenset[int]


class AgentDetectors:
    """Judges agents by what arrives from them, and by what does not."""

    def __init__(self, config: AgentDetectorsConfig, settings: Settings) -> None:
        """Begin with nobody known."""
        self._config = config
        self._meter = settings.meter
        self._keys = [key for _, keys in config.keys for key in keys]
        self._roster = Roster(config.heartbeat)
        self._actions = Actions(config.actions)
        self._runs = Runs(config.loops)
        self._policies = Policies(config.revisions)
        self._versions = Versions(config.revisions)
        self._leaders = Leaders(config.revisions)
        self._series = Series(
            config.made(), config.resource_attributes, config.aggregation_cardinality_limit
        )
        self._bounds = Bounds()
        self._words: dict[str, int] = {}
        self._rows = Rows(config, self._words)
        self._classes: dict[tuple[str, str], None] = {}
        self._types: dict[str, None] = {}
        self._rollbacks: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[str] = Counter()
        self._flushing = Flushing(config.heartbeat.interval, settings.meter)

    def step(self, batch: Batch, out: Emit) -> None:
        """Take in what `batch` tells; it ends here."""
        del out
        self._flushing.takes(batch)
        scanned = locate(batch.signal, batch.payload, batch.items)
        if not len(scanned.resources):
            return
        found, of_resource = people(scanned, self._config.keys.role)
        # All is read before anything is changed: what cannot be read leaves no trace.
        said = self._read(scanned, found, of_resource, batch.steady_ns)
        heard = self._hear(found, frozenset() if said is None else said.speakers, batch.steady_ns)
        if said is not None:
            self._take_signs(said.signs, found, batch.steady_ns)
            self._take_rows(said, heard)
        if self._flushing.took(batch):
            self._series.since_ns = batch.wall_ns

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Judge everything, and put all series out, whether they moved or not."""
        self._series.pay(steady_ns)
        self._judge_agents(steady_ns)
        self._judge_actions(steady_ns)
        self._judge_runs(steady_ns)
        self._judge_versions(steady_ns)
        self._set_levels(steady_ns)
        self._tidy()
        wall_ns = self._flushing.wall_ns(steady_ns)
        self._flushing.put_out(*self._series.request(wall_ns), steady_ns, out)
        self._series.since_ns = wall_ns
        self._flushing.go_on(steady_ns, is_idle=False)

    def next_deadline(self) -> int | None:
        """When agents are judged next; None while none was ever heard."""
        return self._flushing.due_ns

    def held_items(self) -> int:
        """What comes ends here: nothing is held."""
        return 0

    def snapshot(self) -> bytes:
        """Everything that is known of agents, and every series."""
        words = {
            "shape": _SHAPE,
            "words": list(self._words),
            "classes": list(self._classes),
            "types": list(self._types),
            "rollbacks": [[*key, of] for key, of in self._rollbacks.items()],
            "left_out": dict(self._left_out),
            "bounds": {key: list(seen) for key, seen in self._bounds.seen.items()},
            **self._flushing.words(),
            "policies": self._policies.state(),
            "versions": self._versions.state(),
            "leaders": self._leaders.state(),
        }
        return pack(
            {
                _WORDS: json.dumps(words).encode(),
                "roster": self._roster.snapshot(),
                "actions": self._actions.snapshot(),
                "runs": self._runs.snapshot(),
                "series": self._series.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        words = json.loads(parts[_WORDS])
        self._words.clear()
        self._words.update({text: number for number, text in enumerate(words["words"])})
        self._classes = dict.fromkeys((str(name), str(role)) for name, role in words["classes"])
        self._types = dict.fromkeys(words["types"])
        self._rollbacks = Counter({(tier, why): of for tier, why, of in words["rollbacks"]})
        self._left_out = Counter(words["left_out"])
        self._bounds.seen = {key: dict.fromkeys(of) for key, of in words["bounds"].items()}
        self._flushing.take(words)
        self._series.restore(parts["series"])
        self._show()
        if words["shape"] != _SHAPE:  # of another version: agents make themselves known again
            return
        self._policies.restore(words["policies"])
        self._versions.restore(words["versions"])
        self._leaders.restore(words["leaders"])
        self._roster.restore(parts["roster"])
        self._actions.restore(parts["actions"])
        self._runs.restore(parts["runs"])

    def begin_again(self) -> None:
        """Every counter begins anew: what was counted before cannot be proven any more."""
        self._series.clear()
        self._left_out.clear()

    def _read(
        self, scanned: Scan, found: list[Who], of_resource: Longs, steady_ns: int
    ) -> _Said | None:
        """What spans or records say; None of data points, which are a sign of life alone."""
        if scanned.signal is Signal.METRICS or not len(scanned.entries):
            return None
        facts = Facts(scanned, self._keys)
        people_of = of_resource[facts.resources]
        agents = np.array([hashed(who.identity) for who in found], np.int64)
        names = {hashed(who.identity): who.name for who in found}
        told = Told(facts, agents[people_of], names, steady_ns)
        actions, steps = self._rows.deeds(told), np.zeros(0, STEP)
        signs = read_signs(facts, self._config.keys, people_of)
        speakers = {int(agents[person]) for person in signs.speakers()}
        if scanned.signal is Signal.TRACES:
            calls, steps, frameworks = self._rows.spans(told)
            actions = np.concatenate([actions, calls])
            speakers |= frameworks
        speakers |= set(np.unique(actions["agent"]).tolist())
        return _Said(signs, actions, steps, frozenset(speakers))

    def _hear(self, found: list[Who], speakers: frozenset[int], steady_ns: int) -> list[int]:
        """Whoever sent something is alive; who spoke as an agent is put on the roster."""
        heard: list[int] = []
        for who in found:
            is_agent = hashed(who.identity) in speakers
            heard.append(self._roster.hear(who, steady_ns, is_agent=is_agent))
            self._leave_out("agents", int(is_agent and not heard[-1]))
        return heard

    def _take_signs(self, signs: Signs, found: list[Who], steady_ns: int) -> None:
        for beat in signs.beats:
            who = found[beat.person]
            if beat.agent_id:
                who = replace(who, place=f"{who.place}/{beat.agent_id}"[:512])
            number = self._roster.hear(who, steady_ns)
            if number:
                self._roster.tell(number, beat.states)
            self._leave_out("agents", int(bool(beat.agent_id) and not number))
        for person, role in signs.roles:
            self._roster.place(hashed(found[person].identity), role)
        for person, policy, revision in signs.revisions:
            name = self._bounds.one("mas.policy.name", policy)
            number = hashed(found[person].identity)
            is_known = number in self._roster.agents
            if is_known and not self._policies.hear(name, number, revision, steady_ns):
                self._leave_out("unordered", 1)
        for person, group in signs.leaders:
            name = self._bounds.one("mas.election.group", group)
            number = hashed(found[person].identity)
            if number in self._roster.agents:
                self._leaders.hear(name, number, steady_ns)
        for person, trigger, times in signs.rollbacks:
            self._rollbacks[found[person].tier, trigger] += times
            self._versions.announce(steady_ns)

    def _take_rows(self, said: _Said, heard: list[int]) -> None:
        self._leave_out("runs", self._runs.add(said.steps))
        rows = said.actions[np.isin(said.actions["agent"], heard)]
        if len(rows):
            texts = list(self._words)
            self._leave_out("actions", self._actions.add(rows))
            self._types |= {texts[word]: None for word in np.unique(rows["type"]).tolist()}

    def _judge_agents(self, steady_ns: int) -> None:
        results: Counter[tuple[str, str, CheckResult]] = Counter()
        restarts: Counter[tuple[str, str]] = Counter()
        for judged in self._roster.tick(steady_ns):
            of = self._class(judged.who)
            restarts[of] += judged.has_restarted
            for result in judged.results:
                results[*of, result] += 1
        for name, role in self._classes:
            for metric in _ROLES_OF_CLASS:
                self._series.begin(metric, {_NAME: (name,), _ROLE: (role,)}, steady_ns)
            self._series.begin("mas.agent.loops", {_NAME: (name,)}, steady_ns)
        for (name, role, result), times in results.items():
            labels = {_NAME: name, _ROLE: role, "mas.check.result": result.value}
            self._series.count("mas.agent.health_checks", labels, times, steady_ns)
        for (name, role), times in restarts.items():
            labels = {_NAME: name, _ROLE: role}
            self._series.count("mas.agent.restarts", labels, times, steady_ns)

    def _judge_actions(self, steady_ns: int) -> None:
        known = dict.fromkeys(self._bounds.one(_TYPE, text) for text in self._types)
        for kind in known:
            types = {_TYPE: (kind,), "mas.conflict.type": _CONFLICTS}
            self._series.begin("mas.agent.action.conflicts", types, steady_ns)
            self._series.begin("mas.action.reversals", types, steady_ns)
        self._types = {}
        texts = list(self._words)
        clashes, early = self._actions.settle(steady_ns)
        self._leave_out("actions", early)
        for clash in clashes:
            labels = {_TYPE: self._bounds.one(_TYPE, texts[clash.type])}
            if clash.reversal:
                self._series.count("mas.action.reversals", labels, 1, steady_ns)
            if clash.conflict is not None:
                labels["mas.conflict.type"] = clash.conflict.value
                self._series.count("mas.agent.action.conflicts", labels, 1, steady_ns)

    def _judge_runs(self, steady_ns: int) -> None:
        texts = list(self._words)
        loops, early = self._runs.settle(steady_ns)
        self._leave_out("runs", early)
        for loop in loops:
            name = self._bounds.one(_NAME, texts[loop.agent])
            labels = {_NAME: name, "mas.loop.kind": loop.kind.value}
            self._series.begin("mas.agent.loops", {_NAME: (name,)}, steady_ns)
            self._series.count("mas.agent.loops", labels, 1, steady_ns)

    def _judge_versions(self, steady_ns: int) -> None:
        for metric in ("mas.deployments", "mas.deployment.rollbacks"):
            self._series.begin(metric, {}, steady_ns)
        tiers, rollbacks = "mas.service.tier", self._rollbacks
        for moved in self._versions.tick(self._roster.agents.values(), steady_ns):
            tier = self._bounds.one(tiers, moved.tier) or "standard"
            if moved.is_back:
                rollbacks[tier, "inferred"] += 1
            else:
                self._series.count("mas.deployments", {tiers: tier}, 1, steady_ns)
        for (tier, trigger), times in rollbacks.items():
            of = self._bounds.one(tiers, tier) or "standard"
            labels = {tiers: of, "mas.rollback.trigger": trigger}
            self._series.count("mas.deployment.rollbacks", labels, times, steady_ns)
        self._rollbacks = Counter()

    def _set_levels(self, steady_ns: int) -> None:
        agents = self._roster.agents
        found = Counter(
            (*self._class(agent.who), agent.standing.state) for agent in agents.values()
        )
        self._series.level(
            "mas.agent.count",
            [
                (
                    {_NAME: name, _ROLE: role, "mas.agent.state": state.value},
                    found[name, role, state],
                )
                for name, role in self._classes
                for state in AgentState
            ],
        )
        stale = self._policies.tick(agents).items()
        self._series.level(
            "mas.policy.stale_agent.count", [({"mas.policy.name": of}, n) for of, n in stale]
        )
        leaders = self._leaders.tick(agents, steady_ns).items()
        self._series.level(
            "mas.leader.count", [({"mas.election.group": of}, n) for of, n in leaders]
        )

    def _class(self, who: Who) -> tuple[str, str]:
        """Name and role of an agent's class, which is known from now on."""
        of = self._bounds.one(_NAME, who.name), self._bounds.one(_ROLE, who.role or "other")
        self._classes[of] = None
        return of

    def _tidy(self) -> None:
        """Forget words that nothing uses any more, once they are many."""
        if len(self._words) > _MOST_WORDS:
            used = sorted({*self._actions.words(), *self._runs.words()})
            moved = np.full(len(self._words), -1, np.int64)
            moved[used] = np.arange(len(used))
            texts = list(self._words)
            self._words.clear()
            self._words.update({texts[word]: number for number, word in enumerate(used)})
            self._actions.renumber(moved)
            self._runs.renumber(moved)

    def _leave_out(self, reason: str, times: int) -> None:
        if times:
            self._left_out[reason] += times
            self._show()

    def _show(self) -> None:
        for reason, total in self._left_out.items():
            self._meter.set(LEFT_OUT, total, reason=reason)


FACTORY = ConnectorFactory(
    config=AgentDetectorsConfig,
    create=AgentDetectors,
    routes=frozenset((signal, Signal.METRICS) for signal in Signal),
    counts=AgentDetectorsConfig.counted,
)
