"""The diagnostics of policies, as `sloctl explain CODE` tells them."""

from __future__ import annotations

from typing import Final

MALFORMED: Final = "SLO030"
REPAIRED: Final = "SLO031"
LEFT_OUT: Final = "SLO032"
SILENT: Final = "SLO033"
NO_TRAFFIC: Final = "SLO034"

CODES: Final = {
    MALFORMED: (
        "A policy says something that no alert can be made of.\n\n"
        "A tier has a name, a form (windows, sustained or outage), a severity, a burn above 0 "
        "and the windows that its form needs. Durations are written as Prometheus writes them."
    ),
    REPAIRED: (
        "A tier could never fire at this objective, and got a lower burn.\n\n"
        "Burn times budget is the share of bad events at which the tier fires. At 1 or above "
        "no traffic can reach it: 14.4 times the budget of a 90 % objective would be 144 % "
        "errors. The burn becomes 0.8 / budget as long as that is at least 1 and below the next "
        "faster tier. Switch the tier off under `alerting.off`, or raise the objective."
    ),
    LEFT_OUT: (
        "A tier makes no sense at this objective or window, and is left out.\n\n"
        "Either it could never fire and a repaired burn would be no slower than the tier before "
        "it, or an outage would start above 80 % errors, or on so short a window the tier would "
        "fire at a burn below 1, that is on a service that keeps its objective."
    ),
    SILENT: (
        "No tier of the policy is left: this SLO measures, but never alerts.\n\n"
        "Choose another policy, switch a severity on again, or raise the objective."
    ),
    NO_TRAFFIC: (
        "The policy derives minimum events from the traffic, and the traffic is not known.\n\n"
        "Ten bad events are taken. Say `traffic: {events_per_second: ...}` in the SLO."
    ),
}
