"""The story that the previews tell: it ends where it is looked at, and what burns fires."""

from __future__ import annotations

from dashboards.proving.history import Timeline
from dashboards.proving.phases import PHASES
from dashboards.proving.recorded import Rule, alerts

END = 1_800_000_000 // 86_400 * 86_400
HOUR = 3600


def alert(name: str, severity: str, slo_id: str = "", hold_seconds: int = 0) -> Rule:
    labels = {"severity": severity, **({"slo_id": slo_id} if slo_id else {})}
    return Rule("", name, "x", labels, hold_seconds)


PAGE = alert("ABurn", "page", "a", hold_seconds=900)
TICKET = alert("BBurn", "ticket", "b", hold_seconds=6 * HOUR)
RULES = (alert("QueueStuck", "page"), alert("SLOSignalLost", "ticket", "a"), PAGE, TICKET)


def firing(timeline: Timeline, burning: dict[str, tuple[Rule, ...]]) -> dict[str, list[int]]:
    """Since when, in seconds after the start of their phase, which alerts fire."""
    starts = dict(zip((phase.name for phase in timeline.phases), timeline.edges, strict=False))
    found: dict[str, list[int]] = {}
    for labels, points in alerts(RULES, timeline, burning)["ALERTS"]:
        first = points[0][0]
        began = max(start for start in starts.values() if start <= first)
        found.setdefault(dict(labels)["alertname"], []).append(first - began)
    return found


def test_a_story_that_is_cut_ends_with_the_phase_that_is_looked_at() -> None:
    whole, healthy = Timeline.until(END), Timeline.until(END, "healthy")

    assert list(whole.moments()) == [phase.name for phase in PHASES]
    assert healthy.moments() == {"healthy": END}
    assert healthy.scrapes()[-1] == END
    burning = Timeline.until(END, "fast-burn")
    assert burning.moments() == {"healthy": END - HOUR, "fast-burn": END}


def test_what_burns_fires_once_its_condition_held_for_long_enough() -> None:
    found = firing(Timeline.until(END, "fast-burn"), {"fast-burn": (PAGE,)})

    assert list(found) == ["ABurn"]
    assert 900 < found["ABurn"][0] <= 900 + 120


def test_a_phase_has_the_alert_that_panels_need_of_what_burns_before_anything_else() -> None:
    timeline = Timeline.until(END, "slow-burn")

    assert list(firing(timeline, {})) == ["ABurn", "BBurn"]
    assert list(firing(timeline, {"fast-burn": (PAGE,), "slow-burn": (PAGE,)})) == [
        "ABurn",
        "BBurn",
    ]


def test_health_has_no_alert() -> None:
    assert alerts(RULES, Timeline.until(END, "healthy"), {})["ALERTS"] == []
