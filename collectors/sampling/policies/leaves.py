"""Questions about single spans: one bit each, asked where the spans arrive.

A trace's bits are OR-ed, so every question is whether *some* span is so; `invert_match` is
the answer no. What is asked of a resource is asked of each of its spans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Final, Protocol

import numpy as np

from collectors.ottl import CONTEXTS, Conditions
from collectors.ottl.columns import Mask
from collectors.patterns import pattern
from collectors.sampling.plan import MOST_LEAVES
from collectors.sampling.policies.config import LONGEST_STATE_MEMBER
from collectors.sampling.policies.scalars import boolean_of, number_of, string_of
from collectors.wire.kernel import Words
from collectors.wire.scan import Coded, Scan, numbers
from collectors.wire.spans import (
    resource_attributes,
    resource_rows,
    span_attributes,
    statuses,
    trace_states,
)

_FLAGS_FIELD: Final = 16  # Span.flags
_SAMPLED_FLAG: Final = 1  # W3C, "Trace Context", 3.2.2.5
_STATUSES: Final = ("UNSET", "OK", "ERROR")
_MOST_MEMBERS: Final = 32  # W3C, "Trace Context", 3.3.1.1


class Columns:
    """The columns of one request, each read once."""

    def __init__(self, scanned: Scan, keys: Sequence[str]) -> None:
        """Take a request and every attribute key that will be asked for."""
        self.scanned = scanned
        self._of_spans = span_attributes(scanned, keys)
        self._of_resources = resource_attributes(scanned, keys)
        self._rows = resource_rows(scanned)
        self._statuses: Words | None = None
        self._states: Coded | None = None

    def where(
        self, key: str, span: Callable[[bytes], bool], resource: Callable[[bytes], bool]
    ) -> Mask:
        """Spans whose own attribute `key` passes `span`, or their resource's `resource`."""
        of_resource = _where(self._of_resources[key], resource)[self._rows]
        found: Mask = _where(self._of_spans[key], span) | of_resource
        return found

    def statuses(self) -> Words:
        """Status of each span."""
        if self._statuses is None:
            self._statuses = statuses(self.scanned)
        return self._statuses

    def states(self) -> Coded:
        """Trace state of each span."""
        if self._states is None:
            self._states = trace_states(self.scanned)
        return self._states


class Leaf(Protocol):
    """A question about a span. Equal questions are equal values, and share a bit.

    Different questions have different texts: by those it is known what a stored bit means.
    """

    @property
    def keys(self) -> tuple[str, ...]:
        """Attribute keys that it reads."""
        ...

    @property
    def text(self) -> str:
        """The question in words."""
        ...

    def mask(self, columns: Columns) -> Mask:
        """The spans for which the answer is yes."""
        ...


@dataclass(frozen=True, slots=True)
class HasStatus:
    """A status is one of these; 0 unset, 1 OK, 2 error."""

    codes: frozenset[int]
    keys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question in words."""
        return f"a status of {', '.join(_STATUSES[code] for code in sorted(self.codes))}"

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it."""
        statuses = columns.statuses()
        return reduce(np.logical_or, (statuses == code for code in self.codes))


@dataclass(frozen=True, slots=True)
class HasText:
    """An attribute is a text that is one of `values`, or that one of them describes."""

    key: str
    values: frozenset[str]
    is_pattern: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    @property
    def text(self) -> str:
        """The question in words."""
        return f"{self.key!r} {'like' if self.is_pattern else 'in'} {sorted(self.values)}"

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it; an empty text of a span counts as none."""
        passes = self._test()
        return columns.where(
            self.key,
            lambda value: (text := string_of(value)) not in {None, ""} and passes(text or ""),
            # Of a resource, what is no text reads as an empty one (as the Collector has it).
            lambda value: passes(string_of(value) or ""),
        )

    def _test(self) -> Callable[[str], bool]:
        if self.is_pattern:
            patterns = [pattern(value) for value in sorted(self.values)]
            return lambda text: any(of.search(text) is not None for of in patterns)
        wanted = self.values - {""}
        return lambda text: text in wanted


@dataclass(frozen=True, slots=True)
class HasNumber:
    """An attribute is a number from `low` to `high`, both included; None is no bound."""

    key: str
    low: int | None
    high: int | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    @property
    def text(self) -> str:
        """The question in words."""
        return f"{self.key!r} from {self.low} to {self.high}"

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it."""
        return columns.where(self.key, self._passes, self._passes)

    def _passes(self, value: bytes) -> bool:
        number = number_of(value)
        return (
            number is not None
            and (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
        )


@dataclass(frozen=True, slots=True)
class HasFlag:
    """An attribute is this yes or no."""

    key: str
    value: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    @property
    def text(self) -> str:
        """The question in words."""
        return f"{self.key!r} is {str(self.value).lower()}"

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it."""

        def passes(value: bytes) -> bool:
            return boolean_of(value) is self.value

        return columns.where(self.key, passes, passes)


@dataclass(frozen=True, slots=True)
class HasState:
    """A member of the trace state has one of these values."""

    key: str
    values: frozenset[str]
    keys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question in words."""
        return f"trace state {self.key!r} in {sorted(self.values)}"

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it."""
        return _where(columns.states(), lambda state: _members(state).get(self.key) in self.values)


@dataclass(frozen=True, slots=True)
class IsFlagged:
    """The W3C flag `sampled` is set."""

    keys: tuple[str, ...] = ()
    text: str = "the sampled flag"

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it."""
        scanned = columns.scanned
        flags = numbers(scanned, scanned.entries, (_FLAGS_FIELD,))[0]
        found: Mask = (flags & np.uint64(_SAMPLED_FLAG)) != 0
        return found


@dataclass(frozen=True, slots=True)
class Holds:
    """One of these conditions holds for the span, or for one of its events."""

    span: tuple[str, ...]
    event: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question in words."""
        return " or ".join(
            (*(f"({of})" for of in self.span), *(f"event ({of})" for of in self.event))
        )

    def mask(self, columns: Columns) -> Mask:
        """Which spans have it."""
        scanned = columns.scanned
        found: Mask = np.zeros(len(scanned.entries), np.bool_)
        for context, texts in (("span", self.span), ("spanevent", self.event)):
            if texts:
                conditions = _conditions(context, texts)
                rows = conditions.rows(scanned)
                found[rows.entry[conditions(rows)]] = True
        return found


@lru_cache(maxsize=MOST_LEAVES)
def _conditions(context: str, texts: tuple[str, ...]) -> Conditions:
    return Conditions(texts, CONTEXTS[context])


def _where(coded: Coded, test: Callable[[bytes], bool]) -> Mask:
    """Rows whose value passes; a row without one does not."""
    answers = [*(test(value) for value in coded.values), False]
    found: Mask = np.array(answers, np.bool_)[coded.codes]
    return found


def _members(state: bytes) -> dict[str, str]:
    """The members of a trace state; none where it breaks the rules."""
    found: dict[str, str] = {}
    for member in state.decode().split(","):
        key, separator, value = member.strip(" \t").partition("=")
        if not key and not separator:
            continue
        is_bad = not key or not value or key in found
        if is_bad or len(member) > 2 * LONGEST_STATE_MEMBER or len(found) == _MOST_MEMBERS:
            return {}
        found[key] = value
    return found
