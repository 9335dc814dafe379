"""`kind: Team`: who is called, and how."""

from __future__ import annotations

import re
from typing import Final

from slo.model import Destination, DestinationKind, Severity, Team, WorkingHours
from slo.source import Entry, Mapping, Scalar, Sequence
from slo.spec.context import Context, Document
from slo.spec.fields import Fields
from slo.spec.slos import known_zone

# Keys that hold a secret and have a sibling `<key>_file` in every supported Alertmanager.
# Source: Alertmanager 0.25, docs/configuration.md.
_SECRETS: Final = {
    DestinationKind.SLACK: ("api_url",),
    DestinationKind.PAGERDUTY: ("routing_key", "service_key"),
    DestinationKind.EMAIL: ("auth_password",),
    DestinationKind.OPSGENIE: ("api_key",),
}
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


def read_team(document: Document, context: Context) -> Team | None:
    """The team of `document`; None after its problems were reported."""
    before = context.problems.errors
    spec = document.spec
    destinations = _destinations(document, context)
    hours = _hours(spec.child("hours"), context) if spec.has("hours") else None
    escalation = context.teams_named(spec, "escalation")
    if not document.sound or context.problems.errors > before:
        return None
    return Team(
        name=document.name,
        title=document.metadata.text("title") or document.name.replace("-", " ").title(),
        members=spec.texts("members"),
        escalation=escalation,
        destinations=destinations,
        hours=hours,
        place=document.place,
    )


def _destinations(document: Document, context: Context) -> tuple[Destination, ...]:
    node = document.spec.mapping.get("destinations")
    if not isinstance(node, Sequence):
        return ()
    if not node.items:
        text = f"team {document.name} has no destination: its alerts would reach nobody"
        hint = "add one: - webhook: {url: ...}"
        context.problems.error("SLO024", text, node.span, hint)
    found = (_destination(item, context) for item in node.items if isinstance(item, Mapping))
    return tuple(each for each in found if each is not None)


def _destination(node: Mapping, context: Context) -> Destination | None:
    fields = Fields(node)
    kinds = [kind for kind in DestinationKind if fields.has(kind)]
    if len(kinds) != 1:
        return None
    kind = kinds[0]
    settings = fields.child(kind)
    for entry in settings.mapping.entries:
        _secret(entry, kind, context)
    words = fields.texts("severities")
    named = tuple(severity for severity in Severity if severity in words)
    return Destination(kind, named or tuple(Severity), fields.pairs(kind), node.span)


def _secret(entry: Entry, kind: DestinationKind, context: Context) -> None:
    key = entry.key.text
    if key not in _SECRETS.get(kind, ()) or not isinstance(entry.value, Scalar):
        return
    text = f"{key} is a secret, and must not stand in this file"
    hint = f"put it into a file on the Alertmanager host and write {key}_file: /path"
    context.problems.error("SLO022", text, entry.key.span, hint)


def _hours(fields: Fields, context: Context) -> WorkingHours:
    problems = context.problems
    for key in ("start", "end"):
        text = fields.text(key)
        if fields.has(key) and _CLOCK.fullmatch(text) is None:
            got = f"{key} must be a time of day, got {text!r}"
            problems.error("SLO028", got, fields.place(key), 'write "09:00", in quotes')
    days = fields.text("weekdays")
    if fields.has("weekdays") and not all(day in _DAYS for day in days.split(":")):
        got = f"weekdays must be a day or first:last, got {days!r}"
        problems.error("SLO028", got, fields.place("weekdays"), 'write "monday:friday"')
    zone = fields.text("timezone", "UTC")
    if not known_zone(zone):
        hint = "write an IANA name: Europe/Berlin, UTC"
        text = f"no time zone is called {zone!r}"
        problems.error("SLO026", text, fields.place("timezone"), hint)
    return WorkingHours(days, fields.text("start"), fields.text("end"), zone)
