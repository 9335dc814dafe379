"""What came of a case: fired when it should, told to whom it should be, silent otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from alerts.gameday.runner import Found, Outcome, Verdict, routed
from alerts.gameday.scenarios import TOLERANCE_SECONDS, Expected
from alerts.gameday.virtual.cases import Case
from alerts.gameday.virtual.model import STEP
from alerts.gameday.virtual.told import Told
from slo import names
from slo.model import AlertRule, RuleGroup, Severity
from slo.replay import Firing

_SEVERAL_TEAMS: Final = frozenset({"compliance", names.LOST_SIGNALS})
"""Causes that are the work of more than one team: Legal knows while operations pauses the agent,
and each owner looks for its own signals."""


def judge(
    case: Case, groups: Sequence[RuleGroup], firings: Iterable[Firing], told: Told | None
) -> Outcome:
    """The outcome of `case`; without `told`, the team is the one that the alert names."""
    firings = tuple(one for one in firings if one.labels["alertname"] != names.WATCHDOG)
    found = tuple(_found(each, case, groups, firings, told) for each in case.scenario.expected)
    wrong = [*_unexpected(case, firings)]
    if told is not None:
        wrong += [f"a second notification of {cause}" for cause in told.twice()]
        more = [cause for cause in told.twice_told() if cause not in _SEVERAL_TEAMS]
        wrong += [f"a second notification of {cause} in the course of time" for cause in more]
    others = sorted({(one.labels["alertname"], one.labels.get("team", "")) for one in firings})
    wanted = {each.alert for each in case.scenario.expected}
    return Outcome(
        case.scenario,
        found,
        tuple(dict.fromkeys(wrong)),
        tuple(pair for pair in others if pair[0] not in wanted),
        tally=None if told is None else told.tally(),
    )


def due_seconds(expected: Expected, case: Case, groups: Sequence[RuleGroup]) -> float:
    """Detection, the `for` of the rule, and half of a scrape's and an evaluation's wait."""
    hold, interval = 0.0, 0.0
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, AlertRule) and _is_rule(expected, rule):
                hold = float(rule.hold.total_seconds)
                interval = float(group.interval.total_seconds)
    scrape = case.script.scrape_seconds
    return expected.detection(case.script.baseline_seconds) + hold + (scrape + interval) / 2


def _is_rule(expected: Expected, rule: AlertRule) -> bool:
    known = [(key, value) for key, value in expected.where if key in rule.labels]
    return rule.name == expected.alert and all(rule.labels[key] == value for key, value in known)


def _found(
    expected: Expected,
    case: Case,
    groups: Sequence[RuleGroup],
    firings: Sequence[Firing],
    told: Told | None,
) -> Found:
    due = due_seconds(expected, case, groups)
    mine = [
        one
        for one in firings
        if expected.is_meant(one.labels) and one.start >= case.script.injected
    ]
    if not mine:
        return Found(expected, due, None, (), Verdict.MISSING)
    first = min(mine, key=lambda one: one.start)
    took = first.start - case.script.injected
    held_back = told is not None and expected.title in case.held_back
    if told is None:
        teams: tuple[str, ...] = (first.labels.get("team", ""),)
    else:
        teams = (
            routed(expected, told.held, suppressed=True) if held_back else _teams(expected, told)
        )
    verdict = Verdict.HELD_BACK if held_back else Verdict.MET
    # Who looks half as often may see it half of the longer wait earlier or later.
    seldom = (case.script.scrape_seconds - STEP) / 2
    if abs(took - due) > TOLERANCE_SECONDS + seldom:
        verdict = Verdict.LATE
    if expected.team not in teams:
        verdict = Verdict.WRONG_TEAM
    return Found(expected, due, took, teams, verdict)


def _teams(expected: Expected, told: Told) -> tuple[str, ...]:
    """Whom it reached: a page must arrive, a ticket waits for hours and must be routed."""
    if expected.severity is Severity.PAGE:
        arrived = (page.team for page in told.pages if expected.is_meant(page.labels))
        return tuple(dict.fromkeys(arrived))
    return routed(expected, told.held)


def _unexpected(case: Case, firings: Sequence[Firing]) -> Iterable[str]:
    for one in firings:
        name = one.labels["alertname"]
        if one.start < case.script.injected:
            yield f"{name}, before anything was broken"
        elif name not in case.also and not any(
            each.is_meant(one.labels) for each in case.scenario.expected
        ):
            yield name
