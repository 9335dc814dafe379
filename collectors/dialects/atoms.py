"""Conditions over whole columns: each test is made once for each distinct value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.dialects.model import (
    SCOPE,
    SPAN_KIND,
    SPAN_KINDS,
    SPAN_NAME,
    Condition,
    Matcher,
)
from collectors.wire.scan import Coded, Scan
from collectors.wire.spans import kinds, scope_texts, span_attributes, span_names
from collectors.wire.values import as_text

Mask: TypeAlias = NDArray[np.bool_]


class Atoms:
    """Tests on the spans of one request, each made when it is asked for first."""

    def __init__(self, scanned: Scan, conditions: Iterable[Condition]) -> None:
        """Read the columns that `conditions` may ask for."""
        self._scanned = scanned
        self._size = len(scanned.entries)
        keys = {key for condition in conditions for key in condition}
        self._attributes: Mapping[str, Coded] = span_attributes(
            scanned, sorted(keys - {SCOPE, SPAN_NAME, SPAN_KIND})
        )
        self._made: dict[tuple[str, Matcher], Mask] = {}

    def any_of(self, conditions: Sequence[Condition]) -> Mask:
        """The spans for which one of `conditions` holds."""
        found: Mask = np.zeros(self._size, np.bool_)
        for condition in conditions:
            found |= self.all_of(condition)
        return found

    def all_of(self, condition: Condition) -> Mask:
        """The spans for which everything in `condition` holds."""
        found: Mask = np.ones(self._size, np.bool_)
        for key, matcher in condition.items():
            found &= self._atom(key, matcher)
        return found

    def _atom(self, key: str, matcher: Matcher) -> Mask:
        mask = self._made.get((key, matcher))
        if mask is None:
            mask = self._made[key, matcher] = self._make(key, matcher)
        return mask

    def _make(self, key: str, matcher: Matcher) -> Mask:
        if key == SPAN_KIND:
            return self._of_kind(matcher)
        if key == SCOPE:
            return _fits(self._scopes, matcher, _plain)[self._scanned.entries[:, 3]]
        if key == SPAN_NAME:
            return _fits(self._names, matcher, _plain)
        return _fits(self._attributes[key], matcher, as_text)

    def _of_kind(self, matcher: Matcher) -> Mask:
        wanted = matcher if isinstance(matcher, tuple) else ()
        numbers = [number for number, name in enumerate(SPAN_KINDS) if name in wanted]
        found: Mask = np.isin(kinds(self._scanned), numbers)
        return found

    @cached_property
    def _names(self) -> Coded:
        return span_names(self._scanned)

    @cached_property
    def _scopes(self) -> Coded:
        """The name of the instrumentation scope, one code for each row of `scopes`."""
        return scope_texts(self._scanned)[0]


def _plain(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _fits(coded: Coded, matcher: Matcher, read: Callable[[bytes], str]) -> Mask:
    """Which rows have a value that fits; one that is absent fits False alone."""
    if isinstance(matcher, bool):
        present: Mask = coded.codes >= 0
        return present if matcher else ~present
    hits = [fits(read(value), matcher) for value in coded.values]
    found: Mask = np.array([*hits, False], np.bool_)[coded.codes]  # -1 is the last one
    return found


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of `patterns` is `text`, ``*`` standing for any text."""
    return any(
        text == pattern or ("*" in pattern and fnmatchcase(text, pattern.replace("[", "[[]")))
        for pattern in patterns
    )
