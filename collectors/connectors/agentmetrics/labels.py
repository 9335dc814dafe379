"""What series a span counts in: its words, bounded as the catalogue says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from collectors.connectors.agentmetrics.rows import AGENT, ATTEMPT, GUARDRAIL, TOOL, WORKFLOW
from collectors.counting import combined
from collectors.dialects import Bounds, Column, Reading
from collectors.dialects.atoms import fits
from collectors.wire.kernel import Longs

_ROLE, _OPERATION, _PROVIDER, _MODEL, _TOOL, _ERROR = (
    "mas.agent.role",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.tool.name",
    "error.type",
)
_DESTINATION, _SYSTEM, _POLICY, _DECISION, _SOURCE, _TARGET = (
    "messaging.destination.name",
    "messaging.system",
    "mas.policy.name",
    "mas.policy.decision",
    "mas.source.agent",
    "mas.target.agent",
)
AGENT_NAME: Final = "gen_ai.agent.name"
_SAID_OUTCOME: Final = "mas.action.outcome"

_READ: Final = (
    *(_ROLE, _OPERATION, _PROVIDER, _MODEL, _TOOL, _ERROR, _DESTINATION, _SYSTEM, _POLICY),
    *(_DECISION, _SOURCE, _TARGET, _SAID_OUTCOME),
)
FIELDS: Final = (*_READ, AGENT_NAME)
"""What is asked of the dialects."""

LABELS: Final = (
    *_READ[:-1],
    "mas.action.type",
    "mas.action.outcome",
    "mas.error.attribution",
    "mas.llm.attempt.result",
)
"""The attributes of a label set, in this order; the agent's name stands apart."""

INVOKE: Final = "invoke"
"""The type of the action that an invocation of an agent is."""

_ATTRIBUTION: Final = {
    "rate_limit": "provider",
    "auth": "provider",
    "provider": "provider",
    "timeout": "dependency",
    "dependency": "dependency",
    "content_filter": "policy",
}
_RESULTS: Final = ("rate_limit", "auth", "timeout", "provider", "client", "content_filter")
_BLAMED: Final = ("failure", "timeout")
_FAULT_OF: Final = {"rejected": "policy", "cancelled": "user"}


class Words:
    """Numbers for what occurs often; a number stays until `keep`."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._words: list[tuple[str, ...]] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._words)

    def number(self, words: tuple[str, ...]) -> int:
        """The number of `words`."""
        found = self._numbers.get(words)
        if found is None:
            found = self._numbers[words] = len(self._words)
            self._words.append(words)
        return found

    def at(self, number: int) -> tuple[str, ...]:
        """The words of a number."""
        return self._words[number]

    def keep(self, used: Sequence[int]) -> Longs:
        """Forget all numbers but `used`, ascending; the new number of each old one, and -1 last."""
        moved = np.full(len(self._words) + 1, -1, np.int64)
        moved[np.array(used, np.int64)] = np.arange(len(used))
        self.take([self._words[number] for number in used])
        return moved

    def all(self) -> list[tuple[str, ...]]:
        """All words, in the order of their numbers."""
        return list(self._words)

    def take(self, words: Iterable[Iterable[str]]) -> None:
        """Continue with `words`."""
        self._words = [tuple(of) for of in words]
        self._numbers = {of: number for number, of in enumerate(self._words)}


class Labels:
    """Turns readings into label sets and names, both as numbers."""

    def __init__(self, action_tools: Mapping[str, str]) -> None:
        """Know which tools are actions, by pattern."""
        self._action_tools = action_tools
        self.sets = Words()
        self.names = Words()
        self.bounds = Bounds()

    def of(self, reading: Reading) -> tuple[Longs, Longs, Longs]:
        """Label set, name and agent of each row; names are -1 where there are none."""
        columns = {key: self._bounded(key, reading.fields[key]) for key in FIELDS}
        kinds = reading.kinds.astype(np.int64)
        parts = [columns[key].codes for key in _READ]
        codes = combined([kinds, reading.failed.astype(np.int64), *parts])
        _, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
        numbers = [
            self.sets.number(
                self._set(
                    int(kinds[row]),
                    [columns[key].at(row) for key in _READ],
                    failed=bool(reading.failed[row]),
                )
            )
            for row in first.tolist()
        ]
        agents = self._numbered(columns[AGENT_NAME])
        names = np.full(len(kinds), -1, np.int64)
        for key, wanted in (
            (AGENT_NAME, (AGENT, WORKFLOW)),
            (_TOOL, (TOOL,)),
            (_POLICY, (GUARDRAIL,)),
        ):
            mask = np.isin(kinds, wanted)
            names[mask] = self._numbered(columns[key])[mask]
        return np.array(numbers, np.int64)[of_row], names, agents

    def _bounded(self, key: str, column: Column) -> Column:
        used = np.unique(column.codes)
        used = used[used >= 0]
        values = [*column.values]
        told = self.bounds.bounded(key, [values[code] for code in used.tolist()])
        for code, value in zip(used.tolist(), told, strict=True):
            values[code] = value
        # Two values may have become one: the same words must have the same code.
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
        recoded = np.array([*(numbers[value] for value in values), -1], np.int64)[column.codes]
        return Column(recoded, tuple(numbers))

    def _numbered(self, column: Column) -> Longs:
        used = np.unique(column.codes)
        numbers = np.full(len(column.values) + 1, -1, np.int64)
        for code in used[used >= 0].tolist():
            numbers[code] = self.names.number((column.values[code],))
        return numbers[column.codes]

    def _set(self, kind: int, said: list[str], *, failed: bool) -> tuple[str, ...]:
        words = dict(zip(_READ, said, strict=True))
        action = self._action(kind, words[_TOOL])
        error = words[_ERROR]
        outcome = _outcome(error, words.pop(_SAID_OUTCOME), failed=failed)
        fault = _ATTRIBUTION.get(error, "agent") if outcome in _BLAMED else "none"
        words[_ROLE] = words[_ROLE] or "other"
        if kind == GUARDRAIL:
            words[_DECISION] = "error" if failed else words[_DECISION] or "allow"
        result = (error if error in _RESULTS else "other") if failed else "success"
        is_sent = kind == ATTEMPT or bool(words[_OPERATION])
        return (
            *words.values(),
            action,
            outcome if action else "",
            _FAULT_OF.get(outcome, fault) if action else "",
            result if is_sent else "",
        )

    def _action(self, kind: int, tool: str) -> str:
        if kind == AGENT:
            return INVOKE
        if kind == TOOL:
            for pattern, action in self._action_tools.items():
                if fits(tool, (pattern,)):
                    return action
        return ""


def _outcome(error: str, said: str, *, failed: bool) -> str:
    """How an action ended: what the span says of it, unless it plainly failed."""
    if failed:
        return "timeout" if error == "timeout" else "failure"
    return said or "success"
