"""Puts YAML's events together to nodes: aliases, merge keys, duplicates, bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

import yaml

from slo.diagnostic import Diagnostic, Level, Span
from slo.source.nodes import Entry, Mapping, Node, Scalar, Sequence

MAX_DEPTH: Final = 64
MAX_NODES: Final = 2_000_000
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)+")
_TAGS: Final = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool")} | {
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:seq": "seq",
    "tag:yaml.org,2002:map": "map",
    "!": "str",
}
# YAML 1.2.2, section 10.3.2: the core schema.
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS: Final = frozenset(("true", "True", "TRUE", "false", "False", "FALSE"))


class TooMuch(Exception):  # noqa: N818 - it says what is wrong, and never leaves the room
    """The file asks for more than the bounds allow."""

    def __init__(self, text: str, place: Span) -> None:
        super().__init__(text)
        self.place = place


class Composer:
    """Turns one stream of events into documents.

    Attributes:
        problems: What was found on the way; the nodes stay usable.
    """

    def __init__(self, file: str, text: str) -> None:
        self.problems: list[Diagnostic] = []
        self._file = file
        self._text = text
        self._lines = text.split("\n")
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._done: list[Node] = []

    def compose(self, events: Iterator[yaml.Event]) -> None:
        """Take in every document that is not empty; `unclaimed` hands them out.

        Raises:
            TooMuch: A bound is passed.
            yaml.MarkedYAMLError: The text is not YAML.
        """
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                node = self._node(next(events), events, 0)
                if not (isinstance(node, Scalar) and node.tag == "null"):
                    self._done.append(node)

    def unclaimed(self) -> list[Node]:
        """The documents that are complete, each handed out once."""
        done, self._done = self._done, []
        return done

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            msg = f"nested more than {MAX_DEPTH} levels deep"
            raise TooMuch(msg, self._span(event))
        before = self._count
        self._add(1, event)
        node = self._fresh(event, events, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = (node, self._count - before)
        return node

    def _fresh(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        self._check_tag(getattr(event, "tag", None), event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, events, depth)
        return self._mapping(event, events, depth)

    def _add(self, nodes: int, event: yaml.Event) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            msg = f"more than {MAX_NODES} values once every alias is followed"
            raise TooMuch(msg, self._span(event))

    def _alias(self, event: yaml.AliasEvent) -> Node:
        span = self._span(event)
        name = event.anchor or ""
        known = self._anchors.get(name)
        if known is None:
            text = f"alias *{name} has no anchor &{name} before it"
            self.problems.append(Diagnostic("SLO004", Level.ERROR, text, span))
            return Scalar("", "null", quoted=False, span=span)
        node, size = known
        self._add(size, event)
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        quoted = event.style is not None and event.style != ""
        tag = self._check_tag(event.tag, event)
        if tag is None:
            tag = "str" if quoted else core_tag(event.value)
        span = self._span(event)
        start, end = _marks(event)
        raw = self._text[start.index : end.index]
        if event.anchor is not None or event.tag is not None:
            properties = _PROPERTIES.match(raw)
            if properties and "\n" not in properties.group():
                shift = properties.end()
                raw = raw[shift:]
                span = Span(span.file, span.line, span.column + shift, span.end_column)
        return Scalar(event.value, tag, quoted, span, raw)

    def _check_tag(self, tag: str | None, event: yaml.Event) -> str | None:
        if tag is None:
            return None
        known = _TAGS.get(tag)
        if known is None:
            text = f"the tag {tag} is not supported"
            self.problems.append(
                Diagnostic("SLO004", Level.ERROR, text, self._span(event), "leave the tag out"),
            )
        return known

    def _sequence(
        self, start: yaml.SequenceStartEvent, events: Iterator[yaml.Event], depth: int
    ) -> Sequence:
        items: list[Node] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, depth + 1))
        return Sequence(tuple(items), self._span(start))

    def _mapping(self, start: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: list[Entry] = []
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if not isinstance(key, Scalar):
                text = "a key must be a plain word, got a list or a mapping"
                self.problems.append(Diagnostic("SLO004", Level.ERROR, text, key.span))
            elif key.text == "<<" and not key.quoted:
                merged.extend(self._merge(value))
            elif key.text in entries:
                self._duplicate(key, entries[key.text].key)
            else:
                entries[key.text] = Entry(key, value)
        for entry in merged:
            entries.setdefault(entry.key.text, entry)
        return Mapping(tuple(entries.values()), self._span(start))

    def _merge(self, value: Node) -> Iterator[Entry]:
        """The entries that ``<<`` brings in; the mapping's own keys win over them."""
        for node in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(node, Mapping):
                yield from node.entries
            else:
                text = "<< takes a mapping or a list of mappings"
                self.problems.append(Diagnostic("SLO004", Level.ERROR, text, node.span))

    def _duplicate(self, key: Scalar, first: Scalar) -> None:
        text = f"key {key.text!r} stands twice in one mapping, first in line {first.span.line}"
        self.problems.append(
            Diagnostic("SLO002", Level.ERROR, text, key.span, "keep one of the two"),
        )

    def _span(self, event: yaml.Event) -> Span:
        start, end = _marks(event)
        if start.line >= len(self._lines):
            # What is left out at the very end is placed after it by the parser.
            width = len(self._lines[-1])
            return Span(self._file, len(self._lines), max(width, 1), max(width, 1) + 1)
        line = self._lines[start.line]
        if end.line == start.line and end.column > start.column:
            stop = end.column
        else:
            stop = max(len(line.rstrip()), start.column + 1)
        return Span(self._file, start.line + 1, start.column + 1, stop + 1)


class _Mark(Protocol):
    """What both of PyYAML's parsers say about a position; characters, from 0."""

    index: int
    line: int
    column: int


def _marks(event: yaml.Event) -> tuple[_Mark, _Mark]:
    """Where `event` starts and ends. Events that come from a parser always know."""
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        msg = "the YAML parser gave an event without a place"
        raise AssertionError(msg)
    return start, end


def core_tag(text: str) -> str:
    """What a plain scalar is in YAML 1.2's core schema: `no` is a str, `~` is null."""
    if text in _NULLS:
        return "null"
    if text in _BOOLS:
        return "bool"
    if text[0] not in "+-.0123456789":
        return "str"
    if _INT.fullmatch(text):
        return "int"
    return "float" if _FLOAT.fullmatch(text) else "str"
