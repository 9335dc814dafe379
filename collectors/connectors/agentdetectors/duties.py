"""From a request to rows: decisions that need an audit record, such records, and violations."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors import audits, violations
from collectors.connectors.agentdetectors.config import AgentDetectorsConfig
from collectors.connectors.agentdetectors.facts import Who, at, hashed, hashes, pairs, whole
from collectors.connectors.agentdetectors.reading import Told
from collectors.connectors.agentdetectors.words import Words
from collectors.dialects import Column, counted_scopes
from collectors.dialects.atoms import fits
from collectors.wire.kernel import Longs

Mask = NDArray[np.bool_]

_ACTION, _REMEDIATION = "action", "remediation"
_NAME: Final = "gen_ai.agent.name"
_TRUE: Final = ("true", "True")
_DENIALS: Final = ("deny", "denied", "block", "blocked", "true")
_UNGRADED, _UNSTOPPED, _BLOCKED = (
    violations.SEVERITIES.index("high"),
    violations.REACTIONS.index("logged"),
    violations.REACTIONS.index("blocked"),
)
NAMED: Final = (_NAME,)
"""What is asked of spans and records beside `keys`."""


class Duties:
    """Makes the rows; `words` gives a text its number."""

    def __init__(self, config: AgentDetectorsConfig, words: Words) -> None:
        """Know what is asked, and the words."""
        self._config = config
        self._words = words
        self._counted = counted_scopes(config.without_metrics)

    def decisions(self, told: Told, people: Longs, found: list[Who]) -> audits.Rows:
        """The spans that need an audit record; `people` is the number of the process of each."""
        facts, keys, config = told.facts, self._config.keys, self._config.audits
        if not facts.are_spans:
            return np.zeros(0, audits.DECISION)
        types, targets = facts.column(keys.type), facts.column(keys.target)
        is_needed: Mask = np.zeros(len(facts), np.bool_)
        if _ACTION in config.decisions:
            exempt = _codes(types, config.exempt_types)
            is_needed |= (types.codes >= 0) & (targets.codes >= 0) & ~np.isin(types.codes, exempt)
        if _REMEDIATION in config.decisions:
            is_needed |= facts.column(keys.remediation).codes >= 0
        rows = np.flatnonzero(is_needed & (facts.spans() != 0))
        if not len(rows):
            return np.zeros(0, audits.DECISION)
        agents = told.agents[rows]
        made: audits.Rows = np.zeros(len(rows), audits.DECISION)
        made["span"] = pairs(facts.spans()[rows], agents)
        above = facts.parents()[rows]
        made["above"] = np.where(above != 0, pairs(above, agents), 0)
        made["key"] = self._called(told, rows)
        made["family"] = _families(found)[people[rows]]
        made["seen"] = told.steady_ns
        made["name"] = told.classes(rows, self._words)
        return made

    def records(self, told: Told, people: Longs, found: list[Who]) -> audits.Rows:
        """The log records that are audit records."""
        facts, keys = told.facts, self._config.keys
        if facts.are_spans:
            return np.zeros(0, audits.RECORD)
        audit = facts.column(keys.audit)
        rows = np.flatnonzero(np.isin(audit.codes, _codes(audit, _TRUE)))
        if not len(rows):
            return np.zeros(0, audits.RECORD)
        agents, spans = told.agents[rows], facts.spans()[rows]
        made: audits.Rows = np.zeros(len(rows), audits.RECORD)
        made["span"] = np.where(spans != 0, pairs(spans, agents), 0)
        made["key"] = self._called(told, rows)
        made["family"] = _families(found)[people[rows]]
        made["seen"], made["said"] = told.steady_ns, facts.times()[rows]
        made["agent"] = agents
        # Processes that nothing tells from each other have numbers that mean nothing.
        is_known = np.array([bool(who.place) for who in found], np.bool_)[people[rows]]
        made["number"] = np.where(is_known, whole(at(facts.column(keys.sequence), rows)), 0)
        made["name"] = told.classes(rows, self._words)
        return made

    def violations(self, told: Told) -> violations.Rows:
        """The spans and log records that tell of a broken rule, by those who do not count it."""
        facts, keys = told.facts, self._config.keys
        rules, severities = facts.column(keys.rule), facts.column(keys.severity)
        decisions, policies = facts.column(keys.decision), facts.column(keys.policy)
        is_denied = np.isin(decisions.codes, _codes(decisions, _DENIALS))
        is_judged = decisions.codes >= 0
        is_told = (rules.codes >= 0) & (is_denied | ~is_judged)
        is_told |= is_denied & (severities.codes >= 0) & (policies.codes >= 0)
        if is_told.any() and self._counted:
            is_told &= ~facts.of_scopes(self._counted)
        rows = np.flatnonzero(is_told)
        made: violations.Rows = np.zeros(len(rows), violations.TELLING)
        if not len(rows):
            return made
        said = at(rules, rows)
        by_rule = self._words.numbered(said)
        policy = self._words.numbered(at(policies, rows))
        made["rule"] = np.where(by_rule >= 0, by_rule, policy)
        rule = np.where(by_rule >= 0, hashes(said), hashes(at(policies, rows)))
        own = self._words.numbered(at(facts.column(NAMED), rows))
        made["name"] = np.where(own >= 0, own, told.classes(rows, self._words))
        made["severity"] = _graded(at(severities, rows), violations.SEVERITIES, _UNGRADED)
        stopped = np.where(is_denied[rows], _BLOCKED, _UNSTOPPED)
        made["reaction"] = _graded(
            at(facts.column(keys.reaction), rows), violations.REACTIONS, stopped
        )
        made["seen"], made["by_record"] = told.steady_ns, not facts.are_spans
        spans = facts.spans()[rows]
        where = pairs(pairs(spans, told.agents[rows]), rule)
        alone = pairs(where, facts.times()[rows])
        made["of"] = np.where(spans != 0, where, alone)
        made["id"] = where if facts.are_spans else pairs(alone, np.ones(len(rows), np.int64))
        return made

    def _called(self, told: Told, rows: Longs) -> Longs:
        """By what a decision is called beside its span: its key, else its incident."""
        keys = self._config.keys
        said = hashes(at(told.facts.column(keys.key), rows))
        return np.where(said != 0, said, hashes(at(told.facts.column(keys.incident), rows)))


def _families(found: list[Who]) -> Longs:
    return np.array([hashed(who.family) for who in found], np.int64)


def _codes(column: Column, patterns: tuple[str, ...] | list[str]) -> list[int]:
    """The codes of the values that fit one of `patterns`."""
    return [code for code, text in enumerate(column.values) if fits(text, patterns)]


def _graded(column: Column, known: tuple[str, ...], default: int | Longs) -> Longs:
    """The place of each row's value among those that are `known`, else the default."""
    places = [known.index(text) if text in known else -1 for text in column.values]
    found = np.array([*places, -1], np.int64)[column.codes]
    return np.where(found >= 0, found, default)
