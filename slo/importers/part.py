"""A mapping of a foreign document that knows which of its keys were used.

Whoever reads a key takes it; `done` names every key that nobody took. So nothing that a
user wrote is lost without a word, whatever a format grows later.
"""

from __future__ import annotations

from slo.diagnostic import Span
from slo.importers.report import Report
from slo.source import Mapping, Node, Scalar, Sequence


class Part:
    """The keys of one mapping, called `what` in messages."""

    def __init__(self, node: Mapping, what: str, report: Report) -> None:
        self.node = node
        self.what = what
        self.report = report
        self._taken: set[str] = set()
        self._parts: dict[str, tuple[Part, ...]] = {}

    @property
    def span(self) -> Span:
        """Where the mapping starts."""
        return self.node.span

    def has(self, key: str) -> bool:
        """Whether the file says anything under `key`; null says nothing."""
        node = self.node.get(key)
        return node is not None and not (isinstance(node, Scalar) and _empty(node))

    def place(self, key: str) -> Span:
        """Where the key stands, else where the mapping does."""
        entry = self.node.entry(key)
        return self.span if entry is None else entry.key.span

    def take(self, key: str) -> Node | None:
        """What stands under `key`, from now on used; None for nothing and for null."""
        self._taken.add(key)
        return self.node.get(key) if self.has(key) else None

    def scalar(self, key: str) -> Scalar | None:
        """The single value under `key`."""
        node = self.take(key)
        if node is not None and not isinstance(node, Scalar):
            self.report.malformed(f"{key} must be a single value", node.span)
            return None
        return node

    def needed(self, key: str) -> Scalar | None:
        """The single value under `key`, which the format requires."""
        if not self.has(key):
            self.take(key)
            self.report.malformed(f"{self.what} needs {key}", self.span)
            return None
        return self.scalar(key)

    def text(self, key: str) -> str:
        """The text under `key`; empty where there is none."""
        scalar = self.scalar(key)
        return "" if scalar is None else scalar.text.strip()

    def flag(self, key: str, *, default: bool) -> bool:
        """The truth value under `key`."""
        scalar = self.scalar(key)
        if scalar is None:
            return default
        if scalar.text.lower() not in {"true", "false"}:
            self.report.malformed(f"{key} must be true or false, got {scalar.text!r}", scalar.span)
            return default
        return scalar.text.lower() == "true"

    def child(self, key: str) -> Part | None:
        """The mapping under `key`; the same part each time."""
        node = self.take(key)
        if node is None:
            return None
        if not isinstance(node, Mapping):
            self.report.malformed(f"{key} must be a mapping", node.span)
            return None
        if key not in self._parts:
            self._parts[key] = (Part(node, key, self.report),)
        return self._parts[key][0]

    def children(self, key: str, way_out: str = "") -> tuple[Part, ...]:
        """The mappings of the list under `key`; `way_out` is told of what is none."""
        node = self.take(key)
        if node is None:
            return ()
        if key not in self._parts:
            self._parts[key] = tuple(self._items(node, key, way_out))
        return self._parts[key]

    def texts(self, key: str) -> tuple[Scalar, ...]:
        """The single values of the list under `key`."""
        node = self.take(key)
        items = node.items if isinstance(node, Sequence) else ()
        if node is not None and not isinstance(node, Sequence):
            self.report.malformed(f"{key} must be a list", node.span)
        return tuple(item for item in items if isinstance(item, Scalar))

    def lose(self, key: str, why: str) -> None:
        """Take `key` and say that it is not kept, if it is there."""
        if self.has(key):
            self.report.lost(f"{key} is not kept: {why}", self.place(key))
        self.take(key)

    def forget(self) -> None:
        """Let the parts below be, too."""
        self._parts.clear()

    def done(self) -> None:
        """Name every key that nobody took, here and below."""
        for entry in self.node.entries:
            if entry.key.text not in self._taken and self.has(entry.key.text):
                text = f"{entry.key.text} is not kept: nothing of ours says what it would say"
                self.report.lost(text, entry.key.span)
        for parts in self._parts.values():
            for part in parts:
                part.done()

    def _items(self, node: Node, key: str, way_out: str) -> list[Part]:
        if not isinstance(node, Sequence):
            self.report.malformed(f"{key} must be a list", node.span)
            return []
        found: list[Part] = []
        for item in node.items:
            if isinstance(item, Mapping):
                found.append(Part(item, f"an item of {key}", self.report))
            else:
                text = f"an item of {key} must be a mapping"
                self.report.malformed(text, item.span, way_out)
        return found


def _empty(scalar: Scalar) -> bool:
    return scalar.tag == "null" and not scalar.quoted
