"""Forms that several kinds of documents share."""

from __future__ import annotations

from typing import Final

from slo.model import Severity
from slo.spec.forms import Choice, Label, ListOf, MapOf, Name, Text

API_VERSION: Final = "fleetslo/v1"
CALENDAR_PERIODS: Final = ("week", "month", "quarter", "year")
IDLE: Final = ("ok", "ticket", "page")
PROMQL: Final = Text(promql=True)
SEVERITY: Final = Choice(tuple(Severity))
LABELS: Final = MapOf(Text(), Label())
NAMES: Final = ListOf(Name())
CAUSES: Final = ListOf(Text())
