"""What a game day has shown: a table for people, JUnit for machines."""

from __future__ import annotations

import statistics
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Final

from alerts.gameday.runner import FINE, Found, Outcome
from alerts.gameday.virtual.coverage import Coverage
from slo.model import Severity
from slo.plural import plural

HEAD = (
    "| scenario | what was done | expected alert | team | due | took | verdict | told | plain |",
    "|---|---|---|---|---:|---:|---|---:|---:|",
)
BEGIN: Final = "<!-- gameday: begin -->"
END: Final = "<!-- gameday: end -->"


def markdown(outcomes: Sequence[Outcome], shown: Coverage | None = None) -> str:
    """A report: what it comes to, and one row for each expectation.

    Args:
        outcomes: What was run.
        shown: Which alerts are proven; None when nobody has looked.
    """
    lines = ["# Game day", "", *_summary(outcomes), *_coverage(shown), "", *table(outcomes)]
    lines += [note for outcome in outcomes for note in _notes(outcome)]
    return "\n".join(lines) + "\n"


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """One row for each expectation."""
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    return [*HEAD, *rows]


def inserted(document: str, outcomes: Sequence[Outcome], shown: Coverage | None) -> str:
    """`document` with the part between `BEGIN` and `END` made anew.

    Raises:
        ValueError: It has no such part.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"the file must have a line {BEGIN} and a line {END}"
        raise ValueError(msg)
    inside = [*_summary(outcomes), *_coverage(shown), "", *table(outcomes)]
    return "\n".join([before + BEGIN, "", *inside, "", END + after])


def junit(outcomes: Sequence[Outcome]) -> str:
    """The same for a build server: a suite, and one case for each scenario.

    Source: the JUnit XML that Jenkins and GitLab read (testsuite, testcase, failure).
    """
    failed = [outcome for outcome in outcomes if not outcome.passed]
    suite = ET.Element(
        "testsuite", name="gameday", tests=str(len(outcomes)), failures=str(len(failed))
    )
    for outcome in outcomes:
        took = max((found.took_seconds or 0.0 for found in outcome.found), default=0.0)
        case = ET.SubElement(
            suite,
            "testcase",
            classname="gameday",
            name=f"{outcome.scenario.id} {outcome.scenario.fault.title}",
            time=f"{took:.3f}",
        )
        if not outcome.passed:
            failure = ET.SubElement(case, "failure", message=reason(outcome))
            failure.text = "\n".join(sentence(found) for found in outcome.found)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, "unicode") + "\n"


def reason(outcome: Outcome) -> str:
    """Why a scenario failed, in one line; empty when it passed."""
    reasons = [outcome.error] if outcome.error else []
    reasons += [sentence(found) for found in outcome.found if found.verdict not in FINE]
    reasons += [f"{alert} came and must not" for alert in outcome.forbidden]
    reasons += [f"not so: {one.name}: {one.says}" for one in outcome.oracles if not one.holds]
    return "; ".join(reasons)


def sentence(found: Found) -> str:
    """One expectation in words."""
    expected = found.expected
    if found.took_seconds is None:
        return (
            f"{expected.alert} did not reach {expected.team} (due after {found.due_seconds:.0f} s)"
        )
    return (
        f"{expected.alert} reached {', '.join(found.teams) or 'nobody'} after "
        f"{found.took_seconds:.0f} s "
        f"(expected {expected.team} after {found.due_seconds:.0f} s): {found.verdict.value}"
    )


def _summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What somebody who reads no table must know."""
    passed = sum(outcome.passed for outcome in outcomes)
    yield (
        f"{passed} of {plural(len(outcomes), 'scenario')} passed. Times run from the "
        "injection to the notification; *due* is computed from the loaded rules."
    )
    if len(outcomes) > 1:
        yield from _over_all(outcomes)
    yield from (f"- **{each.scenario.id}**: {reason(each)}" for each in outcomes if not each.passed)


def _over_all(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What several scenarios come to together; of one its row says all."""
    found = [each for outcome in outcomes for each in outcome.found]
    pages = [
        each.took_seconds
        for each in found
        if each.expected.severity is Severity.PAGE and each.took_seconds is not None
    ]
    if pages:
        teams = {each.expected.team for each in found if each.verdict in FINE}
        off = [abs(each.took_seconds - each.due_seconds) for each in found if each.took_seconds]
        yield (
            f"Half of the pages came within {statistics.median(pages):.0f} s, the last after "
            f"{max(pages):.0f} s; no alert was further than {max(off):.0f} s from its time. "
            f"Teams reached: {', '.join(sorted(teams))}."
        )
    silent = [outcome for outcome in outcomes if not outcome.scenario.expected]
    if silent:
        kept = sum(outcome.passed for outcome in silent)
        things = plural(len(silent), "thing")
        yield f"Of {things} that must wake nobody, {kept} woke nobody."
    tallies = [each.tally for each in outcomes if each.tally and each.tally.told]
    if tallies:
        told, called = sum(each.told for each in tallies), sum(each.called for each in tallies)
        causes = plural(sum(each.causes for each in tallies), "root cause")
        yield (
            f"*Told* are the notifications that the scenario opens as time passes: {told} for "
            f"{causes}, {called} of them because an "
            "escalation called a second team. *Plain* is what routing by severity alone "
            f"would have sent: {sum(each.plain for each in tallies)}."
        )


def _coverage(shown: Coverage | None) -> Iterator[str]:
    if shown is None:
        return
    noticed = shown.alerts - len(shown.unproven)
    each = "The one alert" if shown.alerts == 1 else f"Each of the {shown.alerts} alerts"
    yield (
        f"{each} was switched off once, by itself: "
        f"{plural(noticed, 'time')} a scenario failed for it."
    )
    if shown.unproven:
        yield f"Nothing would miss {', '.join(shown.unproven)}."


def _rows(outcome: Outcome) -> Iterator[str]:
    fault = outcome.scenario.fault
    if not outcome.found:
        yield f"| {' | '.join((outcome.scenario.id, fault.injection, *_nothing(outcome)))} |"
    for place, found in enumerate(outcome.found):
        took = "-" if found.took_seconds is None else f"{found.took_seconds:.0f} s"
        cells = (
            outcome.scenario.id,
            fault.injection,
            found.expected.title,
            found.expected.team,
            f"{found.due_seconds:.0f} s",
            took,
            found.verdict.value,
            *(("", "") if place else _told(outcome)),
        )
        yield f"| {' | '.join(cells)} |"


def _nothing(outcome: Outcome) -> tuple[str, ...]:
    """The cells of a scenario of which nothing was found: none was expected, or it did not run."""
    wanted = outcome.scenario.expected
    alerts = ", ".join(dict.fromkeys(each.title for each in wanted)) or "none"
    teams = ", ".join(dict.fromkeys(each.team for each in wanted)) or "nobody"
    verdict = "silent" if outcome.passed else "not silent"
    return (alerts, teams, "", "", "not run" if outcome.error else verdict, *_told(outcome))


def _told(outcome: Outcome) -> tuple[str, str]:
    """How often people are told, on the first row of a scenario."""
    tally = outcome.tally
    if tally is None:
        return "-", "-"
    escalated = f" ({tally.called} called)" if tally.called else ""
    return f"{tally.told}{escalated}", str(tally.plain)


def _notes(outcome: Outcome) -> list[str]:
    notes = [f"{outcome.scenario.id}: {alert} came and must not." for alert in outcome.forbidden]
    if outcome.others:
        came = ", ".join(f"{alert} ({team})" for alert, team in outcome.others)
        notes.append(f"{outcome.scenario.id}: also told: {came}.")
    notes += [
        f"{outcome.scenario.id}: {one.name}: {one.says}." for one in outcome.oracles if one.holds
    ]
    return ["", *notes] if notes else []
