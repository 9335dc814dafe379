"""Every alert's way as one page of text, and what must change that page.

`UPDATE_GOLDEN=1 pytest tests/golden/routes` writes the pages anew; read the difference.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.routing.build import routing
from alerts.routing.emit import render
from alerts.routing.inhibit import alert_labels
from alerts.routing.table import table
from tests.alert_projects import fleet

HERE = Path(__file__).parent
COMPILED = fleet()
FLEET = routing(COMPILED)


def stranger(name: str, severity: str, owner: str = "platform", **more: str) -> dict[str, str]:
    return {"alertname": name, "severity": severity, "team": owner, **more}


def agent(name: str, **more: str) -> dict[str, str]:
    return stranger(name, "page", scope="agent", cluster="prod", **more)


# Alerts that we do not generate, or not yet: what is loosened shows itself on them.
STRANGERS = (
    {"alertname": "Bare"},
    stranger("Nobodys", "page", "nobody", cluster="prod"),
    stranger("Odd", "info", cluster="prod"),
    stranger("LegalPage", "page", "legal-and-compliance", cluster="prod"),
    stranger("LegalTicket", "ticket", "legal-and-compliance", cluster="prod"),
    stranger("NoService", "page", scope="service"),
    stranger("NoServiceAgent", "page", scope="agent"),
    stranger("OtherServiceAgent", "page", scope="agent", service="other", cluster="prod"),
    agent("OtherServiceSameAgent", service="other", gen_ai_agent_name="<gen_ai_agent_name>"),
    agent("SameServiceOtherAgent", service="agent-fleet", gen_ai_agent_name="coder"),
    stranger("NoBudgetOutage", "page", slo_tier="outage"),
    stranger("NoBudgetFast", "page", slo_tier="fast"),
    stranger("NoBudgetSlow", "page", slo_tier="slow"),
    stranger("NoBudgetTrend", "ticket", slo_tier="trend"),
    stranger("NoBudgetDrift", "ticket", slo_tier="drift"),
    stranger("Outage", "page", slo_tier="outage", budget_id="b"),
    stranger("Fast", "page", slo_tier="fast", budget_id="b"),
    stranger("SlowTicket", "ticket", slo_tier="slow", budget_id="b"),
    stranger("TrendPage", "page", slo_tier="trend", budget_id="b"),
    stranger("Drift", "ticket", slo_tier="drift", budget_id="b"),
    stranger("SLOSignalLost", "ticket"),
    stranger("Foreign", "page", slo_id="agent-fleet-llm-availability", cluster="prod"),
    stranger("AgentFleetLlmAvailabilityBurn", "page", slo_id="other", cluster="prod"),
    stranger("AgentFleetActionSuccessBurn", "page", slo_id="other", cluster="prod"),
    stranger("AgentFleetAgentSuccessBurn", "page", slo_id="other", cluster="prod"),
    stranger("Foreign", "page", slo_id="agent-fleet-action-success", cluster="prod"),
    stranger("Foreign", "page", slo_id="agent-fleet-agent-success", cluster="prod"),
    stranger("SLOSignalLost", "page", slo_id="agent-fleet-llm-availability", cluster="prod"),
    stranger("SLOTrafficStopped", "ticket", slo_id="agent-fleet-action-success", cluster="prod"),
)
ALERTS = (
    *(
        {**alert_labels(rule, {"cluster": cluster})}
        for cluster in ("prod", "staging")
        for rule in COMPILED.alert_rules()
    ),
    *STRANGERS,
)


def golden(name: str, text: str) -> None:
    path = HERE / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_every_alert_goes_where_the_page_says() -> None:
    golden("ways.txt", table(FLEET, ALERTS))


def test_the_configuration_is_byte_for_byte_the_reviewed_one() -> None:
    golden("alertmanager.yml", render(FLEET))


@pytest.mark.parametrize("place", range(len(FLEET.inhibitions)))
def test_removing_any_one_inhibition_is_noticed(place: int) -> None:
    rest = FLEET.inhibitions[:place] + FLEET.inhibitions[place + 1 :]

    assert table(replace(FLEET, inhibitions=rest), ALERTS) != table(FLEET, ALERTS)
