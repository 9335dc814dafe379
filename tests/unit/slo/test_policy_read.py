"""Policy documents: read with every problem at its place."""

from __future__ import annotations

import pytest

from slo.diagnostic import Diagnostic
from slo.policy import Policy, PolicyName, builtin, read
from slo.source import load

GOOD = """\
apiVersion: fleetslo/v1
kind: Policy
metadata: {name: ours}
spec:
  description: One page.
  forms:
    only:
      - {name: fast, form: windows, severity: page, burn: 14.4, long: 1h, short: 5m}
"""


def reading(text: str) -> tuple[Policy | None, list[Diagnostic]]:
    documents, problems = load("policy.yaml", text)
    assert problems == []
    return read(documents[0])


def test_a_policy_of_the_user_is_read_as_written() -> None:
    policy, problems = reading(GOOD)

    assert problems == []
    assert policy is not None
    (tier,) = policy.forms["only"]
    assert (policy.name, policy.default_form) == ("ours", "only")
    assert (tier.name, str(tier.burn), tier.short and tier.short.promql()) == ("fast", "72/5", "5m")


@pytest.mark.parametrize("name", list(PolicyName))
def test_every_shipped_policy_reads_and_names_itself(name: PolicyName) -> None:
    assert builtin(name).name == name
    assert builtin(name).description


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("burn: 14.4", "burn: fast", "burn: not a number"),
        ("burn: 14.4", "burn: -1", "burn must be above 0"),
        (", short: 5m", "", "needs long and short"),
        ("short: 5m", "short: 2h", "short must be below long"),
        ("form: windows", "form: sometimes", "form: 'sometimes' is not a valid TierForm"),
        ("form: windows", "form: sustained", "needs hold"),
        ("form: windows", "form: outage", "looks at 5m"),
        ("name: fast, ", "", "name must be a text"),
        ("severity: page, ", "", "a tier needs severity"),
        ("long: 1h", "lang: 1h", "has no key lang"),
        ("forms:", "shapes:", "spec has no key shapes"),
    ],
)
def test_what_no_alert_can_be_made_of_is_refused_where_it_stands(
    before: str, after: str, words: str
) -> None:
    assert before in GOOD

    policy, problems = reading(GOOD.replace(before, after))

    assert policy is None
    assert any(words in problem.text for problem in problems), [p.text for p in problems]
    assert all(problem.place is not None for problem in problems)


def test_two_tiers_of_one_name_are_refused() -> None:
    tier = GOOD.splitlines()[-1]

    policy, problems = reading(f"{GOOD}{tier}\n")

    assert policy is None
    assert "unique" in problems[0].text


def test_all_problems_of_a_policy_are_told_at_once() -> None:
    _, problems = reading(GOOD.replace("14.4", "x").replace("1h", "y"))

    assert len(problems) == 2
