"""Policies: when to wake whom, as data, and the tiers that follow for one objective."""

from slo.policy.codes import CODES, FEW_SCRAPES
from slo.policy.estimate import (
    Impact,
    TierEstimate,
    detection_seconds,
    estimate,
    estimates,
    expected_fire_seconds,
    period_seconds,
)
from slo.policy.floor import LEAST_SCRAPES, Ground, trusted
from slo.policy.lower import tiers
from slo.policy.model import (
    AUTO_MIN_EVENTS,
    Note,
    Plan,
    Policy,
    PolicyName,
    PolicyOptions,
    TierChange,
    TierTemplate,
)
from slo.policy.noise import false_alerts, gate_seconds
from slo.policy.read import builtin, read

__all__ = [
    "AUTO_MIN_EVENTS",
    "CODES",
    "FEW_SCRAPES",
    "LEAST_SCRAPES",
    "Ground",
    "Impact",
    "Note",
    "Plan",
    "Policy",
    "PolicyName",
    "PolicyOptions",
    "TierChange",
    "TierEstimate",
    "TierTemplate",
    "builtin",
    "detection_seconds",
    "estimate",
    "estimates",
    "expected_fire_seconds",
    "false_alerts",
    "gate_seconds",
    "period_seconds",
    "read",
    "tiers",
    "trusted",
]
