"""The formats of `fleetslo/v1`, as data: every kind, every key, what it holds and means."""

from slo.spec.shapes.common import API_VERSION, CALENDAR_PERIODS, IDLE
from slo.spec.shapes.kinds import KINDS
from slo.spec.shapes.slo import SLO_SPEC

__all__ = ["API_VERSION", "CALENDAR_PERIODS", "IDLE", "KINDS", "SLO_SPEC"]
