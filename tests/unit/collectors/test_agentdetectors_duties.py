"""Audit records that are missing, and rules that were broken, are each found once."""

from __future__ import annotations

import random

import pytest

from tests.agent_watch import TICK, A, B, Fleet, Said, act, process, settle

GAPS, VIOLATIONS = "mas.audit.gaps", "mas.compliance.violations"
INSTRUMENT = "fleetslo.instrument"
PATIENCE = 60


def audit(**more: str | int) -> dict[str, str | int | bool]:
    return {"mas.audit": True, **{key.replace("__", "."): of for key, of in more.items()}}


def wait(fleet: Fleet) -> None:
    fleet.pass_time(PATIENCE)
    settle(fleet)


# ---------------------------------------------------------------- decisions and their records


def test_a_decision_without_its_record_is_a_gap_and_one_with_it_is_none() -> None:
    fleet = Fleet()
    for number in range(4):
        span = fleet.span(A, act("db", str(number)))
        if number != 2:
            fleet.record(A, audit(), inside=span)
        fleet.pass_time(20)
    wait(fleet)

    assert fleet.value(GAPS, gen_ai__agent__name="worker") == 1
    assert fleet.over_time(GAPS)[0] == 0


def test_who_never_wrote_an_audit_record_is_not_missed() -> None:
    fleet = Fleet()
    fleet.span(A, act("db"), {"mas.remediation.class": "ops"})
    fleet.record(process("other", "o"), audit())
    wait(fleet)

    assert fleet.value(GAPS) == 0


def test_decisions_before_the_first_record_are_not_missed() -> None:
    fleet = Fleet()
    fleet.span(A, act("db"))
    fleet.pass_time(5)
    fleet.record(A, audit(), inside=fleet.span(A, act("db", "2")))
    wait(fleet)

    assert fleet.value(GAPS) == 0


@pytest.mark.parametrize("late", [False, True])
def test_a_record_may_come_before_its_decision_ends_and_a_little_after(late: bool) -> None:
    fleet = Fleet()
    fleet.record(A, audit())
    if late:
        fleet.ended(A, 900, act("db"))
        fleet.pass_time(PATIENCE - TICK - 1)
        fleet.record(A, audit(), inside=900)
    else:
        fleet.record(A, audit(), inside=900)
        fleet.pass_time(50 * 60)
        fleet.ended(A, 900, act("db"))
    wait(fleet)

    assert fleet.value(GAPS) == 0


@pytest.mark.parametrize("where", [900, 901])
@pytest.mark.parametrize("children_first", [True, False])
def test_a_remediation_inside_its_action_is_one_decision(where: int, children_first: bool) -> None:
    fleet = Fleet()
    fleet.record(A, audit(), inside=where)
    parts = [
        lambda: fleet.ended(A, 901, {"mas.remediation.class": "ops"}, above=900),
        lambda: fleet.ended(A, 900, act("db")),
    ]
    for part in parts if children_first else reversed(parts):
        part()
        fleet.pass_time(20)
    wait(fleet)

    assert fleet.value(GAPS) == 0


def test_the_record_of_one_decision_is_not_that_of_its_neighbour() -> None:
    fleet = Fleet()
    fleet.record(A, audit(), inside=901)
    for number in (901, 902):
        fleet.ended(A, number, {"mas.remediation.class": "ops"}, above=900)
    fleet.ended(A, 900, act("db"))
    wait(fleet)

    assert fleet.value(GAPS) == 1


def test_a_record_elsewhere_names_the_key_or_the_incident() -> None:
    fleet = Fleet()
    fleet.record(A, audit(mas__action__key="k1"), audit(mas__incident__id="i1"))
    fleet.span(A, act("db", mas__action__key="k1"))
    fleet.span(A, {"mas.remediation.class": "ops", "mas.incident.id": "i1"})
    fleet.span(A, act("db", "2", mas__action__key="k2"))
    wait(fleet)

    assert fleet.value(GAPS) == 1


def test_another_agents_record_in_the_same_span_is_not_ones_own() -> None:
    fleet = Fleet()
    fleet.record(A, audit())
    fleet.record(process("judge", "j"), audit(), inside=900)
    fleet.ended(A, 900, act("db"))
    wait(fleet)

    assert fleet.value(GAPS) == 1


@pytest.mark.parametrize(
    "config", [{"decisions": ["remediation"]}, {"exempt_types": ["sca*"]}, {"decisions": []}]
)
def test_what_needs_no_record_is_not_missed(config: dict[str, object]) -> None:
    fleet = Fleet({"audits": config})
    fleet.record(A, audit())
    fleet.span(A, act("db"))
    wait(fleet)

    assert fleet.value(GAPS) == 0


# ---------------------------------------------------------------- numbers of records


def test_numbers_that_never_come_are_gaps_and_late_ones_are_none() -> None:
    fleet = Fleet()
    for number in (1, 2, 5, 6, 4, 9):
        fleet.record(A, audit(mas__audit__sequence=number))
        fleet.pass_time(2)
    before = fleet.value(GAPS)
    wait(fleet)

    assert before == 0
    assert fleet.value(GAPS, gen_ai__agent__name="worker") == 3  # 3, 7 and 8


def test_numbers_in_any_order_and_again_are_complete() -> None:
    fleet = Fleet()
    numbers = list(range(5, 60))
    random.Random(3).shuffle(numbers)
    fleet.record(A, *(audit(mas__audit__sequence=number) for number in [1, 2, 3, 4]))
    fleet.record(A, *(audit(mas__audit__sequence=number) for number in numbers))
    fleet.record(A, *(audit(mas__audit__sequence=number) for number in numbers[:9]), skew=-1.0)
    wait(fleet)

    assert fleet.value(GAPS) == 0


def test_each_process_has_its_own_numbers_and_begins_anywhere() -> None:
    fleet = Fleet()
    for number in range(4):
        fleet.record(A, audit(mas__audit__sequence=100 + number))
        fleet.record(B, audit(mas__audit__sequence=1 + number))
        fleet.pass_time(2)
    wait(fleet)

    assert fleet.value(GAPS) == 0


def test_an_agent_that_begins_again_at_one_has_no_gap() -> None:
    fleet = Fleet()
    for number in (40, 41, 42, 1, 2, 3):
        fleet.record(A, audit(mas__audit__sequence=number))
        fleet.pass_time(2)
    wait(fleet)

    assert fleet.value(GAPS) == 0


def test_absurd_numbers_are_bounded() -> None:
    fleet = Fleet()
    for number in (1, 2**62, -4, 3):
        fleet.record(A, audit(mas__audit__sequence=str(number)))
    wait(fleet)

    assert 0 < fleet.value(GAPS) <= 10_000


# ---------------------------------------------------------------- violations


def breach(rule: str = "egress", **more: str) -> Said:
    said = {"mas.compliance.rule": rule}
    return said | {key.replace("__", "."): of for key, of in more.items()}


def test_a_violation_is_counted_with_what_is_said_of_it() -> None:
    fleet = Fleet()
    fleet.record(A, breach(mas__compliance__severity="critical", mas__compliance__action="paused"))
    fleet.record(B, breach("spend", gen_ai__agent__name="buyer"))
    settle(fleet)

    assert fleet.value(VIOLATIONS) == 2
    assert fleet.value(
        VIOLATIONS,
        gen_ai__agent__name="worker",
        mas__compliance__rule="egress",
        mas__compliance__severity="critical",
        mas__compliance__action="paused",
    )
    assert fleet.value(
        VIOLATIONS,
        gen_ai__agent__name="buyer",
        mas__compliance__rule="spend",
        mas__compliance__severity="high",
        mas__compliance__action="logged",
    )
    assert fleet.over_time(VIOLATIONS)[0] == 0


@pytest.mark.parametrize("span_first", [True, False])
def test_a_span_and_the_record_inside_it_tell_one_violation(span_first: bool) -> None:
    fleet = Fleet()
    parts = [
        lambda: fleet.ended(A, 900, breach()),
        lambda: fleet.record(A, breach(), inside=900),
    ]
    for part in parts if span_first else reversed(parts):
        part()
        settle(fleet)

    assert fleet.value(VIOLATIONS) == 1


def test_two_records_in_one_span_are_two_violations_and_two_rules_are_two() -> None:
    fleet = Fleet()
    fleet.record(A, breach(), breach(), breach("spend"), inside=900)
    fleet.ended(A, 900, breach())
    settle(fleet)

    assert fleet.value(VIOLATIONS, mas__compliance__rule="egress") == 2
    assert fleet.value(VIOLATIONS, mas__compliance__rule="spend") == 1


def test_a_guardrail_that_stops_something_grave_is_a_violation_and_an_everyday_no_is_none() -> None:
    denied = {"mas.policy.name": "egress", "mas.policy.decision": "deny"}
    fleet = Fleet()
    fleet.span(A, denied)
    fleet.span(A, {**denied, "mas.compliance.severity": "critical"})
    fleet.span(A, {**breach(), "mas.policy.decision": "allow"})
    for triggered in (True, False):
        guard = {"gen_ai.guardrail.name": "spend", "gen_ai.guardrail.triggered": triggered}
        fleet.span(A, {**guard, "mas.compliance.severity": "low"})
    settle(fleet)

    assert fleet.value(VIOLATIONS) == 2
    assert fleet.value(VIOLATIONS, mas__compliance__rule="spend", mas__compliance__severity="low")
    assert fleet.value(
        VIOLATIONS, mas__compliance__rule="egress", mas__compliance__action="blocked"
    )


@pytest.mark.parametrize(("silent", "counted"), [([], 0), (["fleetslo"], 2)])
def test_who_counts_violations_itself_is_not_counted_unless_its_metrics_do_not_come(
    silent: list[str], counted: int
) -> None:
    fleet = Fleet({"without_metrics": silent})
    fleet.record(A, breach(), scope=INSTRUMENT)
    fleet.span(A, breach("spend"), scope=INSTRUMENT)
    settle(fleet)

    assert fleet.value(VIOLATIONS) == counted


def test_what_is_told_again_after_a_restart_is_known() -> None:
    fleet = Fleet()
    fleet.ended(A, 900, breach())
    fleet.restart()
    settle(fleet)
    fleet.restart()
    fleet.ended(A, 900, breach())
    fleet.record(A, breach(), inside=900)
    settle(fleet)

    assert fleet.value(VIOLATIONS) == 1


def test_floods_are_bounded_and_told() -> None:
    fleet = Fleet({"violations": {"max_violations": 10}, "audits": {"max_records": 10}})
    fleet.record(A, audit())
    for number in range(30):
        fleet.record(A, breach(f"rule{number}" * 300))
        fleet.span(A, act(f"t{number}"))
    wait(fleet)

    assert fleet.value(VIOLATIONS) == 10
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="violations") == 20
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="decisions") == 20
    assert fleet.value(GAPS) == 10
