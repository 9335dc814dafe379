"""What the alerts of an SLO would have done to a past, and what other objectives would have."""

from slo.backtest.events import Events, EventsError, read_events
from slo.backtest.run import Outcome, Past, Spent, backtested
from slo.backtest.variants import Variant, variants

__all__ = [
    "Events",
    "EventsError",
    "Outcome",
    "Past",
    "Spent",
    "Variant",
    "backtested",
    "read_events",
    "variants",
]
