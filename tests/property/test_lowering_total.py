"""Every specification that is valid becomes rules, tests and files; none is a bug."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from slo.diagnostic import Level
from slo.emit.prometheus import GENERATOR as RULES
from slo.emit.tests import GENERATOR as TESTS
from slo.model import AlertRule, RecordRule
from slo.policy import PolicyName, builtin
from slo.promql import parse
from slo.rules import compile_project
from tests.front_end import read_texts, slo_text

BAD = 'sum(rate(r_total{code=~"5.."}[$window]))'
ALL = "sum(rate(r_total[$window]))"
SLIS = st.sampled_from(
    [
        f"    events:\n      bad: {BAD}\n      total: {ALL}\n",
        f"    events:\n      good: {BAD}\n      total: {ALL} or vector(0)\n",
        f"    events:\n      good: {ALL}\n      bad: {BAD}\n",
        "    latency: {histogram: d_seconds, threshold: 250ms, selector: 'job=\"a\"'}\n",
        "    latency: {histogram: d_seconds, threshold: 0.25, native: true}\n",
        "    gauge: {expr: queue_age_seconds, bad_when: '> 5'}\n",
        f"    ratio: {{bad: '{BAD} / {ALL}'}}\n",
        "    spans: {service: shop, span_name: pay}\n",
    ]
)
WINDOWS = st.one_of(
    st.integers(1, 365).map(lambda days: f"{days}d"),
    st.sampled_from(["week", "month", "quarter", "year"]).map(
        lambda period: f"{{calendar: {period}, timezone: Europe/Berlin}}"
    ),
)
POLICIES = st.sampled_from([(name, form) for name in PolicyName for form in builtin(name).forms])
WORDS = st.sampled_from(["ok", "ticket", "page"])


@given(
    sli=SLIS,
    objective=st.integers(100, 99_999).map(lambda parts: str(parts / 1000)),
    window=WINDOWS,
    policy=POLICIES,
    traffic=st.none() | st.integers(1, 10**7),
    by=st.sampled_from(["", "[zone]", "[zone, pool]"]),
    told=st.tuples(WORDS, WORDS),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_valid_specification_always_becomes_rules_and_tests(
    sli: str,
    objective: str,
    window: str,
    policy: tuple[PolicyName, str],
    traffic: int | None,
    by: str,
    told: tuple[str, str],
) -> None:
    (name, form), (idle, lost) = policy, told
    more = (
        f"  window: {window}\n"
        f"  alerting: {{policy: {name}, form: {form}, idle: {idle}, signal_lost: {lost}}}\n"
    )
    more += f"  by: {by}\n" if by else ""
    more += f"  traffic: {{events_per_second: {traffic / 1000}}}\n" if traffic else ""
    project, problems = read_texts(slo_text(sli=sli, objective=objective, more=more))
    assume(project is not None)
    assert project is not None
    assert not [problem for problem in problems if problem.level is Level.ERROR]

    compiled = compile_project(project)

    for file in compiled.rule_files:
        for group in file.groups:
            for rule in group.rules:
                assert isinstance(rule, AlertRule | RecordRule)
                parse(rule.expr)
    paths = [file.path for each in (RULES, TESTS) for file in each.generate(compiled)]
    assert "prometheus/rules/shop.yaml" in paths
    assert "prometheus/tests/shop.test.yaml" in paths
