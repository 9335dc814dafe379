"""Who is above whom: so that what two spans tell of one thing counts once.

The rules, for spans of one trace:

- Of operations on a model inside each other the innermost counts, unless an agent or a tool
  stands between them: then these are two.
- Of invocations of an agent inside each other the innermost counts if the agent is the same
  and nothing but steps stands between; likewise for tools, workflows and policies.
- Tokens count at the innermost span that has any. An agent's own count only if nothing at all
  below it has any.
- Requests on the wire count one by one; an operation on a model without any counts as one.
- Whatever was decided stays: a relative that comes late adds nothing.

Who sends the spans chooses how deep they lie, so what one of them costs is bounded: places are
found once for all, spans of no dialect are stepped over together, and of the others `DEEPEST`
are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentmetrics.rows import (
    AGENT,
    ALIKE,
    ATTEMPT,
    ATTEMPT_BELOW,
    ATTEMPT_TAKEN,
    COUNTED,
    COUNTS_ITSELF,
    COVERED,
    GUARDRAIL,
    HAS_TOKENS,
    LLM,
    LLM_BELOW,
    TOKENS_BELOW,
    TOKENS_NEAR,
    TOKENS_TAKEN,
    TOOL,
    WAITING,
    WORKFLOW,
    Rows,
)
from collectors.dialects import KINDS
from collectors.wire.kernel import Longs, Octets, Words

Mask = NDArray[np.bool_]

DEEPEST: Final = 64
"""Spans of agents that are looked at above one; what stands above so many is no wrapper of it.

Spans of no dialect between them are not counted.
"""

_ROUNDS: Final = 16
"""Each steps over twice as many spans of no dialect in a row as the one before."""

_STOPS: Final[Octets] = np.zeros(len(KINDS) + 1, np.uint8)
"""By kind: what is not told across such a span; the last one is a span of no dialect."""
_STOPS[[AGENT, TOOL]] = LLM_BELOW | ATTEMPT_BELOW | TOKENS_NEAR

_BARS: Final[NDArray[np.bool_]] = np.zeros((len(KINDS) + 1, len(KINDS) + 1), np.bool_)
"""By kind and the kind above: where two of one name are two things."""
_BARS[np.ix_([AGENT, TOOL, WORKFLOW, GUARDRAIL], [AGENT, TOOL, LLM, WORKFLOW, GUARDRAIL])] = True
_BARS[AGENT, [WORKFLOW, GUARDRAIL]] = False
_BARS[TOOL, [WORKFLOW, GUARDRAIL]] = False


@dataclass(frozen=True, slots=True)
class Found:
    """What was found above the spans that wait.

    Attributes:
        walkers: Their rows, and those of whom more is known above than when they were decided.
        is_told: Something above has counted what this span tells.
        tokens_told: Something above has counted its tokens.
        agents: Word of the nearest agent above, -1 where none is known.
        open_ends: The key of the topmost parent that has not come, 0 where all have.
        carried: What each tells of itself above.
        alike: Which may be the same thing as what is above.
        steps: Pairs of spans that were compared, which is what it cost.
    """

    walkers: Longs
    is_told: Mask
    tokens_told: Mask
    agents: Longs
    open_ends: Words
    carried: Octets
    alike: Mask
    steps: int


class Tree:
    """The spans by key, for one look upwards."""

    def __init__(self, rows: Rows, links: Rows) -> None:
        """Know `rows`, whose `below` and `flags` are written, and `links`."""
        self._rows = rows
        keys = np.concatenate((rows["key"], links["key"]))
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        self._ends: Words = np.concatenate((rows["parent"], links["parent"]))
        self._up = self._find(self._ends)
        self._step_over_links()

    def _step_over_links(self) -> None:
        """Let every span know the next above that is a row, or the key of what is missing."""
        for _ in range(_ROUNDS):
            below = np.flatnonzero(self._up >= len(self._rows))
            if not len(below):
                return
            above = self._up[below]
            self._ends[below], self._up[below] = self._ends[above], self._up[above]

    def _find(self, keys: Words) -> Longs:
        """The place of each key, -1 where it is not known."""
        if not len(self._sorted):
            return np.full(len(keys), -1, np.int64)
        spots = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        known = (self._sorted[spots] == keys) & (keys != 0)
        return np.where(known, self._order[spots], -1)

    def look_up(self, arrived: Words) -> Found:
        """Walk from every span that waits to the top, telling each span what is below it.

        So does a span that was decided, if the parent that it missed is among `arrived`.
        """
        rows = self._rows
        is_called = (rows["open"] != 0) & np.isin(rows["open"], arrived)
        walkers = np.flatnonzero((rows["state"] == WAITING) | is_called)
        waits = rows["state"][walkers] == WAITING
        opened = rows["open"][walkers]
        at = np.where(waits, self._up[walkers], self._find(opened))
        open_ends: Words = np.where(waits, self._ends[walkers], opened)
        open_ends[at >= 0] = 0
        walk = _Walk(rows, walkers)
        for _ in range(DEEPEST):
            at[at == walkers] = -1  # nothing stands above itself
            going = np.flatnonzero(at >= 0)
            if not len(going):
                break
            places = at[going]
            walk.meet(going, places)
            at[going] = self._up[places]
            missing = at[going] < 0
            open_ends[going[missing]] = self._ends[places[missing]]
        return walk.found(open_ends)


class _Walk:
    """All walks upwards at once, one step of each at a time."""

    def __init__(self, rows: Rows, walkers: Longs) -> None:
        self._rows = rows
        self._walkers = walkers
        mine = rows[walkers]
        self._kinds = mine["kind"].astype(np.int64)
        self._names = mine["name"]
        self._has_tokens = (mine["flags"] & HAS_TOKENS) != 0
        waits = mine["state"] == WAITING
        self._steps = 0
        own = np.zeros(len(walkers), np.uint8)
        own[self._kinds == LLM] = LLM_BELOW
        own[self._kinds == ATTEMPT] |= ATTEMPT_BELOW
        own[self._has_tokens] |= TOKENS_BELOW
        own[self._has_tokens & (self._kinds == LLM)] |= TOKENS_NEAR
        own |= mine["below"] & ~_STOPS[self._kinds]
        self._bits: Octets = np.where(waits, own, mine["carried"])
        alike = np.isin(self._kinds, (AGENT, TOOL, WORKFLOW, GUARDRAIL))
        self._is_alike: Mask = np.where(waits, alike, (mine["flags"] & ALIKE) != 0)
        self._is_told: Mask = np.zeros(len(walkers), np.bool_)
        self._tokens_told: Mask = np.zeros(len(walkers), np.bool_)
        self._agents: Longs = np.full(len(walkers), -1, np.int64)

    def meet(self, going: Longs, places: Longs) -> None:
        """Tell the spans at `places` of the walkers `going`, and these of them."""
        self._steps += len(going)
        is_row = places < len(self._rows)
        above = places[is_row]
        kinds = np.full(len(going), len(KINDS), np.int64)
        kinds[is_row] = self._rows["kind"][above]
        np.bitwise_or.at(self._rows["below"], above, self._bits[going[is_row]])
        bars = _BARS[self._kinds[going], kinds]
        bars[is_row] &= ~self._meet_rows(going[is_row], above)
        self._is_alike[going[bars]] = False
        self._bits[going] &= ~_STOPS[kinds]

    def _meet_rows(self, going: Longs, above: Longs) -> Mask:
        """Learn from the spans at `above`; which of them are the same thing."""
        there = self._rows[above]
        kinds, flags, bits = there["kind"], there["flags"], self._bits[going]
        has_counted = (there["state"] == COUNTED) | ((flags & COUNTS_ITSELF) != 0)
        mine = self._kinds[going]
        same: Mask = self._is_alike[going] & (kinds == mine) & (there["name"] == self._names[going])
        np.bitwise_or.at(self._rows["flags"], above[same], np.uint8(COVERED))
        is_model = (kinds == LLM) & ((bits & LLM_BELOW) != 0) & (mine == LLM)
        sends = (mine == ATTEMPT) & ((bits & ATTEMPT_BELOW) != 0)
        was_sent = ((kinds == ATTEMPT) & has_counted) | ((flags & ATTEMPT_TAKEN) != 0)
        self._is_told[going[(has_counted & (same | is_model)) | (sends & was_sent)]] = True
        taken = (flags & TOKENS_TAKEN) != 0
        near = (kinds == LLM) & ((bits & TOKENS_NEAR) != 0)
        self._tokens_told[going[taken & self._has_tokens[going] & (near | (kinds == AGENT))]] = True
        names = (kinds == AGENT) & (self._agents[going] < 0)
        self._agents[going[names]] = there["name"][names]
        return same

    def found(self, open_ends: Words) -> Found:
        """What came of it; `open_ends` are the keys that the walks ended at."""
        return Found(
            self._walkers,
            self._is_told,
            self._tokens_told,
            self._agents,
            open_ends,
            self._bits,
            self._is_alike,
            self._steps,
        )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What counts, of some rows.

    Attributes:
        counts: What the span stands for counts.
        tokens: Its tokens and cost do.
        attempts: It counts as a request on the wire.
    """

    counts: Mask
    tokens: Mask
    attempts: Mask


def judge(rows: Rows, found: Found) -> Verdicts:
    """Decide on all spans that wait; `found.walkers` says which."""
    mine = rows[found.walkers]
    kinds, flags, below = mine["kind"], mine["flags"], mine["below"]
    is_own = (flags & COUNTS_ITSELF) == 0
    is_llm, is_agent = kinds == LLM, kinds == AGENT
    is_covered = np.where(is_llm, (below & LLM_BELOW) != 0, (flags & COVERED) != 0)
    is_covered = np.where(kinds == ATTEMPT, (below & ATTEMPT_BELOW) != 0, is_covered)
    counts = is_own & ~is_covered & ~found.is_told
    lower = np.where(is_agent, (below & TOKENS_BELOW) != 0, (below & TOKENS_NEAR) != 0)
    tokens = is_own & ((flags & HAS_TOKENS) != 0) & ~lower & ~found.tokens_told
    attempts = counts & ((kinds == ATTEMPT) | (is_llm & ((below & ATTEMPT_BELOW) == 0)))
    return Verdicts(counts, tokens, attempts)
