"""What parses and is most likely a mistake; the pages of the codes hold one example of each."""

from __future__ import annotations

import pytest

from tests.front_end import (
    alert_text,
    document,
    problems_of,
    project_of,
    read_texts,
    slo_text,
)

STEPS = "  runbook: {triage: [Look.]}\n"


def told(*texts: str) -> list[str]:
    return [problem.code for problem in problems_of(*texts)]


def alert(expr: str, name: str = "QueueStuck") -> str:
    return alert_text(name, expr=f"'{expr}'", more=STEPS)


def events(bad: str, total: str, side: str = "bad") -> str:
    return slo_text(sli=f"    events:\n      {side}: {bad}\n      total: {total}\n")


@pytest.mark.parametrize(
    ("expr", "codes"),
    [
        ("sum(errors_total) > 1", ["SLO060"]),
        ("max_over_time(errors_total[5m]) > 1", ["SLO060"]),
        ("sum(increase(errors_total[5m])) > 1", []),
        ("absent(errors_total)", []),
        ("count(errors_total) < 3", []),
        ("up == 0 and on (job) errors_total", []),
        ("errors_total > errors_total offset 5m", []),
        ("instance:errors_total:sum > 1", []),
        ("rate(up[5m]) > 1", ["SLO061"]),
        ("sum(rate(queue_depth[5m])) > 1", ["SLO061"]),
        ("sum(rate(lat_seconds_count[5m])) > 1", []),
        ("mas_agent_action_total > 1", ["SLO060", "SLO068"]),
        ('sum(rate(mas_agent_actions_total{mas_action_outcome="timeouts"}[5m])) > 1', ["SLO068"]),
        ('sum(rate(mas_agent_actions_total{mas_action_outcome=~"fail.*"}[5m])) > 1', []),
        ("sum(rate(mas_billing_invoices_total[5m])) > 1", []),
        ("slo:burn_rate:ratio < 2", ["SLO064"]),
        ("slo:burn_rate:ratio > 2", []),
        ("sum(rate(work[5m])) > 1 or sum(work) > 1", ["SLO062"]),
    ],
)
def test_an_expression_is_told_what_it_most_likely_gets_wrong(expr: str, codes: list[str]) -> None:
    assert told(alert(expr)) == codes


@pytest.mark.parametrize(
    ("bad", "total", "side", "codes"),
    [
        ('sum(rate(r_total{code="200"}[$window]))', "sum(rate(r_total[$window]))", "bad", True),
        ('sum(rate(r_total{code=~"ok|2.."}[$window]))', "sum(rate(r_total[$window]))", "bad", True),
        ('sum(rate(r_total{code="200"}[$window]))', "sum(rate(r_total[$window]))", "good", False),
        ('sum(rate(r_total{code=~"5.."}[$window]))', "sum(rate(r_total[$window]))", "good", True),
        ('sum(rate(r_total{code!~"2.."}[$window]))', "sum(rate(r_total[$window]))", "bad", False),
        (
            'sum(rate(r_total{code=~"2..|5.."}[$window]))',
            "sum(rate(r_total[$window]))",
            "bad",
            False,
        ),
    ],
)
def test_a_side_that_says_its_own_opposite_is_told(
    bad: str, total: str, side: str, codes: bool
) -> None:
    assert told(events(bad, total, side)) == (["SLO064"] if codes else [])


@pytest.mark.parametrize(
    ("bad", "total", "codes"),
    [
        ("e_total", 'r_total{job="a"}', ["SLO063"]),
        ('e_total{job="a"}', 'r_total{job="a"}', []),
        ('e_total{job=~"a|b"}', 'r_total{job="a"}', []),
        ('e_total{job="a"}', "r_total", []),
        ("e_total", 'r_total{job!="test"}', []),
    ],
)
def test_sides_that_select_different_series_are_told(
    bad: str, total: str, codes: list[str]
) -> None:
    sides = [f"sum(rate({each}[$window]))" for each in (bad, total)]

    assert told(events(*sides)) == codes


@pytest.mark.parametrize(
    ("when", "codes"), [("== 0", []), ("== 1", ["SLO064"]), ("> 0", ["SLO064"]), ("< 1", [])]
)
def test_a_healthy_gauge_that_is_called_bad_is_told(when: str, codes: list[str]) -> None:
    gauge = f"    gauge: {{expr: mas_agent_up, bad_when: '{when}'}}\n"

    assert told(slo_text(sli=gauge)) == codes


def test_a_metric_of_two_minds_is_told_once_and_where_the_other_use_stands() -> None:
    problems = problems_of(
        alert("sum(rate(done[5m])) < 1"),
        alert("sum(done) < 1", "Idle"),
        alert("sum(done) > 9", "Busy"),
    )

    assert [problem.code for problem in problems] == ["SLO062"]
    assert "test.yaml line 3" in problems[0].text


def test_a_page_without_steps_is_a_notice_and_a_ticket_is_none() -> None:
    page = alert_text(expr="'sum(depth) > 9'")

    assert [(p.code, str(p.level)) for p in problems_of(page)] == [("SLO065", "notice")]
    assert problems_of(page.replace("severity: page", "severity: ticket")) == []


@pytest.mark.parametrize(
    ("total", "codes"),
    [
        ("sum(rate(all_total[$window])) or vector(0)", []),
        ("sum(rate(a[$window])) + (sum(rate(b[$window])) or vector(0))", ["SLO066"]),
        ("sum(rate(a[$window])) + (sum(rate(b[$window])) or (vector(0)))", ["SLO066"]),
        ("sum(rate(a[$window])) + sum(rate(b[$window]))", []),
    ],
)
def test_a_total_that_never_goes_missing_is_told(total: str, codes: list[str]) -> None:
    assert told(events("sum(rate(errors_total[$window]))", total)) == codes


def test_a_zero_at_the_end_of_a_total_is_left_out_so_that_its_loss_is_told() -> None:
    text = events("sum(rate(e_total[$window]))", "sum(rate(all_total[$window])) or vector(0)")

    assert project_of(text).slos[0].sli.total == "sum(rate(all_total[$window]))"


@pytest.mark.parametrize(
    ("good", "codes"),
    [
        ("sum(rate(served_total[$window]))", ["SLO067"]),
        ('sum(rate(all_total{code=~"2.."}[$window]))', []),
    ],
)
def test_good_events_of_another_metric_are_a_notice(good: str, codes: list[str]) -> None:
    problems = problems_of(events(good, "sum(rate(all_total[$window]))", "good"))

    assert [problem.code for problem in problems] == codes
    assert {str(problem.level) for problem in problems} <= {"notice"}


def test_the_series_of_one_histogram_are_born_together() -> None:
    good = 'sum(rate(d_bucket{le="1"}[$window]))'

    assert told(events(good, "sum(rate(d_count[$window]))", "good")) == []


@pytest.mark.parametrize(
    ("scrape", "expr", "starts"),
    [
        ("15s", "sum(rate(calls_total[1m])) > 1", []),
        ("30s", "sum(rate(calls_total[1m])) > 1", ["calls_total is read over 1m, which holds 2"]),
        ("2m", "increase(a_total[1m]) > increase(b_total[5m])", ["a_total is", "b_total is"]),
        ("2m", "avg_over_time(slo:burn_rate:ratio[5m]) > 1", []),
    ],
)
def test_a_range_of_too_few_scrapes_is_told_of(scrape: str, expr: str, starts: list[str]) -> None:
    paced = document("Settings", "settings", f"{{intervals: {{scrape: {scrape}}}}}")

    _, problems = read_texts(paced, alert_text(expr=f'"{expr}"'))

    found = [problem.text for problem in problems if problem.code == "SLO035"]
    assert len(found) == len(starts)
    assert all(text.startswith(words) for text, words in zip(found, starts, strict=True))
