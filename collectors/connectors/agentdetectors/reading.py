"""From a request to rows: the actions and the steps of runs that its spans and records tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import numpy as np

from collectors.connectors.agentdetectors import actions, runs
from collectors.connectors.agentdetectors.config import AgentDetectorsConfig, ToolConfig
from collectors.connectors.agentdetectors.facts import Facts, hashed, hashes
from collectors.dialects import Column, Kind, Reader, Reading, number_of
from collectors.dialects.atoms import fits
from collectors.dialects.words import OTHER
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
_NOT_DONE: Final = frozenset({"rejected", "cancelled", "deferred"})
_LONGEST_WORD: Final = 256
_MOST_WORDS: Final = 20_000
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


class Rows:
    """Makes the rows; `words` gives a text its number."""

    def __init__(self, config: AgentDetectorsConfig, words: dict[str, int]) -> None:
        """Know what is asked, and the words."""
        self._config = config
        self._reader = Reader(_READ)
        self._words = words

    def deeds(self, told: Told) -> actions.Rows:
        """The actions that are told as such."""
        keys, facts = self._config.keys, told.facts
        types, targets = facts.column(keys.type), facts.column(keys.target)
        outcomes = facts.column(keys.outcome)
        ignored = [place for place, text in enumerate(types.values) if self._ignores(text)]
        undone = [place for place, text in enumerate(outcomes.values) if text in _NOT_DONE]
        is_action = (types.codes >= 0) & (targets.codes >= 0)
        is_action &= ~np.isin(types.codes, ignored) & ~np.isin(outcomes.codes, undone)
        rows = np.flatnonzero(is_action)
        if not len(rows):
            return np.zeros(0, actions.ROW)
        found = self._empty(told, rows)
        found["type"] = self._numbered(_at(types, rows))
        kinds_of = hashes(_at(types, rows))
        found["on"] = _pairs(kinds_of, hashes(_at(targets, rows)))
        found["value"] = hashes(_at(facts.column(keys.value), rows))
        said = hashes(_at(facts.column(keys.key), rows))
        found["key"] = np.where(said != 0, said, self._own_keys(told, rows, found))
        found["epoch"] = _epochs(_at(facts.column(keys.epoch), rows))
        kept: actions.Rows = found[(hashes(_at(targets, rows)) != 0) & (kinds_of != 0)]
        return kept

    def spans(self, told: Told) -> tuple[actions.Rows, runs.Rows, frozenset[int]]:
        """Calls of tools that are actions, the steps of runs, and who spoke a dialect of agents."""
        reading = self._reader.read(told.facts.scanned)
        nothing = np.zeros(0, actions.ROW), np.zeros(0, runs.STEP)
        if reading is None:
            return *nothing, frozenset()
        speakers = frozenset(np.unique(told.agents[reading.rows]).tolist())
        reading = reading.only(np.isin(reading.kinds, (_CALL, _MODEL, _HANDOFF)))
        if not len(reading.rows):
            return *nothing, speakers
        arguments = _at(told.facts.column(self._config.keys.arguments), reading.rows)
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
            found["type"] = self._word(tool.type)
            found["on"], found["value"] = on[codes], value[codes]
            found["key"] = self._own_keys(told, rows, found)
            made.append(found[found["on"] != 0])
        return np.concatenate(made)

    def _steps(self, told: Told, reading: Reading, arguments: Column) -> runs.Rows:
        tools, names = reading.fields[_TOOL], reading.fields[_NAME]
        sources, targets = reading.fields[_SOURCE], reading.fields[_TARGET]
        config = self._config.loops
        ignored = [at for at, name in enumerate(tools.values) if fits(name, config.ignore_tools)]
        is_call = (reading.kinds == _CALL) & (tools.codes >= 0) & (arguments.codes >= 0)
        is_call &= ~np.isin(tools.codes, ignored)
        is_model = reading.kinds == _MODEL
        here, there = hashes(sources), hashes(targets)
        here = np.where(here != 0, here, hashes(names))
        is_handoff = (reading.kinds == _HANDOFF) & (here != 0) & (there != 0) & (here != there)
        traces = np.ascontiguousarray(trace_ids(told.facts.scanned)[reading.rows]).view("<i8")
        has_trace = traces.any(axis=1)
        steps = np.zeros(len(reading.rows), runs.STEP)
        steps["run"] = _pairs(traces[:, 0], traces[:, 1])
        steps["seen"] = told.steady_ns
        steps["span"] = told.facts.identities()[reading.rows]
        steps["agent"] = self._agents(told, reading, names)
        who = _pairs(steps["agent"].astype(np.int64), reading.dialects.astype(np.int64))
        ways = kinds(told.facts.scanned)[reading.rows].astype(np.int64)
        call = _pairs(hashes(tools), _pairs(hashes(arguments), ways))
        pair = _pairs(np.minimum(here, there), np.maximum(here, there))
        steps["back"] = is_handoff & (here > there)
        for mask, kind, what in (
            (is_call, runs.REPETITION, _pairs(who, call)),
            (is_model, runs.ENDLESS, who),
            (is_handoff, runs.PING_PONG, pair),
        ):
            steps["kind"][mask] = kind
            step = _pairs(_pairs(steps["run"], what), np.full(len(steps), kind, np.int64))
            steps["step"][mask] = step[mask]
        kept: runs.Rows = steps[has_trace & (is_call | is_model | (is_handoff & (here != there)))]
        return kept

    def _agents(self, told: Told, reading: Reading, names: Column) -> Longs:
        """The word of each row's agent: its own name, else that of its process."""
        said = self._numbered(names)
        if np.all(said >= 0):
            return said
        own, of_row = np.unique(told.agents[reading.rows], return_inverse=True)
        words = np.array([self._word(told.names[of]) for of in own.tolist()], np.int64)
        return np.where(said >= 0, said, words[of_row])

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
        record = _pairs(_pairs(found["agent"], found["on"]), _pairs(found["value"], found["said"]))
        return np.where(spans != 0, spans, record)

    def _ignores(self, text: str) -> bool:
        return not text or fits(text, self._config.actions.ignore_types)

    def _numbered(self, column: Column) -> Longs:
        used = np.unique(column.codes)
        numbers = np.full(len(column.values) + 1, -1, np.int64)
        for code in used[used >= 0].tolist():
            numbers[code] = self._word(column.values[code])
        return numbers[column.codes]

    def _word(self, text: str) -> int:
        text = text[:_LONGEST_WORD] if len(self._words) < _MOST_WORDS else OTHER
        return self._words.setdefault(text, len(self._words))


def _at(column: Column, rows: Longs) -> Column:
    """A column of some rows, with the values that these have alone."""
    used, codes = np.unique(column.codes[rows], return_inverse=True)
    absent = int(len(used) > 0 and used[0] < 0)
    values = tuple(column.values[code] for code in used[absent:].tolist())
    return Column(codes.astype(np.int64) - absent, values)


def _pairs(left: Longs, right: Longs) -> Longs:
    """One number for two, 1 or more, 63 bits; the mixing is that of splitmix64."""
    words = left.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + right.astype(np.uint64)
    words = (words ^ (words >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return np.maximum((words >> np.uint64(1)).astype(np.int64), 1)


def _epochs(column: Column) -> Longs:
    """Epochs as numbers; what is none is 0."""
    found = [
        int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
        for text in column.values
    ]
    return np.array([*found, 0], np.int64)[column.codes]


def _meant(tool: ToolConfig, arguments: Column, used: Longs) -> tuple[Longs, Longs]:
    """Type with target, and value, by the code of the arguments; 0 where they do not say it."""
    on = np.zeros(len(arguments.values), np.int64)
    value = np.zeros(len(arguments.values), np.int64)
    kind = hashed(tool.type)
    for code in used.tolist():
        said = _members(arguments.values[code])
        target = said.get(tool.target)
        if target is not None:
            pair = _pairs(np.array([kind]), np.array([hashed(_text(target))]))
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
