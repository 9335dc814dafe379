"""What a game day has shown: a table for people, JUnit for machines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from alerts.gameday.runner import Found, Outcome, Verdict

HEAD = (
    "| scenario | what was done | expected alert | team | due | took | verdict |",
    "|---|---|---|---|---:|---:|---|",
)


def markdown(outcomes: Sequence[Outcome]) -> str:
    """A report with a summary line and one row for each expectation."""
    passed = sum(outcome.passed for outcome in outcomes)
    summary = (
        f"{passed} of {len(outcomes)} scenarios passed. Times run from the injection to the "
        "notification; *due* is computed from the loaded rules."
    )
    lines = ["# Game day", "", summary, "", *HEAD]
    for outcome in outcomes:
        lines += [_row(outcome, found) for found in outcome.found] or [_failed(outcome)]
    lines += [note for outcome in outcomes for note in _notes(outcome)]
    return "\n".join(lines) + "\n"


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
    reasons += [sentence(found) for found in outcome.found if found.verdict is not Verdict.MET]
    reasons += [f"{alert} came and must not" for alert in outcome.forbidden]
    return "; ".join(reasons)


def sentence(found: Found) -> str:
    """One expectation in words."""
    expected = found.expected
    if found.took_seconds is None:
        return (
            f"{expected.alert} did not reach {expected.team} (due after {found.due_seconds:.0f} s)"
        )
    return (
        f"{expected.alert} reached {', '.join(found.teams)} after {found.took_seconds:.0f} s "
        f"(expected {expected.team} after {found.due_seconds:.0f} s): {found.verdict.value}"
    )


def _row(outcome: Outcome, found: Found) -> str:
    took = "-" if found.took_seconds is None else f"{found.took_seconds:.0f} s"
    cells = (
        outcome.scenario.id,
        outcome.scenario.fault.injection,
        found.expected.alert,
        found.expected.team,
        f"{found.due_seconds:.0f} s",
        took,
        found.verdict.value,
    )
    return f"| {' | '.join(cells)} |"


def _failed(outcome: Outcome) -> str:
    fault = outcome.scenario.fault
    return f"| {outcome.scenario.id} | {fault.injection} | | | | | {outcome.error} |"


def _notes(outcome: Outcome) -> list[str]:
    notes = [f"{outcome.scenario.id}: {alert} came and must not." for alert in outcome.forbidden]
    if outcome.others:
        came = ", ".join(f"{alert} ({team})" for alert, team in outcome.others)
        notes.append(f"{outcome.scenario.id}: also told: {came}.")
    return ["", *notes] if notes else []
