"""A notification with every field that our templates look at, to render them with.

Source: Alertmanager, template/template.go, type `Data`.
"""

from __future__ import annotations

import json
from typing import Final

_COMMON: Final = {
    "cluster": "prod",
    "root_cause": "agent-fleet:action-success",
    "service": "agent-fleet",
    "severity": "page",
    "slo": "action-success",
    "slo_id": "agent-fleet-action-success",
    "team": "platform",
}
_ANNOTATIONS: Final = {
    "summary": "Agent actions fail too often",
    "description": "2 % of 12 events a second are bad, 38 % of the budget is left & <falling>",
    "runbook_url": "http://127.0.0.1:8085/runbooks/AgentFleetActionSuccessBurn.md",
    "dashboard_url": "http://127.0.0.1:3000/d/fleetslo-on-call",
}


def stranger_data() -> str:
    """An alert of somebody else's that has nothing but a name, as JSON."""
    bare: dict[str, object] = {
        "receiver": "fleetslo-catch-all",
        "status": "firing",
        "alerts": [
            {
                **_alert("firing", ""),
                "labels": {"alertname": "Stranger"},
                "annotations": {},
            }
        ],
        "groupLabels": {"alertname": "Stranger"},
        "commonLabels": {"alertname": "Stranger"},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
    }
    return json.dumps(bare)


def sample_data(status: str) -> str:
    """Two alerts of one root cause, as JSON; `status` is ``firing`` or ``resolved``."""
    return json.dumps(
        {
            "receiver": "fleetslo-platform-page",
            "status": status,
            "alerts": [_alert(status, tier) for tier in ("fast", "slow")],
            "groupLabels": {"cluster": "prod", "root_cause": _COMMON["root_cause"]},
            "commonLabels": {**_COMMON, "alertname": "AgentFleetActionSuccessBurn"},
            "commonAnnotations": _ANNOTATIONS,
            "externalURL": "http://127.0.0.1:9093",
        }
    )


def _alert(status: str, tier: str) -> dict[str, object]:
    return {
        "status": status,
        "labels": {
            **_COMMON,
            "alertname": "AgentFleetActionSuccessBurn",
            "slo_tier": tier,
            "gen_ai_agent_name": "planner",
        },
        "annotations": _ANNOTATIONS,
        "startsAt": "2026-11-20T12:00:00Z",
        "endsAt": "2026-11-20T12:30:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": "0123456789abcdef",
    }
