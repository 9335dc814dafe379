"""Every alert's way on one page: who, grouped how, how soon, at what hours, silenced by whom.

The page is compared as text from one change to the next: what moves is who is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from alerts.routing.simulate import deliveries, open_at, silences
from alerts.routing.tree import Labels, Routing

# A Wednesday, and the Sunday after it, in a winter: no clock changes near them.
TIMES: Final[Mapping[str, datetime]] = {
    "workday": datetime(2027, 1, 13, 10, 30, tzinfo=UTC),
    "night": datetime(2027, 1, 13, 2, 30, tzinfo=UTC),
    "weekend": datetime(2027, 1, 17, 10, 30, tzinfo=UTC),
}

_WAITS: Final = ("group_wait", "group_interval", "repeat_interval")


def table(routing: Routing, alerts: Sequence[Labels], times: Mapping[str, datetime] = TIMES) -> str:
    """The ways of `alerts`, one block each, in their order.

    A block names for each route: the receiver, the group key, the waits, and the `times`
    at which nothing leaves; then which alert would silence it, and by which rule.
    """
    quiet: dict[int, list[str]] = {}
    for pair in silences(routing, alerts):
        rule = f": {pair.rule.name}" if pair.rule.name else ""
        told = f"  silenced by {called(alerts[pair.source])}{rule}"
        if told not in quiet.setdefault(pair.target, []):
            quiet[pair.target].append(told)
    blocks = (
        "\n".join((called(labels), *_ways(routing, labels, times), *quiet.get(place, ())))
        for place, labels in enumerate(alerts)
    )
    return "\n\n".join(blocks) + "\n"


def called(labels: Labels) -> str:
    """An alert in short: its name, its tier or severity, and whose it is."""
    kind = labels.get("slo_tier") or labels.get("severity", "-")
    parts = (labels["alertname"], kind, labels.get("slo_id", ""), labels.get("cluster", ""))
    return f"{' '.join(part for part in parts if part)} ({labels.get('team') or 'nobody'})"


def _ways(routing: Routing, labels: Labels, times: Mapping[str, datetime]) -> Iterator[str]:
    for way in deliveries(routing, labels):
        closed = [name for name, moment in times.items() if not open_at(routing, way, moment)]
        pause = f", not at {', '.join(closed)}" if closed else ""
        wait, more, again = (way.waits[key] for key in _WAITS)
        yield f"  {way.receiver} after {wait}, more every {more}, again every {again}{pause}"
        yield f"    {way.group_key}"
