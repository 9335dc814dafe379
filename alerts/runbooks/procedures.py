"""The standing procedures: steps for people, and the checks that a command can make.

Source: the operations runbook of the multi-agent system, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alerts.runbooks import links, text
from slo import names
from slo.model import Settings

FOLDER: Final = "procedures"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what to do, and how to see that it is done.

    Attributes:
        check: A shell line whose exit code tells, or empty.
        expr: PromQL that must be empty for the step to be done, or empty.
    """

    do: str
    check: str = ""
    expr: str = ""


@dataclass(frozen=True, slots=True)
class Procedure:
    """A page of steps; `name` is its file."""

    name: str
    title: str
    lead: str
    steps: tuple[Step, ...]

    def markdown(self, settings: Settings) -> str:
        """The whole page."""
        blocks = [f"# {self.title}", self.lead]
        for place, step in enumerate(self.steps, 1):
            blocks.append(f"## {place}. {step.do}")
            if step.check:
                blocks.append(text.command(step.check))
            if step.expr:
                expr = step.expr.replace(_PAGE, f'severity="{settings.severities.page}"')
                asked = f"Nothing may come back ([ask Prometheus]({links.graph(settings, expr)})):"
                blocks += [asked, text.query(expr)]
        blocks.append("[All runbooks](../index.md)")
        return text.document(blocks)


_PAGE: Final = 'severity="page"'
_NO_PAGE: Final = f'ALERTS{{alertstate="firing",{_PAGE}}}'
_BUDGET_LOW: Final = f"{names.BUDGET_REMAINING} < 0.1"
_STALE_POLICY: Final = "mas_policy_stale_agent_count > 0"
_MISSING: Final = 'mas_agent_count{mas_agent_state="missing"} > 0'
_NEW_VIOLATION: Final = "increase(mas_compliance_violations_total[1h]) > 0"
_AUDIT_GAP: Final = "increase(mas_audit_gaps_total[1h]) > 0"

PROCEDURES: Final = (
    Procedure(
        "deploying-a-new-version",
        "Deploying a new version",
        "For whoever brings a new version of an agent, of a policy or of these rules to "
        "production. Stop at the first check that fails.",
        (
            Step(
                "Ensure all tests have passed in the CI/CD pipeline, those of the rules too.",
                check="sloctl validate slos/ && sloctl verify out/",
            ),
            Step(
                "Is there budget for a risk? Not below a tenth of it.",
                expr=_BUDGET_LOW,
            ),
            Step("Announce the deployment in the #engineering channel."),
            Step(
                "Deploy to the staging environment and run smoke tests.",
                expr=_NO_PAGE,
            ),
            Step(
                "Deploy to the production environment using a canary release strategy: one agent "
                "of a class first, the others when nothing fires for as long as the fastest tier "
                "needs.",
                expr=_NO_PAGE,
            ),
            Step("All agents have the policy that was rolled out.", expr=_STALE_POLICY),
        ),
    ),
    Procedure(
        "rolling-back-a-deployment",
        "Rolling back a deployment",
        "For whoever is on call: when in doubt, roll back first and look for the cause after.",
        (
            Step("Trigger the rollback in the CI/CD pipeline."),
            Step(
                "Monitor the system to ensure it has returned to a stable state: the page that "
                "brought you here has ended,",
                expr=_NO_PAGE,
            ),
            Step("and no agent was left behind.", expr=_MISSING),
            Step(
                "Rules or routes were part of it: put the last generated tree back, and prove it.",
                check="sloctl verify out/",
            ),
            Step("Create a post-mortem to document the reason for the rollback."),
        ),
    ),
    Procedure(
        "onboarding-a-new-agent",
        "Onboarding a new agent",
        "For the team that brings a new class of agents into the fleet.",
        (
            Step("Follow the instructions in the `AGENT_DEVELOPMENT_GUIDE.md`."),
            Step(
                "Give it objectives and an owner: an SLO file, beside those of the others.",
                check="sloctl generate slos/ --out out && sloctl verify out",
            ),
            Step(
                "Ensure the agent has been thoroughly tested in a staging environment.",
                expr=_NO_PAGE,
            ),
            Step("Add the agent to the appropriate supervisor's team."),
            Step("It is on the roster, and its heartbeat is heard.", expr=_MISSING),
        ),
    ),
    Procedure(
        "handling-a-data-subject-request",
        "Handling a data subject request",
        "For Legal and Compliance with whoever runs the systems that hold the data.",
        (
            Step("Follow the instructions in the `DATA_GOVERNANCE_POLICY.md`."),
            Step("Use the provided scripts to access, rectify, or erase data."),
            Step("Nothing was violated on the way,", expr=_NEW_VIOLATION),
            Step("and the audit trail has no gap.", expr=_AUDIT_GAP),
            Step("Document all actions taken in the compliance dashboard."),
        ),
    ),
)
