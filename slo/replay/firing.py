"""What Prometheus would have made of an alert's condition: pending, firing, resolved.

The state machine of one alerting rule, fed with the evaluations at which its expression had
a result.

Source: Prometheus 2.42, rules/alerting.go, `AlertingRule.Eval`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slo.model import AlertRule


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert, from the evaluation that fired it to the one that resolved it.

    Attributes:
        labels: All that Alertmanager would see, ``alertname`` included.
        since: When its condition began to hold; seconds since 1970, as all times here.
        start: When it began to fire.
        end: When it resolved; None where it still fires at the end of the story.
        value: The condition's value at `start`.
    """

    rule: AlertRule
    labels: Mapping[str, str]
    since: float
    start: float
    end: float | None
    value: float


@dataclass(slots=True)
class _Active:
    since: float
    value: float
    fired: float | None = None
    kept_since: float | None = None
    fired_value: float = 0.0


def states(
    times: Iterable[float], present: Mapping[float, float], hold: float, keep: float
) -> list[tuple[float, float, float | None, float]]:
    """When one instance of an alert fired: ``(since, start, end, value at start)`` each.

    Args:
        times: Every evaluation, ascending.
        present: The value at those evaluations at which the condition held.
        hold: The rule's `for`, in seconds.
        keep: Its `keep_firing_for`, in seconds.
    """
    found: list[tuple[float, float, float | None, float]] = []
    active: _Active | None = None
    for time in times:
        value = present.get(time)
        if value is not None:
            active = active or _Active(time, value)
            active.value, active.kept_since = value, None
        elif active is not None and not _kept(active, time, keep):
            if active.fired is not None:
                found.append((active.since, active.fired, time, active.fired_value))
            active = None
        if active is not None and active.fired is None and _lasted(active.since, time) >= hold:
            active.fired, active.fired_value = time, active.value
    if active is not None and active.fired is not None:
        found.append((active.since, active.fired, None, active.fired_value))
    return found


def _kept(active: _Active, time: float, keep: float) -> bool:
    """Whether a firing alert goes on although its condition no longer holds."""
    if active.fired is None or keep <= 0:
        return False
    if active.kept_since is None:
        active.kept_since = time
    return _lasted(active.kept_since, time) < keep


def _lasted(start: float, end: float) -> float:
    """Seconds between two evaluations, free of what floats add to whole milliseconds."""
    return round((end - start) * 1000) / 1000


def alert_labels(rule: AlertRule, result: Mapping[str, str]) -> dict[str, str]:
    """The labels of the alert that `rule` makes of a result with the labels `result`.

    Of templates only ``{{ $labels.NAME }}`` is filled in, the one that compiled rules have
    in labels. A label that is empty afterwards is left out, as Prometheus does.
    """
    kept = {key: text for key, text in result.items() if key != "__name__"}
    added = {key: _filled(text, result) for key, text in rule.labels.items()}
    labels = {**kept, **added, "alertname": rule.name}
    return {key: labels[key] for key in sorted(labels) if labels[key]}


def _filled(text: str, result: Mapping[str, str]) -> str:
    parts = text.split("{{")
    filled = [parts[0]]
    for part in parts[1:]:
        inside, closed, rest = part.partition("}}")
        name = inside.strip().removeprefix("$labels.")
        known = closed and inside.strip().startswith("$labels.") and name.isidentifier()
        filled.append(result.get(name, "") + rest if known else "{{" + part)
    return "".join(filled)


def in_order(firings: Iterable[Firing]) -> tuple[Firing, ...]:
    """`firings` by start, then by labels: the same for the same story."""
    return tuple(
        sorted(firings, key=lambda one: (one.start, sorted(one.labels.items()), one.since))
    )
