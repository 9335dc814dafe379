"""Every name that crosses a room, defined once: series, labels, ids.

The names are public interface: people's queries, routes and dashboards use them.
"""

from __future__ import annotations

import re
from typing import Final

SLI_TOTAL: Final = "slo:sli_total"
SLI_ERRORS: Final = "slo:sli_errors"
SLI_ERROR_RATIO: Final = "slo:sli_error:ratio_rate"
PERIOD_ERROR: Final = "slo:period_error:ratio"
OBJECTIVE: Final = "slo:objective:ratio"
BUDGET_REMAINING: Final = "slo:error_budget_remaining:ratio"
BURN_RATE: Final = "slo:burn_rate:ratio"
INFO: Final = "slo_info"
SEVERITIES: Final = "slo:severities:info"
"""Says how page and ticket are called, where a project has words of its own."""
SLI_EVENTS: Final = "fleetslo_sli_events_total"
SHED_EVENTS: Final = "fleetslo_sampling_shed_events_total"
"""Bad events that a sampler wanted to keep, and its bytes did not allow."""
STAND_INS: Final = ("fleetslo_proof_bad_events_total", "fleetslo_proof_events_total")
"""Bad events and all, in proofs of rules whose SLI does not tell its own; recorded nowhere."""
SIGNAL_LOST: Final = "SLOSignalLost"
LOST_SIGNALS: Final = "lost-signals"
"""Their root cause: a release that renames a metric takes many at once, for one reason."""
WATCHDOG: Final = "Watchdog"

ALERT_LABELS: Final = (
    "severity",
    "slo_tier",
    "slo_id",
    "slo",
    "service",
    "team",
    "scope",
    "root_cause",
    "budget_id",
)
ALERT_ANNOTATIONS: Final = ("summary", "description", "runbook_url", "dashboard_url")

DASHBOARD_UIDS: Final = {
    "executive": "fleetslo-executive",
    "on-call": "fleetslo-on-call",
    "debug": "fleetslo-debug",
}


def slo_id(service: str, name: str) -> str:
    """The identity of an SLO, unique in a project."""
    return f"{service}-{name}"


def camel(text: str) -> str:
    """``agent-fleet`` becomes ``AgentFleet``; what is not a letter or digit parts words."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


def burn_alert(service: str, name: str) -> str:
    """The one alert name of an SLO; its tiers are told by the label `slo_tier`."""
    return f"{camel(service)}{camel(name)}Burn"


def escalated(alert: str) -> str:
    """The name of the generated escalation of `alert`."""
    return f"{alert}Escalated"


def is_escalation(alert: str) -> bool:
    """Whether `alert` is the name of a generated escalation."""
    return alert.endswith(escalated("")) and alert != escalated("")


def error_ratio(window: str) -> str:
    """The recorded error ratio over `window`, a Prometheus duration such as ``1h``."""
    return f"{SLI_ERROR_RATIO}{window}"


def runbook_path(alert: str) -> str:
    """Where the runbook of `alert` stands below the output directory."""
    return f"runbooks/{alert}.md"
