"""An Alertmanager configuration as values: routes, inhibitions, time intervals, receivers.

What the generator builds, what the simulator evaluates, and what is read back from a
file are the same values, so that a proof speaks about the file that ships.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

Labels = Mapping[str, str]
"""One alert's labels, `alertname` among them."""

Setting = (
    str
    | int
    | bool
    | Mapping[str, str]
    | Mapping[str, Mapping[str, str]]
    | tuple[Mapping[str, str], ...]
)
"""A value inside an integration (a Slack channel, a PagerDuty link)."""

GROUP_BY_ALL: Final = "..."
"""Alertmanager's word for: every distinct label set is a group of its own."""

CATCH_ALL: Final = "fleetslo-catch-all"
AUDIT: Final = "fleetslo-audit"
WATCHDOG: Final = "fleetslo-watchdog"
NOBODY: Final = "fleetslo-nobody"

_MATCHER: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"(.*)"|([^"]*?))\s*')
_UNESCAPED: Final = re.compile(r"\\(.)")
_REGEX_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One condition on one label, with the spelling and the meaning of Alertmanager.

    Attributes:
        op: One of ``=``, ``!=``, ``=~``, ``!~``. A missing label has the empty value;
            regular expressions are anchored on both ends.
    """

    label: str
    op: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``severity="page"``.

        Raises:
            ValueError: `text` is not a matcher.
        """
        found = _MATCHER.fullmatch(text)
        if found is None:
            msg = f'not a matcher: {text!r}, write for example severity="page"'
            raise ValueError(msg)
        label, op, quoted, bare = found.groups()
        value = bare if quoted is None else _UNESCAPED.sub(_unescape, quoted)
        return cls(label, op, value)

    def matches(self, labels: Labels) -> bool:
        """Whether an alert with `labels` fulfils it."""
        got = labels.get(self.label, "")
        if self.op in ("=", "!="):
            return (got == self.value) is (self.op == "=")
        return (re.fullmatch(self.value, got) is not None) is (self.op == "=~")

    def text(self) -> str:
        """As it stands in the file: ``severity="page"``."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.op}"{escaped}"'


def equals(label: str, value: str) -> Matcher:
    """`label` is exactly `value`."""
    return Matcher(label, "=", value)


def present(label: str) -> Matcher:
    """`label` is there and not empty: the guard of an inhibition."""
    return Matcher(label, "!=", "")


def one_of(label: str, values: Iterable[str]) -> Matcher:
    """`label` is one of `values`, which must not be empty; each is taken literally."""
    return _choice(label, values, positive=True)


def none_of(label: str, values: Iterable[str]) -> Matcher:
    """`label` is none of `values`, which must not be empty."""
    return _choice(label, values, positive=False)


def _choice(label: str, values: Iterable[str], *, positive: bool) -> Matcher:
    chosen = sorted(set(values))
    if len(chosen) == 1:
        return Matcher(label, "=" if positive else "!=", chosen[0])
    pattern = "|".join(_REGEX_SPECIAL.sub(r"\\\1", value) for value in chosen)
    return Matcher(label, "=~" if positive else "!~", pattern)


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether `labels` fulfil every one of `matchers`."""
    return all(matcher.matches(labels) for matcher in matchers)


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree; None means inherited from the parent.

    Attributes:
        receiver: The name of a receiver.
        waits: `group_wait`, `group_interval` and `repeat_interval`, those that are set.
        continues: A sibling after this one may match too.
        mute: Names of time intervals during which nothing is sent.
        active: Names of time intervals outside of which nothing is sent.
        why: One line for the reader of the file.
    """

    receiver: str | None
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    waits: Mapping[str, str] = field(default_factory=dict[str, str])
    continues: bool = False
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    why: str = ""

    def walk(self) -> Iterator[Route]:
        """This route and all below it, in the order of the file."""
        yield self
        for child in self.routes:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert that matches `source` fires, those that match `target` are silent.

    Attributes:
        equal: Labels that must have the same value on both; missing counts as empty.
        name: Emitted from Alertmanager 0.30 on, and in the runbooks.
        why: One line for the reader of the file.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    name: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that repeats or stands once; empty fields do not restrict.

    Attributes:
        start: ``HH:MM``; with `end` the part of the day, `end` exclusive, at most ``24:00``.
        weekdays: ``monday:friday`` or a single day.
        year: With `month` and `day` a single date.
    """

    start: str = ""
    end: str = ""
    weekdays: tuple[str, ...] = ()
    year: int | None = None
    month: int | None = None
    day: int | None = None
    location: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A named set of times; a time belongs to it when it belongs to any of `spans`."""

    name: str
    spans: tuple[Span, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A named list of integrations, each of a kind such as ``webhook``; may be empty."""

    name: str
    integrations: tuple[tuple[str, Mapping[str, Setting]], ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """A whole configuration."""

    root: Route
    inhibitions: tuple[Inhibition, ...]
    intervals: tuple[Interval, ...]
    receivers: tuple[Receiver, ...]
    templates: tuple[str, ...] = ("templates/*.tmpl",)


def _unescape(match: re.Match[str]) -> str:
    return {"n": "\n"}.get(match[1], match[1])
