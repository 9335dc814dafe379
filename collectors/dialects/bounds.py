"""Values of attributes as they may stand in labels: known ones, and no more than allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from collectors.dialects.words import OTHER
from slo.catalog import metrics

_STRANGE: Final = {
    "error.type": "_OTHER",
    "mas.agent.role": "other",
    "mas.policy.decision": "error",
}


class Bounds:
    """No attribute has more values than the catalogue allows; the rest are `OTHER`."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        catalogue = metrics().attributes
        self._bounds = {of.key: of.bound for of in catalogue if not of.values}
        self._closed = {of.key: of.values for of in catalogue if of.values}
        self.seen: dict[str, dict[str, None]] = {}

    def bounded(self, key: str, values: Iterable[str]) -> list[str]:
        """`values` as they may stand in a label, in their order."""
        return [self.one(key, value) for value in values]

    def one(self, key: str, value: str) -> str:
        """`value` as it may stand in a label."""
        if key in self._closed:
            return value if value in self._closed[key] else _STRANGE.get(key, "")
        if key not in self._bounds:
            return value
        seen = self.seen.setdefault(key, {})
        if value not in seen:
            if len(seen) >= self._bounds[key]:
                return OTHER
            seen[value] = None
        return value
