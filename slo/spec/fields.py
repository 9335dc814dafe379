"""Reads values out of a mapping whose form has been checked already.

What does not fit was reported by `slo.spec.check`; here it counts as absent, so that
the checks that come later still run on everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from slo.diagnostic import Span
from slo.exact import Duration, Ratio, number
from slo.source import Mapping, Node, Scalar, Sequence

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fields:
    """The keys of one mapping."""

    mapping: Mapping

    @classmethod
    def of(cls, node: Node | None, place: Span) -> Fields:
        """The keys of `node`; none where it is not a mapping."""
        return cls(node if isinstance(node, Mapping) else Mapping((), place))

    def has(self, key: str) -> bool:
        """Whether the file says anything under `key`."""
        return self.mapping.get(key) is not None

    def place(self, key: str) -> Span:
        """Where the value of `key` stands, else where the mapping does."""
        node = self.mapping.get(key)
        return self.mapping.span if node is None else node.span

    def scalar(self, key: str) -> Scalar | None:
        """The leaf under `key`."""
        node = self.mapping.get(key)
        return node if isinstance(node, Scalar) and node.tag != "null" else None

    def text(self, key: str, default: str = "") -> str:
        """The text under `key`, without white space at its ends."""
        scalar = self.scalar(key)
        return default if scalar is None else scalar.text.strip()

    def scalars(self, key: str) -> tuple[Scalar, ...]:
        """The leaves of the list under `key`."""
        node = self.mapping.get(key)
        items = node.items if isinstance(node, Sequence) else ()
        return tuple(item for item in items if isinstance(item, Scalar))

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of the list under `key`."""
        return tuple(item.text.strip() for item in self.scalars(key))

    def pairs(self, key: str) -> dict[str, str]:
        """The mapping of text to text under `key`, sorted by key."""
        entries = self.child(key).mapping.entries
        found = {e.key.text: e.value.text.strip() for e in entries if isinstance(e.value, Scalar)}
        return dict(sorted(found.items()))

    def child(self, key: str) -> Fields:
        """The mapping under `key`; an empty one where there is none."""
        return Fields.of(self.mapping.get(key), self.place(key))

    def number(self, key: str) -> Fraction | None:
        """The number under `key`."""
        return self._parsed(key, number)

    def percent(self, key: str) -> Ratio | None:
        """The share under `key`, stated in percent."""
        return self._parsed(key, Ratio.from_percent)

    def duration(self, key: str) -> Duration | None:
        """The duration under `key`; ``0s`` is zero."""
        return self._parsed(key, _duration)

    def flag(self, key: str, *, default: bool) -> bool:
        """The truth value under `key`."""
        scalar = self.scalar(key)
        return default if scalar is None else scalar.text.lower() == "true"

    def _parsed(self, key: str, parse: Callable[[str], _T]) -> _T | None:
        scalar = self.scalar(key)
        if scalar is None:
            return None
        try:
            return parse(scalar.text)
        except ValueError:
            return None


def overlaid(own: Mapping, base: Mapping, deep: frozenset[str]) -> Mapping:
    """`own` completed from `base`; under the keys `deep` the same, key by key."""
    entries = {entry.key.text: entry for entry in own.entries}
    for entry in base.entries:
        name = entry.key.text
        mine = entries.get(name)
        if mine is None:
            entries[name] = entry
        elif name in deep and isinstance(mine.value, Mapping) and isinstance(entry.value, Mapping):
            merged = overlaid(mine.value, entry.value, frozenset())
            entries[name] = type(mine)(mine.key, merged)
    return Mapping(tuple(entries.values()), own.span)


def _duration(text: str) -> Duration:
    return Duration(0) if text in {"0", "0s"} else Duration.parse(text)
