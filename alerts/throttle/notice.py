"""Alertmanager's webhook, read: which burn alerts fire or have ended, and whom they speak of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

EVERYBODY: Final = "*"
"""The class of an alert that speaks of a whole service."""

AGENT: Final = "gen_ai_agent_name"
MAX_ALERTS: Final = 1_000
"""In one notification; Alertmanager sends all alerts of a group at once."""

_LONGEST: Final = 200


class BadNoticeError(ValueError):
    """The body is no notification of Alertmanager; says what is wrong."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One burn alert of one notification.

    Attributes:
        agent: The class of agents it speaks of, or `EVERYBODY`.
        budget: The budget that burns, its `budget_id`.
        tier: Value of the label `slo_tier`.
        severity: page or ticket.
    """

    agent: str
    budget: str
    tier: str
    severity: str
    firing: bool

    @property
    def key(self) -> str:
        """The same for every notification of one alert."""
        return f"{self.budget}|{self.tier}|{self.severity}"


def read(body: bytes) -> list[Notice]:
    """The burn alerts of a notification; other alerts are left out.

    Raises:
        BadNoticeError: Not a notification, or too many alerts.

    Source: Alertmanager, "Configuration", `<webhook_config>`, version 4 of the payload.
    """
    try:
        loaded = cast("object", json.loads(body))
    except (ValueError, RecursionError) as error:
        msg = "the body must be JSON"
        raise BadNoticeError(msg) from error
    whole = cast("Mapping[str, object]", loaded) if isinstance(loaded, dict) else {}
    alerts = whole.get("alerts")
    if not isinstance(alerts, list):
        msg = "the body must hold a list of alerts, as Alertmanager's webhook sends it"
        raise BadNoticeError(msg)
    listed = cast("list[object]", alerts)
    if len(listed) > MAX_ALERTS:
        msg = f"a notification may hold {MAX_ALERTS} alerts, got {len(listed)}"
        raise BadNoticeError(msg)
    found = (_notice(alert) for alert in listed)
    return [notice for notice in found if notice is not None]


def _notice(alert: object) -> Notice | None:
    if not isinstance(alert, dict):
        msg = "an alert must be a mapping"
        raise BadNoticeError(msg)
    known = cast("Mapping[str, object]", alert)
    labels, status = known.get("labels"), known.get("status")
    if not isinstance(labels, dict) or status not in {"firing", "resolved"}:
        msg = "an alert must have labels, and the status firing or resolved"
        raise BadNoticeError(msg)
    texts = {str(key): str(value) for key, value in cast("Mapping[str, object]", labels).items()}
    wanted = ("budget_id", "slo_tier", "severity")
    if not all(texts.get(label) for label in wanted):
        return None
    budget, tier, severity = (texts[label][:_LONGEST] for label in wanted)
    agent = texts.get(AGENT, "")[:_LONGEST] or EVERYBODY
    return Notice(agent, budget, tier, severity, status == "firing")
