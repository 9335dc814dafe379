"""`kind: Maintenance`: a planned window in which alerts are muted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from slo.model import KEEP, MUTES_PAGES_FOR, Maintenance, Slo
from slo.spec.check import LABEL_PATTERN
from slo.spec.context import Context, Document
from slo.spec.fields import Fields

TRAIL_SECONDS: Final = 300
"""How long a rate over 5 minutes still shows events of the window."""
_LONGEST: Final = timedelta(days=366)
"""Alertmanager is told of a window day by day."""


def read_maintenance(document: Document, context: Context) -> Maintenance | None:
    """The window of `document`; None after its problems were reported."""
    problems = context.problems
    before = problems.errors
    spec = document.spec
    starts, ends = _moment(spec, "starts", context), _moment(spec, "ends", context)
    if starts and ends and ends <= starts:
        text = f"ends must be after starts, got {spec.text('ends')}"
        problems.error("SLO028", text, spec.place("ends"))
    elif starts and ends and ends - starts > _LONGEST:
        text = f"a window may last {_LONGEST.days} days, got {(ends - starts).days}"
        problems.error("SLO028", text, spec.place("ends"), "is the year right?")
    matchers = spec.pairs("matchers")
    if spec.has("matchers") and not matchers:
        text = "matchers is empty: the window would mute every alert"
        problems.error("SLO013", text, spec.place("matchers"), "name a service, a team or an SLO")
    for label in matchers:
        if re.fullmatch(LABEL_PATTERN, label) is None:
            text = f"a key of matchers must be a Prometheus label, got {label!r}"
            hint = "letters, digits and _, not a digit first"
            problems.error("SLO029", text, spec.place("matchers"), hint)
    owner = context.team(spec, "owner", document)
    keep = spec.duration("keep")
    excludes = tuple(sorted({context.slo(scalar) for scalar in spec.scalars("excludes")} - {""}))
    if not document.sound or problems.errors > before or starts is None or ends is None:
        return None
    return Maintenance(
        name=document.name,
        reason=spec.text("reason"),
        owner=owner,
        starts=_utc(starts),
        ends=_utc(ends),
        matchers=matchers,
        excludes=excludes,
        place=document.place,
        keep=KEEP if keep is None else keep,
        mutes_pages_for=spec.duration("mutes_pages_for") or MUTES_PAGES_FOR,
    )


def excluded(slo: Slo, windows: Iterable[Maintenance]) -> tuple[tuple[int, int], ...]:
    """What the budget of `slo` leaves out: overlapping windows are one, ascending."""
    spans = sorted(
        (int(_seconds(window.starts)), int(_seconds(window.ends)))
        for window in windows
        if slo.slo_id in window.excludes
    )
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1] + TRAIL_SECONDS:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _moment(spec: Fields, key: str, context: Context) -> datetime | None:
    """A moment with an offset, so that it means the same to everybody."""
    text = spec.text(key)
    if not text:
        return None
    hint = "write for example 2026-12-01T22:00:00+01:00"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        got = f"{key} must be a date and time as ISO 8601 writes them, got {text!r}"
        context.problems.error("SLO028", got, spec.place(key), hint)
        return None
    if moment.tzinfo is None:
        got = f"{key} needs an offset from UTC, got {text!r}"
        context.problems.error("SLO028", got, spec.place(key), hint)
        return None
    if moment.second or moment.microsecond:
        # Alertmanager mutes whole minutes: rounding would mute for longer than stated.
        got = f"{key} must be a whole minute, got {text!r}"
        context.problems.error("SLO028", got, spec.place(key), hint)
        return None
    return moment


def _utc(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat()}Z"
