"""What a YAML file is made of, as written, each part with its place.

A scalar keeps the text of the file: `99.90` stays ``99.90`` and `no` stays ``no``. Whoever
reads it decides what it means, so nothing is lost before the meaning is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from slo.diagnostic import Span


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf.

    Attributes:
        text: The value after YAML's unquoting and folding, otherwise untouched.
        tag: What it is in YAML 1.2's core schema: str, int, float, bool or null.
        quoted: It was written in quotes or as a block, and is a string whatever it says.
        span: Its first line.
        raw: As it stands in the file, quotes and block header included; `inside` uses it.
    """

    text: str
    tag: str
    quoted: bool
    span: Span
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and what it holds."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file, each key once: the first one counts."""

    entries: tuple[Entry, ...]
    span: Span

    def entry(self, key: str) -> Entry | None:
        """The entry under `key`, if there is one."""
        for entry in self.entries:
            if entry.key.text == key:
                return entry
        return None

    def get(self, key: str) -> Node | None:
        """What stands under `key`, if anything does."""
        entry = self.entry(key)
        return None if entry is None else entry.value


Node: TypeAlias = Scalar | Sequence | Mapping
