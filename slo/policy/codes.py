"""The diagnostics of policies, as `sloctl explain CODE` tells them."""

from __future__ import annotations

from typing import Final

MALFORMED: Final = "SLO030"
REPAIRED: Final = "SLO031"
LEFT_OUT: Final = "SLO032"
SILENT: Final = "SLO033"
NO_TRAFFIC: Final = "SLO034"
FEW_SCRAPES: Final = "SLO035"
OUT_OF_REACH: Final = "SLO036"
NOISY: Final = "SLO037"

CODES: Final = {
    MALFORMED: (
        "A policy says something that no alert can be made of.\n\n"
        "A tier has a name, a form (windows, window, sustained or outage), a severity, a burn "
        "above 0 and the windows that its form needs. Durations are written as Prometheus writes "
        "them."
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
    FEW_SCRAPES: (
        "A tier, or an expression of yours, looks over a window that holds too few scrapes.\n\n"
        "A rate needs two samples, and four to survive one scrape that fails. The window of a tier "
        "becomes the next longer usual one that holds four; where that is no shorter than its long "
        "window, the tier is left out. What you wrote yourself stays as it is. Scrape more often, "
        "and say so in `intervals.scrape` of Settings, or look over longer windows."
    ),
    OUT_OF_REACH: (
        "A tier asks for more bad events than there are events.\n\n"
        "At the traffic that the SLO states, a total outage brings fewer events in the tier's "
        "window than it asks for: it can never fire. It asks for fewer, as long as chance does "
        "not bring those more than once a month; else, and where `alerting.min_events` is "
        "stated, it is left out, and slower tiers remain."
    ),
    NOISY: (
        "Chance alone fires a tier more than once a month.\n\n"
        "On a service that spends exactly its budget, bad events come in clusters; with few of "
        "them a cluster looks like an incident. The tier asks for as many bad events as chance "
        "brings at most once a month, or is left out where there is too little traffic for that. "
        "A minimum that you state under `alerting.min_events` is kept as it is. The policy "
        "budget-aware asks for more, from the start."
    ),
}
