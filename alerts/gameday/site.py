"""Where a game day takes place: servers of its own, or those that somebody has already.

On a site of its own every notification is received. On a given one the pages belong to
people, so Alertmanager is asked instead whom it would tell.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import yaml

from alerts.gameday import ask
from alerts.gameday.fleet.reach import unreachable
from alerts.gameday.stack import Stack
from alerts.gameday.tree import (
    COUNTING_SECONDS,
    EVALUATION_SECONDS,
    GROUP_WAIT_SECONDS,
    PUSH_SECONDS,
    SCRAPE_SECONDS,
)
from alerts.gameday.webhook import Page
from collectors.instrument.dialects import shapes
from slo.exact import Duration
from slo.servers import ServerError

GIVEN_PUSH_SECONDS: Final = 15.0
"""Between two exports of a fleet that reports to a collector of somebody's own: the SDK's pace."""

MODELS_ANSWER: Final = "models answer"
HEALTHY: Final = (
    ("all agents are healthy", 'sum(mas_agent_count{mas_agent_state!="healthy"}) == 0'),
    (
        "health checks pass",
        'sum(rate(mas_agent_health_checks_total{mas_check_result="pass"}[1m])) > 0',
    ),
    (
        "actions succeed",
        'sum(rate(mas_agent_actions_total{mas_action_outcome="success"}[1m])) > 0',
    ),
    ("one orchestrator leads", "max(mas_leader_count) == 1"),
    (MODELS_ANSWER, "sum(rate(gen_ai_client_operation_duration_seconds_count[1m])) > 0"),
    ("queues move", "sum(rate(mas_queue_message_wait_seconds_count[1m])) > 0"),
    ("SLIs are recorded", 'count(slo:sli_total:rate5m{slo_id="agent-fleet-action-success"}) > 0'),
)
"""What must hold before anything is broken: what it means, and the condition."""

_POLL_SECONDS: Final = 1.0
_DEFAULT_INTERVAL: Final = "1m"  # Prometheus' own, of scraping and of evaluation
_RECEIVER: Final = "fleetslo-"
_PAGE: Final = "-page"


class Heard(Protocol):
    """Who was told what, as far as this site can know."""

    def received(self) -> tuple[Page, ...]:
        """Everything so far, in the order of arrival."""
        ...

    def wait(self, wanted: Callable[[Page], bool], timeout_seconds: float) -> Page | None:
        """The first page that is `wanted`, past ones included; None when the time is over."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """Addresses, and how long a sample is under way.

    Attributes:
        prometheus: Base URL; likewise `alertmanager`.
        way_seconds: From an agent to a person at the longest: export, scrape, evaluation and
            what Alertmanager gathers.
        healthy: What must hold before anything is broken: what it means, and the condition.
    """

    prometheus: str
    alertmanager: str
    pages: Heard
    way_seconds: float
    healthy: tuple[tuple[str, str], ...] = HEALTHY

    def of(self, dialect: str) -> Site:
        """The same for a fleet whose agents speak `dialect`: what they do is known later."""
        if not dialect:
            return self
        shape = shapes().get(dialect)
        tells = shape is None or bool(shape.llm)
        healthy = tuple(each for each in self.healthy if tells or each[0] != MODELS_ANSWER)
        return replace(self, way_seconds=self.way_seconds + COUNTING_SECONDS, healthy=healthy)


def own(stack: Stack) -> Site:
    """The site of a stack of our own."""
    way = PUSH_SECONDS + SCRAPE_SECONDS + EVALUATION_SECONDS + GROUP_WAIT_SECONDS
    return Site(stack.prometheus.url, stack.alertmanager.url, stack.webhooks, way)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Servers of somebody's own.

    Attributes:
        grpc: ``host:port`` of the collector that this Prometheus scrapes.
        http: Base URL of its OTLP over HTTP.
    """

    prometheus: str
    alertmanager: str
    grpc: str
    http: str

    def site(self) -> Site:
        """See whether they are there and hold our rules.

        Raises:
            ServerError: One of them cannot be reached or holds no rules; says which.
        """
        for name, address in (("the collector", self.grpc), ("the collector", self.http)):
            if reason := unreachable(address):
                msg = f"{name} cannot be reached: {reason}"
                raise ServerError(msg)
        try:
            rules = ask.holds(self.prometheus)
            scrape, evaluation = _intervals(ask.configuration(self.prometheus))
            pages = Asked(self.alertmanager)
        except ask.UnansweredError as error:
            raise ServerError(str(error)) from error
        if not rules:
            msg = f"{self.prometheus} has no alerting rules: generate them and have it load them"
            raise ServerError(msg)
        way = GIVEN_PUSH_SECONDS + scrape + evaluation
        return Site(self.prometheus, self.alertmanager, pages, way)


class Asked:
    """Alertmanager's own account of whom it tells, asked again and again.

    Raises:
        UnansweredError: It does not answer.
    """

    def __init__(self, alertmanager: str) -> None:
        self._alertmanager = alertmanager
        self._lock = threading.Lock()
        self._pages: list[Page] = []
        self._active: set[tuple[str, str]] = set()
        self._look()

    def received(self) -> tuple[Page, ...]:
        """See `Heard.received`."""
        self._look()
        return tuple(self._pages)

    def wait(self, wanted: Callable[[Page], bool], timeout_seconds: float) -> Page | None:
        """See `Heard.wait`."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            for page in self.received():
                if wanted(page):
                    return page
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(left, _POLL_SECONDS))

    def _look(self) -> None:
        now = time.time()
        held = [each for each in ask.held(self._alertmanager) if not each.suppressed]
        with self._lock:
            active: set[tuple[str, str]] = set()
            for each in held:
                labels = str(sorted(each.labels.items()))
                group = {"root_cause": each.labels.get("root_cause", "")}
                for team in _teams(each.receivers):
                    active.add((labels, team))
                    if (labels, team) not in self._active:
                        page = Page(team, now, "firing", each.labels, {}, "", group)
                        self._pages.append(page)
            self._active = active


def _teams(receivers: tuple[str, ...]) -> list[str]:
    """The teams that are paged, by the names that the generated routes give to receivers."""
    return [
        name.removeprefix(_RECEIVER).removesuffix(_PAGE)
        for name in receivers
        if name.startswith(_RECEIVER) and name.endswith(_PAGE)
    ]


def _intervals(configuration: str) -> tuple[float, float]:
    """Seconds between scrapes and between evaluations, by Prometheus' configuration."""
    words: object = yaml.safe_load(configuration)
    values = words.get("global") if isinstance(words, dict) else None
    found = values if isinstance(values, dict) else {}
    return (
        _seconds(str(found.get("scrape_interval", _DEFAULT_INTERVAL))),
        _seconds(str(found.get("evaluation_interval", _DEFAULT_INTERVAL))),
    )


def _seconds(text: str) -> float:
    return Duration.parse(text).ms / 1000
