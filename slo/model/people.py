"""Who is told, how and when, and when not: teams, destinations, planned work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from slo.diagnostic import Span
from slo.exact import Duration

KEEP: Final = Duration.parse("30d")
"""How long maintenance that is over stays a mark: as long as the usual budget looks back."""

MUTES_PAGES_FOR: Final = Duration.parse("12h")
"""The longest planned work that may keep a page from people without saying so: one night."""


class Severity(StrEnum):
    """Who is disturbed: a page wakes a person now, a ticket waits for working hours."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class SeverityWords:
    """The values of the label `severity`, where a user's routes and habits have words already.

    Attributes:
        page: What an alert carries that wakes a person.
        ticket: What one carries that waits.
    """

    page: str = "page"
    ticket: str = "ticket"

    def said(self, value: str) -> str:
        """The label value for our word `value`; of other words the word itself."""
        return {"page": self.page, "ticket": self.ticket}.get(value, value)

    def meant(self, value: str) -> str:
        """Our word for the label value `value`; of other values the value itself."""
        return {self.page: "page", self.ticket: "ticket"}.get(value, value)


class DestinationKind(StrEnum):
    """What a team is reached by (Alertmanager calls it a receiver)."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    OPSGENIE = "opsgenie"
    MSTEAMS = "msteams"


@dataclass(frozen=True, slots=True)
class Destination:
    """One way to reach a team.

    Attributes:
        severities: What is sent this way; both when the file does not say.
        settings: The integration's own keys, secrets only as ``*_file``.
    """

    kind: DestinationKind
    severities: tuple[Severity, ...]
    settings: Mapping[str, str]
    place: Span


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When tickets are delivered: ``monday:friday``, ``09:00`` to ``17:00`` in a zone."""

    weekdays: str
    start: str
    end: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Team:
    """People who own SLOs and alerts, and how they are reached."""

    name: str
    title: str
    members: tuple[str, ...]
    escalation: tuple[str, ...]
    destinations: tuple[Destination, ...]
    hours: WorkingHours | None
    place: Span


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A planned window that mutes alerts; `starts` and `ends` are ISO 8601 with offset, UTC.

    Attributes:
        keep: How long after its end the document may stay, as a mark on dashboards.
        mutes_pages_for: How long it may mute a page at most.
        over: It had ended when the run began, and mutes nothing.
    """

    name: str
    reason: str
    owner: str
    starts: str
    ends: str
    matchers: Mapping[str, str]
    excludes: tuple[str, ...]
    place: Span
    keep: Duration = KEEP
    mutes_pages_for: Duration = MUTES_PAGES_FOR
    over: bool = False
