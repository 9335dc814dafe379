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
from collectors.connectors.agentdetectors.audits import DECISION, RECORD, Audits
from collectors.connectors.agentdetectors.audits import Rows as AuditRows
from collectors.connectors.agentdetectors.config import AgentDetectorsConfig
from collectors.connectors.agentdetectors.duties import NAMED, Duties
from collectors.connectors.agentdetectors.facts import Facts, Who, people
from collectors.connectors.agentdetectors.reading import Rows, Told
from collectors.connectors.agentdetectors.revisions import Leaders, Policies, Versions
from collectors.connectors.agentdetectors.roster import ROW as AGENT_ROW
from collectors.connectors.agentdetectors.roster import Roster
from collectors.connectors.agentdetectors.runs import ROW as RUN_ROW
from collectors.connectors.agentdetectors.runs import STEP, Runs
from collectors.connectors.agentdetectors.runs import Rows as StepRows
from collectors.connectors.agentdetectors.signs import Signs, read_signs
from collectors.connectors.agentdetectors.verdicts import Verdicts
from collectors.connectors.agentdetectors.violations import TELLING, Violations
from collectors.connectors.agentdetectors.violations import Rows as TellingRows
from collectors.connectors.agentdetectors.words import Words
from collectors.counting import Flushing
from collectors.graph import pack, unpack
from collectors.judging.told import LEFT_OUT
from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan, locate

_WORDS: Final = "words"
_SHAPE: Final = [
    [list(of) for of in row.descr]
    for row in (AGENT_ROW, ACTION_ROW, RUN_ROW, STEP, DECISION, RECORD, TELLING)
]
"""What the rows of a snapshot mean, in words of JSON."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one request says; `speakers` are the numbers of those who spoke as agents."""

    signs: Signs
    actions: ActionRows
    steps: StepRows
    decisions: AuditRows
    records: AuditRows
    violations: TellingRows
    speakers: frozenset[int]


class AgentDetectors:
    """Judges agents by what arrives from them, and by what does not."""

    def __init__(self, config: AgentDetectorsConfig, settings: Settings) -> None:
        """Begin with nobody known."""
        self._config = config
        self._meter = settings.meter
        self._keys = [*NAMED, *(key for _, keys in config.keys for key in keys)]
        self._roster = Roster(config.heartbeat)
        self._actions = Actions(config.actions)
        self._runs = Runs(config.loops)
        self._policies = Policies(config.revisions)
        self._versions = Versions(config.revisions)
        self._leaders = Leaders(config.revisions)
        self._audits = Audits(config.audits)
        self._violations = Violations(config.violations)
        self._verdicts = Verdicts(config)
        self._words = Words()
        self._rows, self._duties = Rows(config, self._words), Duties(config, self._words)
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
            self._verdicts.series.since_ns = batch.wall_ns

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Judge everything, and put all series out, whether they moved or not."""
        self._judge(steady_ns)
        self._tidy()
        wall_ns = self._flushing.wall_ns(steady_ns)
        self._flushing.put_out(*self._verdicts.series.request(wall_ns), steady_ns, out)
        self._verdicts.series.since_ns = wall_ns
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
            "words": self._words.texts(),
            **self._verdicts.state(),
            "rollbacks": [[*key, of] for key, of in self._rollbacks.items()],
            "left_out": dict(self._left_out),
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
                "audits": self._audits.snapshot(),
                "violations": self._violations.snapshot(),
                "series": self._verdicts.series.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        words = json.loads(parts[_WORDS])
        self._words.take(words["words"])
        self._verdicts.restore(words["classes"], words["types"], words["bounds"])
        self._verdicts.series.restore(parts["series"])
        self._rollbacks = Counter({(tier, why): of for tier, why, of in words["rollbacks"]})
        self._left_out = Counter(words["left_out"])
        self._flushing.take(words)
        self._show()
        if words["shape"] != _SHAPE:  # of another version: agents make themselves known again
            return
        self._policies.restore(words["policies"])
        self._versions.restore(words["versions"])
        self._leaders.restore(words["leaders"])
        self._roster.restore(parts["roster"])
        self._actions.restore(parts["actions"])
        self._runs.restore(parts["runs"])
        self._audits.restore(parts["audits"])
        self._violations.restore(parts["violations"])

    def begin_again(self) -> None:
        """Every counter begins anew: what was counted before cannot be proven any more."""
        self._verdicts.series.clear()
        self._left_out.clear()

    def _read(
        self, scanned: Scan, found: list[Who], of_resource: Longs, steady_ns: int
    ) -> _Said | None:
        """What spans or records say; None of data points, which are a sign of life alone."""
        if scanned.signal is Signal.METRICS or not len(scanned.entries):
            return None
        facts = Facts(scanned, self._keys)
        people_of = of_resource[facts.resources]
        agents = np.array([who.number for who in found], np.int64)
        names = {who.number: who.name for who in found}
        told = Told(facts, agents[people_of], names, steady_ns)
        actions, steps = self._rows.deeds(told), np.zeros(0, STEP)
        signs = read_signs(facts, self._config.keys, people_of)
        speakers = {int(agents[person]) for person in signs.speakers()}
        if scanned.signal is Signal.TRACES:
            calls, steps, frameworks = self._rows.spans(told)
            actions = np.concatenate([actions, calls])
            speakers |= frameworks
        speakers |= set(np.unique(actions["agent"]).tolist())
        return _Said(
            signs,
            actions,
            steps,
            self._duties.decisions(told, people_of, found),
            self._duties.records(told, people_of, found),
            self._duties.violations(told),
            frozenset(speakers),
        )

    def _hear(self, found: list[Who], speakers: frozenset[int], steady_ns: int) -> list[int]:
        """Whoever sent something is alive; who spoke as an agent is put on the roster."""
        heard: list[int] = []
        for who in found:
            is_agent = who.number in speakers
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
            self._roster.place(found[person].number, role)
        self._take_revisions(signs, found, steady_ns)
        for person, group in signs.leaders:
            name = self._verdicts.bounds.one("mas.election.group", group)
            number = found[person].number
            if number in self._roster.agents:
                self._leaders.hear(name, number, steady_ns)
        for person, trigger, times in signs.rollbacks:
            self._rollbacks[found[person].tier, trigger] += times
            self._versions.announce(steady_ns)

    def _take_revisions(self, signs: Signs, found: list[Who], steady_ns: int) -> None:
        for person, policy, revision in signs.revisions:
            name = self._verdicts.bounds.one("mas.policy.name", policy)
            number = found[person].number
            is_known = number in self._roster.agents
            if is_known and not self._policies.hear(name, number, revision, steady_ns):
                self._leave_out("unordered", 1)
        for _, policy, revision in signs.publications:
            name = self._verdicts.bounds.one("mas.policy.name", policy)
            self._leave_out("unordered", not self._policies.publish(name, revision, steady_ns))

    def _take_rows(self, said: _Said, heard: list[int]) -> None:
        self._leave_out("runs", self._runs.add(said.steps))
        self._leave_out("decisions", self._audits.add(said.decisions, said.records))
        self._leave_out("violations", self._violations.add(said.violations))
        rows = said.actions[np.isin(said.actions["agent"], heard)]
        if len(rows):
            texts = self._words.texts()
            self._leave_out("actions", self._actions.add(rows))
            self._verdicts.expect(texts[word] for word in np.unique(rows["type"]).tolist())

    def _judge(self, steady_ns: int) -> None:
        """Let every detector say what it found."""
        verdicts, agents = self._verdicts.at(steady_ns), self._roster.agents
        verdicts.agents(self._roster.tick(steady_ns))
        texts = self._words.texts()
        clashes, forgotten = self._actions.settle(steady_ns)
        self._leave_out("actions", forgotten)
        verdicts.clashes(clashes, texts)
        loops, forgotten = self._runs.settle(steady_ns)
        self._leave_out("runs", forgotten)
        verdicts.loops(loops, texts)
        gaps, forgotten = self._audits.settle(steady_ns)
        self._leave_out("decisions", forgotten)
        verdicts.gaps(gaps, texts)
        verdicts.violations(self._violations.settle(steady_ns), texts)
        verdicts.versions(self._versions.tick(agents.values(), steady_ns), self._rollbacks)
        self._rollbacks = Counter()
        policies = self._policies
        verdicts.policies(policies.known(), policies.arrived(), policies.tick(agents))
        verdicts.leaders(self._leaders.tick(agents, steady_ns))
        verdicts.states(agents.values())

    def _tidy(self) -> None:
        """Forget words that nothing uses any more, once they are many."""
        if self._words.are_many:
            users = (self._actions, self._runs, self._audits, self._violations)
            moved = self._words.keep(word for of in users for word in of.words())
            for of in users:
                of.renumber(moved)

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
