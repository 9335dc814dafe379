"""A game day in real time: a healthy fleet, a fault, and the wait for the right page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.gameday import ask, faults
from alerts.gameday.fleet.crew import Crew
from alerts.gameday.oracles import Oracle
from alerts.gameday.scenarios import TOLERANCE_SECONDS, Expected, Scenario
from alerts.gameday.site import Site
from alerts.gameday.webhook import Page
from slo.model import Severity

BASELINE_SECONDS: Final = 45.0
HEALTHY_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 1.0


class Verdict(StrEnum):
    """How an expectation ended."""

    MET = "met"
    LATE = "late"
    MISSING = "missing"
    WRONG_TEAM = "wrong team"
    HELD_BACK = "held back by its cause"


FINE: Final = frozenset({Verdict.MET, Verdict.HELD_BACK})
"""An alert may be held back only where the scenario says so."""


@dataclass(frozen=True, slots=True)
class Found:
    """An expectation and what came of it.

    Attributes:
        due_seconds: Computed time from injection to page.
        took_seconds: Measured likewise; None when nothing came.
        teams: Who got it.
    """

    expected: Expected
    due_seconds: float
    took_seconds: float | None
    teams: tuple[str, ...]
    verdict: Verdict
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often people are told of one incident.

    Attributes:
        causes: Root causes that somebody is told of.
        told: Notifications: distinct pairs of receiver and root cause that are not silent.
        called: Those of them that call a second team, by an escalation.
        plain: What routing by severity alone would send: each alert of each service.
    """

    causes: int
    told: int
    called: int
    plain: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario that was run.

    Attributes:
        forbidden: Alerts that came though they must not.
        others: Further pages, `(alert, team)`, in the order of arrival.
        tally: None where nobody was told.
        oracles: What else must hold, in real time.
    """

    scenario: Scenario
    found: tuple[Found, ...]
    forbidden: tuple[str, ...]
    others: tuple[tuple[str, str], ...]
    error: str = ""
    tally: Tally | None = None
    oracles: tuple[Oracle, ...] = ()

    @property
    def passed(self) -> bool:
        """Everything expected came, in time and to the right team, and nothing forbidden did."""
        met = all(found.verdict in FINE for found in self.found)
        holds = all(oracle.holds for oracle in self.oracles)
        return met and holds and not self.forbidden and not self.error


class UnhealthyError(RuntimeError):
    """The fleet did not become healthy; the message says what is missing."""


def wait_healthy(site: Site, timeout_seconds: float = HEALTHY_SECONDS) -> float:
    """Wait until the baseline holds; returns the seconds it took.

    Raises:
        UnhealthyError: It does not, after `timeout_seconds`.
    """
    began = time.monotonic()
    missing = [meaning for meaning, _ in site.healthy]
    while time.monotonic() - began < timeout_seconds:
        missing = unmet(site)
        if not missing:
            return time.monotonic() - began
        time.sleep(_POLL_SECONDS)
    msg = f"the fleet was not healthy after {timeout_seconds:.0f} s, missing: {', '.join(missing)}"
    raise UnhealthyError(msg)


def unmet(site: Site) -> list[str]:
    """What the baseline still lacks."""
    try:
        return [meaning for meaning, expr in site.healthy if not ask.query(site.prometheus, expr)]
    except ask.UnansweredError:
        return [meaning for meaning, _ in site.healthy]


def run(
    scenario: Scenario,
    site: Site,
    crew: Crew,
    *,
    baseline_seconds: float = BASELINE_SECONDS,
    stage: faults.Stage | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Break the fleet as `scenario` says and wait for everything that must come of it.

    Args:
        scenario: What is done, and what is expected.
        site: Where the fleet reports to.
        crew: The fleet.
        baseline_seconds: Healthy traffic before the fault.
        stage: What may be broken beside the fleet; healed in the end, and must recover.
        tell: Told what happens.

    Raises:
        UnhealthyError: The fleet never was healthy, or did not become it again.
    """
    began = time.monotonic()
    wait_healthy(site)
    time.sleep(max(0.0, baseline_seconds - (time.monotonic() - began)))
    baseline = time.monotonic() - began
    loaded = ask.holds(site.prometheus)
    tell(f"{scenario.id}: {scenario.fault.injection}")
    injected = time.time()
    faults.inject(scenario.fault, crew, stage)
    found: list[Found] = []
    for expected in scenario.expected:
        due = due_seconds(expected, loaded, baseline, site.way_seconds)
        found.append(_await(expected, site, injected, due))
        tell(f"{scenario.id}: {found[-1].expected.alert}: {found[-1].verdict}")
    if scenario.fault.needs_stage:
        faults.heal(scenario.fault, crew, stage)
        tell(f"{scenario.id}: healed, and healthy again after {wait_healthy(site):.0f} s")
    return _outcome(scenario, site, injected, tuple(found))


def due_seconds(
    expected: Expected, loaded: dict[str, list[float]], baseline: float, way_seconds: float
) -> float:
    """From injection to page: detection, `for`, half of the way of a sample on average."""
    hold = expected.hold_seconds
    if hold is None:
        hold = min(loaded.get(expected.alert, [0.0]))
    return expected.detection(baseline) + hold + way_seconds / 2


def _await(expected: Expected, site: Site, injected: float, due: float) -> Found:
    deadline = injected + due + TOLERANCE_SECONDS
    while time.time() < deadline:
        left = min(_POLL_SECONDS, max(0.0, deadline - time.time()))
        page = site.pages.wait(lambda page: _matches(page, expected, injected), left)
        if page is not None:
            return _judge(expected, due, page.at - injected, (page.team,), page)
        held = ask.held(site.alertmanager)
        since = [page for page in site.pages.received() if page.firing and page.at >= injected]
        if expected.severity is Severity.TICKET:
            teams = routed(expected, held)
        else:
            teams = joined(expected, held, since)
        if teams:
            return _judge(expected, due, time.time() - injected, teams, None)
    return Found(expected, due, None, (), Verdict.MISSING)


def _matches(page: Page, expected: Expected, injected: float) -> bool:
    return page.firing and expected.is_meant(page.labels) and page.at >= injected


def routed(
    expected: Expected, held: Iterable[ask.Held], *, suppressed: bool = False
) -> tuple[str, ...]:
    """The teams that Alertmanager would tell; only where it holds back, if asked for.

    A ticket itself waits for working hours, and nobody waits for that here.
    """
    ending = f"-{expected.severity.value}"
    teams = (
        name.removeprefix("fleetslo-").removesuffix(ending)
        for each in held
        if expected.is_meant(each.labels) and (each.suppressed or not suppressed)
        for name in each.receivers
    )
    return tuple(dict.fromkeys(teams))


def joined(expected: Expected, held: Iterable[ask.Held], pages: Iterable[Page]) -> tuple[str, ...]:
    """The teams that were woken already for the root cause of an alert that now fires as well.

    It joins their notification instead of waking them again: one for each root cause.
    """
    firing = [each for each in held if expected.is_meant(each.labels) and not each.suppressed]
    causes = {each.labels.get("root_cause") for each in firing}
    woken = {page.team for page in pages if page.group.get("root_cause") in causes}
    return tuple(team for team in routed(expected, firing) if team in woken)


def _judge(
    expected: Expected, due: float, took: float, teams: tuple[str, ...], page: Page | None
) -> Found:
    verdict = Verdict.MET
    if abs(took - due) > TOLERANCE_SECONDS:
        verdict = Verdict.LATE
    if expected.team not in teams:
        verdict = Verdict.WRONG_TEAM
    return Found(expected, due, took, teams, verdict, page)


def _outcome(scenario: Scenario, site: Site, injected: float, found: tuple[Found, ...]) -> Outcome:
    wanted = {(expected.alert, expected.team) for expected in scenario.expected}
    came = dict.fromkeys(
        (page.alert, page.team)
        for page in site.pages.received()
        if page.firing and page.at >= injected
    )
    fired = {
        each.labels.get("alertname", "")
        for each in ask.held(site.alertmanager)
        if not each.suppressed
    }
    fired |= {alert for alert, _ in came}
    forbidden = tuple(alert for alert in scenario.forbidden if alert in fired)
    others = tuple(pair for pair in came if pair not in wanted and pair[0] not in forbidden)
    return Outcome(scenario, found, forbidden, others)
