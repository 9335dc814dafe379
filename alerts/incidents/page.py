"""An incident written for the postmortem: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from alerts.incidents.correlate import Incident
from alerts.incidents.notified import Notices
from alerts.incidents.past import Episode, Event, Gap
from alerts.runbooks.text import bullets, document, table

Json: TypeAlias = "str | float | Sequence[Json] | Mapping[str, Json] | None"

_GAP_ALERTS: Final = ("SLOSignalLost", "CollectorDown", "TelemetryMissing", "IngestStalled")
_TO_WRITE: Final = (
    "What happened, in two sentences.",
    "Who noticed what, and for how long.",
    "Why it happened, and why it was not caught before.",
    "What is done about it, by whom, until when.",
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of one incident.

    Attributes:
        start: Of the stretch that was looked at, seconds since 1970.
        policies: The revisions in force when the first alert fired.
        step_seconds: How exactly times are known.
        notices: Who was told; None where no Alertmanager was asked.
    """

    incident: Incident
    start: float
    end: float
    events: Sequence[Event]
    gaps: Sequence[Gap]
    policies: Mapping[str, str]
    step_seconds: float
    notices: Notices | None = None


def markdown(report: Report) -> str:
    """The page, ready for the words that only people know."""
    incident = report.incident
    pages = [each for each in incident.episodes if each.labels.get("severity") == "page"]
    ends = _moment(incident.ends) if incident.ends is not None else "not yet"
    return document(
        (
            f"# Incident: {incident.name}",
            table(
                ("", ""),
                (
                    ("Began", _moment(incident.starts)),
                    ("Ended", ends),
                    ("Pages", str(len(pages))),
                    ("Tickets", str(len(incident.episodes) - len(pages))),
                    ("Teams", ", ".join(_all(incident, "team"))),
                    ("Services", ", ".join(_all(incident, "service"))),
                    ("Agents", ", ".join(_all(incident, "gen_ai_agent_name"))),
                ),
            ),
            f"Times are UTC and known to {report.step_seconds:.0f} s.",
            "## Timeline",
            table(("When", "What", "Details"), _timeline(report)),
            *_notified(report.notices),
            "## Policies in force at the start",
            table(("Policy", "Revision"), sorted(report.policies.items()))
            or "No revision was reported.",
            "## What nobody could see",
            bullets(
                f"{_moment(gap.starts)} to {_moment(gap.ends)}: {gap.text}" for gap in report.gaps
            )
            or "Telemetry came without a gap.",
            "## To be written by people",
            bullets(_TO_WRITE),
        )
    )


def as_json(report: Report) -> str:
    """The same as JSON, with times as seconds since 1970."""
    incident = report.incident
    found: Json = {
        "name": incident.name,
        "starts": incident.starts,
        "ends": incident.ends,
        "range": {"start": report.start, "end": report.end, "step": report.step_seconds},
        "alerts": [
            {"labels": dict(each.labels), "starts": each.starts, "ends": each.ends}
            for each in incident.episodes
        ],
        "events": [{"at": each.at, "kind": each.kind, "text": each.text} for each in report.events],
        "telemetry_gaps": [
            {"starts": gap.starts, "ends": gap.ends, "text": gap.text} for gap in report.gaps
        ],
        "policies": dict(report.policies),
        **_notices(report.notices),
    }
    return json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _notices(found: Notices | None) -> Mapping[str, Json]:
    if found is None:
        return {}
    return {
        "notifications": [
            {"at": e.at, "receiver": e.receiver, "root_cause": e.cause, "alerts": e.alerts}
            for e in found.told
        ],
        "kept_silent": [
            {
                "at": e.at,
                "labels": dict(e.episode.labels),
                "receiver": e.receiver,
                "because": e.reasons,
            }
            for e in found.quiet
        ],
        "silences": [
            {
                "matchers": [matcher.text() for matcher in each.matchers],
                "starts": each.starts,
                "ends": each.ends,
                "by": each.by,
                "comment": each.comment,
            }
            for each in found.silences
        ],
        "notifications_unknown": found.why,
    }


def _notified(found: Notices | None) -> Iterator[str]:
    if found is None:
        return
    yield "## Who was told"
    if found.why:
        yield f"Nobody can say: the routing that Alertmanager runs is not understood ({found.why})."
        return
    told = ((_moment(e.at), e.receiver, e.cause or "-", ", ".join(e.alerts)) for e in found.told)
    yield table(("When", "Receiver", "Root cause", "Alerts"), told) or "Nobody was told."
    if found.quiet:
        yield "Kept silent when they would have left:"
        silent = (
            (_moment(e.at), e.episode.told(), e.receiver, "; ".join(e.reasons)) for e in found.quiet
        )
        yield table(("When", "Alert", "Receiver", "Because"), silent)
    yield (
        "Computed from the routing that Alertmanager runs now, from what fired and from its "
        "silences; it keeps no record of what it sent, and silences for five days."
    )


def overview(incidents: Sequence[Incident]) -> str:
    """One line for each incident."""
    rows = (
        (
            str(number),
            _moment(incident.starts),
            _moment(incident.ends) if incident.ends is not None else "not yet",
            incident.name,
            str(sum(each.labels.get("severity") == "page" for each in incident.episodes)),
            str(len(incident.episodes)),
        )
        for number, incident in enumerate(incidents, 1)
    )
    return table(("", "Began", "Ended", "Root cause", "Pages", "Alerts"), rows)


def dark(episodes: Sequence[Episode], until: float) -> list[Gap]:
    """The gaps that alerts tell of: a signal was lost, the pipeline stood still."""
    return [
        Gap(each.starts, until if each.ends is None else each.ends, _lost(each))
        for each in episodes
        if each.name in _GAP_ALERTS
    ]


def _lost(episode: Episode) -> str:
    slo = episode.labels.get("slo_id", "")
    return f"{episode.name} {slo}".strip()


def _timeline(report: Report) -> Iterator[tuple[str, str, str]]:
    rows = [(event.at, event.kind, event.text) for event in report.events]
    for episode in report.incident.episodes:
        whose = f"{episode.labels.get('team', '-')}, {episode.labels.get('service', '-')}"
        rows.append((episode.starts, "fires", f"{episode.told()} ({whose})"))
        if episode.ends is not None:
            rows.append((episode.ends, "ends", episode.told()))
    if report.notices is not None:
        notices = report.notices
        rows += [(e.at, "told", f"{e.receiver}: {', '.join(e.alerts)}") for e in notices.told]
        rows += [(each.starts, "silenced", each.told()) for each in notices.silences]
        over = (each for each in notices.silences if each.ends <= report.end)
        rows += [(each.ends, "silence ends", each.told()) for each in over]
    rows += [(gap.starts, "telemetry stops", gap.text) for gap in report.gaps]
    rows += [(gap.ends, "telemetry is back", gap.text) for gap in report.gaps]
    for at, what, text in sorted(rows):
        yield _moment(at), what, text


def _all(incident: Incident, label: str) -> list[str]:
    return sorted({each.labels[label] for each in incident.episodes if each.labels.get(label)})


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
