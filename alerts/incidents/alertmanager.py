"""What an Alertmanager knows of an incident: silences, what is silent now, and its routing.

It forgets alerts when they are over, and keeps silences for some days; whom it told it keeps
nowhere that can be asked. So that is computed, from the routing that it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from alerts.routing.insert import read
from alerts.routing.tree import Labels, Matcher, Routing, all_match
from slo.ask import Plain, UnreachableError, fetched


@dataclass(frozen=True, slots=True)
class Silence:
    """What a person silenced, seconds since 1970.

    Attributes:
        by: Who, as stated there.
        comment: Why, as stated there.
    """

    matchers: tuple[Matcher, ...]
    starts: float
    ends: float
    by: str
    comment: str

    def told(self) -> str:
        """Which alerts, by whom and why."""
        what = " and ".join(matcher.text() for matcher in self.matchers) or "everything"
        return f"{what} by {self.by or 'somebody'}: {self.comment or 'no comment'}"

    def holds(self, labels: Labels, at: float) -> bool:
        """Whether it keeps an alert with `labels` silent at `at`."""
        return self.starts <= at < self.ends and all_match(self.matchers, labels)


@dataclass(frozen=True, slots=True)
class Known:
    """An alert that is there now.

    Attributes:
        receivers: Whom it would be told to, by the words of Alertmanager.
        inhibited_by: The names of the alerts that keep it silent.
        silenced_by: How many silences do.
        muted_by: The time intervals that do; told from Alertmanager 0.28 on.
    """

    labels: Labels
    receivers: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    silenced_by: int
    muted_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """All that was asked for.

    Attributes:
        routing: What it runs; None where that is not a routing that we understand.
        why: Why there is no routing, in words.
        retention_seconds: Silences that ended longer ago are forgotten; its default.
    """

    silences: tuple[Silence, ...]
    known: tuple[Known, ...]
    routing: Routing | None
    why: str = ""
    retention_seconds: float = 120 * 3_600.0

    def external(self, usual: frozenset[str]) -> dict[str, str]:
        """The labels that all its alerts share and that none of `usual` is called.

        Prometheus adds them on the way; ``ALERTS`` does not have them.
        """
        if not self.known:
            return {}
        shared = set(self.known[0].labels.items())
        for each in self.known[1:]:
            shared &= each.labels.items()
        return {name: value for name, value in sorted(shared) if name not in usual}


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A server that answers as Alertmanager does.

    Attributes:
        url: Its base address, ``http`` or ``https``; a path prefix is kept.
        headers: Sent with every question. Never printed.

    Source: Alertmanager, api/v2/openapi.yaml.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            msg = f"an Alertmanager is asked by http or https, got {self.url!r}"
            raise ValueError(msg)

    def state(self) -> State:
        """What it holds now.

        Raises:
            UnreachableError: No answer, or not one of an Alertmanager.
        """
        try:
            silences = tuple(_silence(each) for each in _nodes(self._get("silences")))
            known = _known(_nodes(self._get("alerts")))
            config = _text(_node(_node(self._get("status")).get("config")).get("original"))
        except (KeyError, ValueError) as error:
            msg = f"{self.url} does not answer as an Alertmanager does: {error}"
            raise UnreachableError(msg) from error
        try:
            return State(silences, known, read(config))
        except ValueError as error:
            return State(silences, known, None, str(error))

    def _get(self, what: str) -> Plain:
        return fetched(f"{self.url.rstrip('/')}/api/v2/{what}", self.headers)


def _silence(node: Mapping[str, Plain]) -> Silence:
    return Silence(
        tuple(_matcher(each) for each in _nodes(node.get("matchers"))),
        _seconds(node.get("startsAt")),
        _seconds(node.get("endsAt")),
        _text(node.get("createdBy")),
        " ".join(_text(node.get("comment")).split()),
    )


def _matcher(node: Mapping[str, Plain]) -> Matcher:
    # Before 0.22 there was no isEqual: a matcher was positive.
    positive, pattern = node.get("isEqual", True) is not False, node.get("isRegex") is True
    op = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return Matcher(_text(node.get("name")), op[positive, pattern], _text(node.get("value")))


def _known(nodes: Sequence[Mapping[str, Plain]]) -> tuple[Known, ...]:
    names = {_text(each.get("fingerprint")): _name(each) for each in nodes}
    return tuple(_one(each, names) for each in nodes)


def _one(node: Mapping[str, Plain], names: Mapping[str, str]) -> Known:
    status = _node(node.get("status"))
    return Known(
        {name: _text(value) for name, value in _node(node.get("labels")).items()},
        tuple(_text(each.get("name")) for each in _nodes(node.get("receivers"))),
        tuple(sorted({names.get(each, each) for each in _texts(status.get("inhibitedBy"))})),
        len(_texts(status.get("silencedBy"))),
        _texts(status.get("mutedBy")),
    )


def _name(node: Mapping[str, Plain]) -> str:
    return _text(_node(node.get("labels")).get("alertname"))


def _seconds(value: Plain) -> float:
    return datetime.fromisoformat(_text(value)).timestamp()


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else ""


def _node(value: Plain) -> Mapping[str, Plain]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Plain) -> Sequence[Plain]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _nodes(value: Plain) -> list[Mapping[str, Plain]]:
    return [each for each in _items(value) if isinstance(each, Mapping)]


def _texts(value: Plain) -> tuple[str, ...]:
    return tuple(each for each in _items(value) if isinstance(each, str))
