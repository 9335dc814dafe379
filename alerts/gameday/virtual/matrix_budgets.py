"""Budgets that burn, automation that does harm, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from alerts.gameday.faults import FAILING
from alerts.gameday.fleet.topology import TEAMS
from alerts.gameday.scenarios import Detection, share
from alerts.gameday.virtual.cases import HOURS, MINUTE, Case, case, page, ticket, workers
from alerts.gameday.virtual.matrix_failures import CONFLICTS, CONTENTION
from alerts.gameday.virtual.matrix_runbook import AVAILABILITY, FIRST, LLM_BURN
from alerts.gameday.virtual.play import FULL_TRAFFIC
from alerts.gameday.virtual.trouble import Act, Change, Trouble
from slo import names
from slo.exact import Duration, Ratio
from slo.model import Severity
from slo.policy import PolicyName, builtin, tiers

ACTIONS: Final = names.burn_alert("agent-fleet", "action-success")
POLICY: Final = names.burn_alert("agent-fleet", "policy-latency")
LAG: Final = names.burn_alert("telemetry", "ingest-lag")
OBJECTIVE: Final = Ratio.from_percent("99")
PERIOD: Final = Duration.parse("30d")
BASELINE: Final = 15 * MINUTE
DENSE: Final = replace(FULL_TRAFFIC, tasks_per_second=8.0, latency_scale=0.25, long=0.0)
"""So many actions that one more or less is no half of a minute, and no queue for hours."""
EVERYDAY: Final = 0.003
"""Share of actions that fail on a good day."""
CORRECTNESS: Final = names.burn_alert("agent-fleet", "remediation-correctness")
SLOWNESS: Final = names.burn_alert("agent-fleet", "time-to-remediate")
EVERY_CALL: Final = 0.005
"""Share of calls to models that fail on a good day."""
PACE: Final[dict[str, float | Detection]] = {
    ACTIONS: share(0.012 - EVERYDAY, 0.05),
    LLM_BURN: share(0.012 - EVERY_CALL, 0.035),
    CONFLICTS: share(0.0012, 0.0025),
    POLICY: 90.0,
    AVAILABILITY: 0.0,
    LAG: 0.0,
}
"""When each ratio passes 1.2 budgets in `M-slow`; the scheduler's takes half a minute."""
WHOLE: Final = 4.75 * MINUTE
"""Until an event has been counted once: 5-minute rates, a scrape apart, add up to it."""
ROLLBACKS: Final = names.burn_alert("agent-fleet", "rollbacks")


def cases() -> tuple[Case, ...]:
    """M1 to M10 as far as a budget or automation is concerned."""
    return (*_burns(), *_levels(), _slowly(), *_automation(), *_needless(), *_slips())


def _burns() -> tuple[Case, ...]:
    """From what only the ticket knows of to a total outage; the tiers are the shipped ones."""
    return (
        _burn(1.3, 6.25 * HOURS),
        _burn(2.5, 25 * MINUTE),
        *(_burn(percent, 20 * MINUTE) for percent in (5, 20, 50, 100)),
    )


def _burn(percent: float, lasts: float) -> Case:
    """The fastest tier that tells of it must fire, and of a ticket nothing but that."""

    def fail(wrong: Trouble) -> None:
        wrong.work.failing = {FAILING: percent / 100}

    def space(wrong: Trouble) -> None:
        wrong.work.evenly = True

    part = EVERYDAY + percent / 100
    plan = tiers(builtin(PolicyName.FLEET_SUSTAINED), OBJECTIVE, PERIOD)
    tier = next(each for each in plan.tiers if float(each.threshold.value) < part)
    threshold = float(tier.threshold.value)
    detection = share(threshold - EVERYDAY, percent / 100) if part < 0.1 else share(threshold, part)
    wakes = tier.severity is Severity.PAGE
    # So few, by chance, would swing about the threshold and not stay above it.
    few = percent < 5
    before = (Act(-BASELINE, space),) if few else ()
    return case(
        f"M2-{percent:g}",
        f"{percent:g} % of actions fail",
        f"{percent:g} of 100 actions of every {FAILING} fail by its own fault",
        (*before, Act(0.0, fail)),
        (page if wakes else ticket)(ACTIONS, "core-engineering", detection, slo_tier=tier.name),
        also=(ACTIONS,) if wakes else (),
        lasts=lasts,
        baseline=BASELINE,
        traffic=DENSE if few else FULL_TRAFFIC,
    )


def _levels() -> tuple[Case, ...]:
    def degrade(wrong: Trouble) -> None:
        wrong.agents.unhealthy = workers(1, "data")

    def degrade_more(wrong: Trouble) -> None:
        wrong.agents.unhealthy = {key for team in TEAMS for key in workers(5, team)}

    def slow(wrong: Trouble) -> None:
        wrong.work.policy_factor = 60.0

    return (
        case(
            "M1",
            "one agent unwell",
            "one of 51 agents says that it is not well",
            degrade,
            page(AVAILABILITY, "operations", share(0.002, 1 / 51), slo_tier="page"),
            lasts=20 * MINUTE,
        ),
        case(
            "M1-more",
            "many agents unwell",
            "20 of 51 agents say that they are not well",
            degrade_more,
            page(AVAILABILITY, "operations", share(0.25, 20 / 51), slo_tier="outage"),
        ),
        case(
            "M5",
            "policies slow",
            "policy evaluations take sixty times as long",
            slow,
            page("PolicyEvaluationSlow", "core-engineering", 15.0),
            lasts=20 * MINUTE,
        ),
    )


def _slowly() -> Case:
    """Every budget a little above its pace, for six hours: nobody is woken for most of it."""

    def space(wrong: Trouble) -> None:
        wrong.work.evenly = True

    def change(wrong: Trouble) -> None:
        wrong.work.failing = {FAILING: 0.05}
        wrong.work.conflicts = 6.0
        wrong.work.rejects = 1.0
        wrong.work.policy_factor = 5.0
        wrong.work.providers = {FIRST: (0.035, "provider")}
        wrong.agents.unhealthy = workers(1, "data")
        wrong.pipeline.lag_seconds = 20.0

    core = "core-engineering"
    budgets = {
        ACTIONS: core,
        CONFLICTS: core,
        POLICY: core,
        CONTENTION: "platform",
        AVAILABILITY: "operations",
        LLM_BURN: "operations",
        LAG: "platform",
    }
    return case(
        "M-slow",
        "all budgets burn for hours",
        "a little of everything fails, for more than six hours",
        (Act(-BASELINE, space), Act(0.0, change)),
        *(
            ticket(alert, team, PACE.get(alert, 30.0), slo_tier="ticket")
            for alert, team in budgets.items()
        ),
        also=(
            "ActionConflicts",
            "IngestLagHigh",
            "ResourceExhaustion",
            "PolicyEvaluationSlow",
            *budgets,
        ),
        lasts=6.5 * HOURS,
        baseline=BASELINE,
        traffic=DENSE,
    )


def _automation() -> tuple[Case, ...]:
    def harm(wrong: Trouble) -> None:
        wrong.automation.remediations = 60.0
        wrong.automation.harmful = 1.0

    def fail(wrong: Trouble) -> None:
        wrong.automation.remediations = 60.0
        wrong.automation.failing = 1.0

    failed = "RemediationFailed"
    return (
        case(
            "M10",
            "harmful remediations",
            "every remediation re-breaks its target",
            harm,
            page("HarmfulRemediation", "operations", 15.0),
            page(CORRECTNESS, "operations", 75.0, slo_tier="outage"),
            also=(CORRECTNESS,),
        ),
        case(
            "M10-failed",
            "remediations fail",
            "every remediation fails, one a minute",
            fail,
            page(failed, "operations", 15.0),
            page(names.escalated(failed), "core-engineering", 2.25 * MINUTE, escalates=True),
            also=(SLOWNESS,),
        ),
    )


def _needless() -> tuple[Case, ...]:
    def hurry(wrong: Trouble) -> None:
        wrong.automation.remediations = 240.0

    def regret(count: int) -> Change:
        def change(wrong: Trouble) -> None:
            wrong.automation.needless = count

        return change

    return (
        case(
            "M10-false",
            "needless remediations",
            "of four remediations a minute, three are judged not to have been needed",
            (Act(0.0, hurry), Act(10 * MINUTE, regret(3))),
            # Two of the three, when two thirds of five minutes have seen them.
            page(CORRECTNESS, "operations", 10 * MINUTE + 2 / 3 * WHOLE, slo_tier="page"),
            also=(CORRECTNESS,),
            lasts=20 * MINUTE,
        ),
        case(
            "M10-seldom",
            "a needless remediation now and then",
            "two remediations are judged not to have been needed, sixteen minutes apart",
            (Act(0.0, regret(1)), Act(16 * MINUTE, regret(1))),
            ticket(CORRECTNESS, "operations", 16 * MINUTE + WHOLE, slo_tier="ticket"),
            lasts=30 * MINUTE,
        ),
    )


def _slips() -> tuple[Case, ...]:
    def forget(wrong: Trouble) -> None:
        wrong.automation.remediations = 60.0
        wrong.automation.unreviewed = 1.0

    def crawl(wrong: Trouble) -> None:
        wrong.automation.remediations = 60.0
        wrong.automation.factor = 20.0

    def take_back(wrong: Trouble) -> None:
        wrong.automation.rollbacks = 1

    return (
        case(
            "M10-unseen",
            "remediations not reviewed",
            "no remediation is judged any more",
            forget,
            ticket("RemediationReviewsMissing", "operations", 9.5 * MINUTE),
            lasts=1.5 * HOURS,
        ),
        case(
            "M3",
            "remediations slow",
            "remediations take twenty times as long",
            crawl,
            ticket(SLOWNESS, "operations", 6.5 * MINUTE),
            lasts=20 * MINUTE,
        ),
        case(
            "M8",
            "rollbacks pile up",
            "two deployments are taken back within ten minutes, nobody says so",
            (Act(0.0, take_back), Act(10 * MINUTE, take_back)),
            page("RollbackBurst", "platform", 10 * MINUTE),
            also=(ROLLBACKS,),
            lasts=30 * MINUTE,
        ),
        case(
            "M8-slow",
            "a rollback now and then",
            "two deployments are taken back, seventy minutes apart",
            (Act(0.0, take_back), Act(70 * MINUTE, take_back)),
            ticket(ROLLBACKS, "platform", 70 * MINUTE + WHOLE, slo_tier="ticket"),
            lasts=1.5 * HOURS,
        ),
    )
