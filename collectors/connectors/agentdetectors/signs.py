"""What agents tell of themselves in spans and log records: each combination once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors.config import KeysConfig
from collectors.connectors.agentdetectors.facts import Facts
from collectors.counting import combined
from collectors.dialects import Column
from collectors.judging import AgentState
from collectors.wire.kernel import Longs

_STATES: Final = frozenset(AgentState)
_TRIGGERS: Final = ("auto", "manual", "agent")
_LONGEST_ID: Final = 128


@dataclass(frozen=True, slots=True)
class Beat:
    """Heartbeats of one agent.

    Attributes:
        person: Number of its process in the request.
        agent_id: Which agent of the process; empty for the process.
        states: What it said that its state is.
    """

    person: int
    agent_id: str
    states: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signs:
    """What the agents of one request tell; the first of each is the number of the process.

    Attributes:
        roles: And their roles.
        revisions: Policy and revision that were used.
        publications: Policy and revision that were published.
        leaders: Group that the process calls itself leader of.
        rollbacks: Who rolled back, and how often.
    """

    beats: tuple[Beat, ...]
    roles: tuple[tuple[int, str], ...]
    revisions: tuple[tuple[int, str, str], ...]
    publications: tuple[tuple[int, str, str], ...]
    leaders: tuple[tuple[int, str], ...]
    rollbacks: tuple[tuple[int, str, int], ...]

    def speakers(self) -> set[int]:
        """Those who spoke of themselves as agents do; who rolls back need be none."""
        found = {beat.person for beat in self.beats} | {of for of, _, _ in self.revisions}
        return found | {of for of, _ in (*self.roles, *self.leaders)}


def read_signs(facts: Facts, keys: KeysConfig, people: Longs) -> Signs:
    """What `facts` tell; `people` is the number of the process of each."""
    columns = _Columns(facts, keys, people)
    return Signs(
        tuple(columns.beats()),
        tuple(columns.roles()),
        tuple(columns.revisions(published=False)),
        tuple(columns.revisions(published=True)),
        tuple(columns.leaders()),
        tuple(columns.rollbacks()),
    )


class _Columns:
    """The columns that agents speak of themselves in."""

    def __init__(self, facts: Facts, keys: KeysConfig, people: Longs) -> None:
        """Read `facts`; `people` is the number of the process of each."""
        self._facts = facts
        self._keys = keys
        self._people = people

    def beats(self) -> Iterator[Beat]:
        """The heartbeats, those of one agent as one."""
        beat, state = self._facts.column(self._keys.heartbeat), self._facts.column(self._keys.state)
        no = [place for place, text in enumerate(beat.values) if text == "false"]
        is_beat = (beat.codes >= 0) & ~np.isin(beat.codes, no) | (state.codes >= 0)
        if not is_beat.any():
            return
        ids = self._facts.column(self._keys.agent_id)
        states: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
        for row in self._distinct(is_beat, (state, ids)):
            of = int(self._people[row]), ids.at(row)[:_LONGEST_ID]
            states[of] |= {state.at(row)} & _STATES
        for (person, agent_id), said in states.items():
            yield Beat(person, agent_id, frozenset(said))

    def roles(self) -> Iterator[tuple[int, str]]:
        """Process and role."""
        yield from self._said(self._facts.column(self._keys.role))

    def revisions(self, *, published: bool) -> Iterator[tuple[int, str, str]]:
        """Process, policy and revision that it used, or published."""
        policies = self._facts.column(self._keys.policy)
        revisions = self._facts.column(self._keys.revision)
        has_both = (policies.codes >= 0) & (revisions.codes >= 0)
        told = self._facts.column(self._keys.published)
        has_both &= np.isin(told.codes, _true(told)) == published
        for row in self._distinct(has_both, (policies, revisions)):
            yield int(self._people[row]), policies.at(row), revisions.at(row)

    def leaders(self) -> Iterator[tuple[int, str]]:
        """Process and the group that it calls itself leader of."""
        groups, leads = self._facts.column(self._keys.group), self._facts.column(self._keys.leads)
        claims = (groups.codes >= 0) & np.isin(leads.codes, _true(leads))
        for row in self._distinct(claims, (groups,)):
            yield int(self._people[row]), groups.at(row)

    def rollbacks(self) -> Iterator[tuple[int, str, int]]:
        """Process, who rolled back, and how often."""
        triggers = self._facts.column(self._keys.rollback)
        for code, text in enumerate(triggers.values):
            if text in _TRIGGERS:
                mine = self._people[triggers.codes == code]
                people, times = np.unique(mine, return_counts=True)
                for person, count in zip(people.tolist(), times.tolist(), strict=True):
                    yield person, text, count

    def _said(self, column: Column) -> Iterator[tuple[int, str]]:
        for row in self._distinct(column.codes >= 0, (column,)):
            yield int(self._people[row]), column.at(row)

    def _distinct(self, wanted: NDArray[np.bool_], columns: Sequence[Column]) -> list[int]:
        """A row for each combination that occurs, with the process, among those `wanted`."""
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return []
        codes = combined([self._people[rows], *(column.codes[rows] for column in columns)])
        found: list[int] = rows[np.unique(codes, return_index=True)[1]].tolist()
        return found


def _true(column: Column) -> list[int]:
    """The codes of the values that are true."""
    return [code for code, text in enumerate(column.values) if text.lower() == "true"]
