"""Raw series in, recorded series and alerts out, by a real Prometheus: the replay engine."""

from slo.replay.answers import Column
from slo.replay.engine import Replay, ReplayError, Story, replay
from slo.replay.firing import Firing, alert_labels, states
from slo.replay.levels import CircleError, levels
from slo.replay.series import MAX_SAMPLES, Samples, TooMuchError

__all__ = [
    "MAX_SAMPLES",
    "CircleError",
    "Column",
    "Firing",
    "Replay",
    "ReplayError",
    "Samples",
    "Story",
    "TooMuchError",
    "alert_labels",
    "levels",
    "replay",
    "states",
]
