"""From a request to rows: the actions and the steps of runs that its spans and records tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors import actions, runs
from collectors.connectors.agentdetectors.config import AgentDetectorsConfig, ToolConfig
from collectors.connectors.agentdetectors.facts import Facts, at, hashed, hashes, pairs, whole
from collectors.connectors.agentdetectors.words import Words
from collectors.dialects import Column, Kind, Reader, Reading, counted_scopes, number_of
from collectors.dialects.atoms import fits
from collectors.wire.kernel import Longs
from collectors.wire.spans import kinds, trace_ids

_NAME, _TOOL, _SOURCE, _TARGET = (
    "gen_ai.agent.name",
    "gen_ai.tool.name",
    "mas.source.agent",
    "mas.target.agent",
)
_READ: Final = (_NAME, _TOOL, _SOURCE, _TARGET)
_CALL, _MODEL, _HANDOFF = (number_of(kind) for kind in (Kind.TOOL, Kind.LLM, Kind.HANDOFF))
_MESSAGES: Final = (number_of(Kind.MESSAGE), number_of(Kind.SEND))
"""What need be no agent's."""

_NOT_DONE: Final = frozenset({"rejected", "cancelled", "deferred"})
_FAILED: Final = frozenset({"failure", "timeout"})
_VERSIONED: Final = "versioned"
_LONGEST_ARGUMENTS: Final = 64 * 1024


class Told:
    """What one request tells.

    Attributes:
        facts: Its spans or records.
        agents: Number of the agent that each is of.
        names: What the class of each agent is called, by number.
    """

    def __init__(
        self, facts: Facts, agents: Longs, names: Mapping[int, str], steady_ns: int
    ) -> None:
        """Hold them together."""
        self.facts = facts
        self.agents = agents
        self.names = names
        self.steady_ns = steady_ns

    def classes(self, rows: Longs, words: Words) -> Longs:
        """The word of the class that the process of each of `rows` is of."""
        own, of_row = np.unique(self.agents[rows], return_inverse=True)
        found = np.array([words.number(self.names[of]) for of in own.tolist()], np.int64)
        return found[of_row]


class Rows:
    """Makes the rows; `words` gives a text its number."""

    def __init__(self, config: AgentDetectorsConfig, words: Words) -> None:
        """Know what is asked, and the words."""
        self._config = config
        self._reader = Reader(_READ)
        self._words = words
        self._counted = counted_scopes(config.without_metrics)

    def deeds(self, told: Told) -> actions.Rows:
        """The actions that are told as such."""
        keys, facts = self._config.keys, told.facts
        types, targets = facts.column(keys.type), facts.column(keys.target)
        outcomes = facts.column(keys.outcome)
        ignored = [place for place, text in enumerate(types.values) if self._ignores(text)]
        undone = [place for place, text in enumerate(outcomes.values) if text in _NOT_DONE]
        is_action = (types.codes >= 0) & (targets.codes >= 0) & ~np.isin(types.codes, ignored)
        bases = facts.column(keys.base)
        # Whoever fails because the version has moved on has overwritten nothing.
        failed = [place for place, text in enumerate(outcomes.values) if text in _FAILED]
        is_undone = (bases.codes >= 0) & np.isin(outcomes.codes, failed)
        is_undone |= np.isin(outcomes.codes, undone)
        # A span of which nothing was done says so of the records inside it too.
        rows = np.flatnonzero(is_action & ~is_undone | is_action & facts.are_spans)
        if not len(rows):
            return np.zeros(0, actions.ROW)
        found = self._empty(told, rows)
        found["type"] = self._words.numbered(at(types, rows))
        kinds_of = hashes(at(types, rows))
        found["base"] = hashes(at(bases, rows))
        # What has versions is one thing, whatever is done to it.
        alike = np.where(found["base"] != 0, hashed(_VERSIONED), kinds_of)
        found["on"] = pairs(alike, hashes(at(targets, rows)))
        found["value"] = hashes(at(facts.column(keys.value), rows))
        said = hashes(at(facts.column(keys.key), rows))
        found["key"] = np.where(said != 0, said, self._own_keys(told, rows, found))
        found["inside"] = np.where(said != 0, 0, self._insides(told, rows, found))
        found["by_record"], found["undone"] = not facts.are_spans, is_undone[rows]
        found["epoch"] = whole(at(facts.column(keys.epoch), rows))
        found["lease"] = hashes(at(facts.column(keys.lease), rows))
        kept: actions.Rows = found[(hashes(at(targets, rows)) != 0) & (kinds_of != 0)]
        return kept

    def spans(self, told: Told) -> tuple[actions.Rows, runs.Rows, frozenset[int]]:
        """Calls of tools that are actions, the steps of runs, and who spoke a dialect of agents."""
        reading = self._reader.read(told.facts.scanned)
        nothing = np.zeros(0, actions.ROW), np.zeros(0, runs.STEP)
        if reading is None:
            return *nothing, frozenset()
        spoke = reading.rows[~np.isin(reading.kinds, _MESSAGES)]
        speakers = frozenset(np.unique(told.agents[spoke]).tolist())
        reading = reading.only(np.isin(reading.kinds, (_CALL, _MODEL, _HANDOFF)))
        if not len(reading.rows):
            return *nothing, speakers
        arguments = at(told.facts.column(self._config.keys.arguments), reading.rows)
        calls, steps = self._calls(told, reading, arguments), self._steps(told, reading, arguments)
        return calls, steps, speakers

    def _calls(self, told: Told, reading: Reading, arguments: Column) -> actions.Rows:
        tools = reading.fields[_TOOL]
        made: list[actions.Rows] = [np.zeros(0, actions.ROW)]
        for tool in self._config.actions.tools:
            hits = [place for place, name in enumerate(tools.values) if fits(name, (tool.tool,))]
            mine = (reading.kinds == _CALL) & np.isin(tools.codes, hits) & (arguments.codes >= 0)
            if not mine.any():
                continue
            rows = reading.rows[mine]
            codes = arguments.codes[mine]
            on, value = _meant(tool, arguments, np.unique(codes))
            found = self._empty(told, rows)
            found["type"] = self._words.number(tool.type)
            found["on"], found["value"] = on[codes], value[codes]
            found["key"] = self._own_keys(told, rows, found)
            found["inside"] = self._insides(told, rows, found)
            made.append(found[found["on"] != 0])
        return np.concatenate(made)

    def _steps(self, told: Told, reading: Reading, arguments: Column) -> runs.Rows:
        tools, names = reading.fields[_TOOL], reading.fields[_NAME]
        sources, targets = reading.fields[_SOURCE], reading.fields[_TARGET]
        config = self._config.loops
        ignored = [
            code for code, name in enumerate(tools.values) if fits(name, config.ignore_tools)
        ]
        is_call = (reading.kinds == _CALL) & (tools.codes >= 0) & (arguments.codes >= 0)
        is_call &= ~np.isin(tools.codes, ignored)
        is_model = reading.kinds == _MODEL
        here, there = hashes(sources), hashes(targets)
        here = np.where(here != 0, here, hashes(names))
        is_handoff = (reading.kinds == _HANDOFF) & (here != 0) & (there != 0) & (here != there)
        traces = np.ascontiguousarray(trace_ids(told.facts.scanned)[reading.rows]).view("<i8")
        has_trace = traces.any(axis=1)
        steps = np.zeros(len(reading.rows), runs.STEP)
        steps["run"] = pairs(traces[:, 0], traces[:, 1])
        steps["seen"] = told.steady_ns
        steps["span"] = told.facts.identities()[reading.rows]
        steps["agent"] = self._agents(told, reading, names)
        who = pairs(steps["agent"].astype(np.int64), reading.dialects.astype(np.int64))
        ways = kinds(told.facts.scanned)[reading.rows].astype(np.int64)
        call = pairs(hashes(tools), pairs(hashes(arguments), ways))
        pair = pairs(np.minimum(here, there), np.maximum(here, there))
        steps["back"] = is_handoff & (here > there)
        for mask, kind, what in (
            (is_call, runs.REPETITION, pairs(who, call)),
            (is_model, runs.ENDLESS, who),
            (is_handoff, runs.PING_PONG, pair),
        ):
            steps["kind"][mask] = kind
            step = pairs(pairs(steps["run"], what), np.full(len(steps), kind, np.int64))
            steps["step"][mask] = step[mask]
        has_trace &= ~self._counts_itself(told, reading)
        kept: runs.Rows = steps[has_trace & (is_call | is_model | (is_handoff & (here != there)))]
        return kept

    def _agents(self, told: Told, reading: Reading, names: Column) -> Longs:
        """The word of each row's agent: its own name, else that of its process."""
        said = self._words.numbered(names)
        if np.all(said >= 0):
            return said
        return np.where(said >= 0, said, told.classes(reading.rows, self._words))

    def _counts_itself(self, told: Told, reading: Reading) -> NDArray[np.bool_]:
        """The spans of those who count their loops themselves."""
        if not self._counted:
            return np.zeros(len(reading.rows), np.bool_)
        return told.facts.of_scopes(self._counted)[reading.rows]

    def _empty(self, told: Told, rows: Longs) -> actions.Rows:
        found = np.zeros(len(rows), actions.ROW)
        found["at"] = told.steady_ns
        found["said"] = told.facts.times()[rows]
        found["agent"] = told.agents[rows]
        return found

    @staticmethod
    def _own_keys(told: Told, rows: Longs, found: actions.Rows) -> Longs:
        """A key for each action that says none: its span, or all that its record says."""
        spans = told.facts.identities()[rows]
        record = pairs(pairs(found["agent"], found["on"]), pairs(found["value"], found["said"]))
        return np.where(spans != 0, spans, record)

    @staticmethod
    def _insides(told: Told, rows: Longs, found: actions.Rows) -> Longs:
        """The span that each action is, or that its record was written in, with what was done."""
        spans = told.facts.spans()[rows]
        where = pairs(pairs(spans, found["agent"]), found["on"])
        return np.where(spans != 0, where, 0)

    def _ignores(self, text: str) -> bool:
        return not text or fits(text, self._config.actions.ignore_types)


def _meant(tool: ToolConfig, arguments: Column, used: Longs) -> tuple[Longs, Longs]:
    """Type with target, and value, by the code of the arguments; 0 where they do not say it."""
    on = np.zeros(len(arguments.values), np.int64)
    value = np.zeros(len(arguments.values), np.int64)
    kind = hashed(tool.type)
    for code in used.tolist():
        said = _members(arguments.values[code])
        target = said.get(tool.target)
        if target is not None:
            pair = pairs(np.array([kind]), np.array([hashed(_text(target))]))
            on[code] = pair[0]
            if tool.value and said.get(tool.value) is not None:
                value[code] = hashed(_text(said[tool.value]))
    return on, value


def _members(text: str) -> Mapping[str, object]:
    """The members of a JSON object; none of anything else."""
    if len(text) > _LONGEST_ARGUMENTS:
        return {}
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
