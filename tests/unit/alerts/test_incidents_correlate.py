"""Which alerts are one incident, and how it is written."""

from __future__ import annotations

import json
import time

from alerts.incidents.correlate import Incident, Relations, incidents
from alerts.incidents.page import Report, as_json, dark, markdown, overview
from alerts.incidents.past import Episode, Event, Gap


def episode(name: str, starts: float, ends: float | None, **labels: str) -> Episode:
    known = {"alertname": name, "severity": "page", "team": "platform", "service": "agent-fleet"}
    return Episode({**known, "root_cause": name, **labels}, starts, ends)


def parted(*episodes: Episode, relations: Relations | None = None) -> list[list[str]]:
    found = incidents(episodes, relations or Relations())
    return [[each.name for each in incident.episodes] for incident in found]


def test_alerts_of_one_cause_at_one_time_are_one_incident() -> None:
    one = episode("A", 0, 100, root_cause="llm")
    other = episode("B", 50, 200, root_cause="llm")

    assert parted(one, other) == [["A", "B"]]


def test_the_same_cause_a_day_later_is_another_incident() -> None:
    assert parted(episode("A", 0, 100), episode("A", 86_400, 86_500)) == [["A"], ["A"]]


def test_a_relapse_within_minutes_is_the_same_incident() -> None:
    assert parted(episode("A", 0, 100), episode("A", 600, 700)) == [["A", "A"]]


def test_different_causes_at_one_time_are_two_incidents() -> None:
    assert parted(episode("A", 0, 100), episode("B", 0, 100)) == [["A"], ["B"]]


def test_two_clusters_are_two_incidents() -> None:
    one = episode("A", 0, 100, cluster="prod")
    other = episode("A", 0, 100, cluster="test")

    assert parted(one, other) == [["A"], ["A"]]


def test_agents_that_hand_work_to_each_other_are_one_incident() -> None:
    planner = episode("A", 0, 100, gen_ai_agent_name="planner")
    coder = episode("B", 50, 100, gen_ai_agent_name="coder")
    reviewer = episode("C", 50, 100, gen_ai_agent_name="reviewer")
    known = Relations(neighbours=frozenset({frozenset({"planner", "coder"})}))

    assert parted(planner, coder, reviewer, relations=known) == [["A", "B"], ["C"]]


def test_what_states_a_cause_belongs_to_it_by_id_or_by_name() -> None:
    cause = episode("Burn", 0, 100, slo_id="fleet-llm")
    effect = episode("QueueSlow", 50, 100)
    known = Relations(causes=frozenset({("QueueSlow", "fleet-llm")}))

    assert parted(cause, effect, relations=known) == [["Burn", "QueueSlow"]]


def test_together_is_transitive_over_time() -> None:
    chain = [episode("A", start, start + 100) for start in (0, 500, 1_000, 1_500)]

    assert len(parted(*chain)) == 1


def test_the_order_in_which_alerts_are_told_of_does_not_matter() -> None:
    some = [episode(name, start, start + 100) for name in "ABC" for start in (0, 500, 9_000)]

    assert parted(*some) == parted(*reversed(some))


def test_a_long_alert_holds_together_what_happens_in_it() -> None:
    long = episode("A", 0, 90_000)
    early, late = episode("A", 100, 200), episode("A", 80_000, 80_100)

    assert len(parted(long, early, late)) == 1


def test_thousands_of_alerts_are_parted_in_seconds() -> None:
    many = [episode(f"A{n % 50}", n * 60.0, n * 60.0 + 30) for n in range(20_000)]
    begun = time.process_time()
    found = incidents(many, Relations())

    assert sum(len(each.episodes) for each in found) == len(many)
    assert time.process_time() - begun < 10


def test_an_alert_that_still_fires_keeps_its_incident_open() -> None:
    (found,) = incidents([episode("A", 0, None), episode("A", 90_000, 90_100)], Relations())

    assert found.ends is None
    assert "not yet" in overview([found])


def test_an_incident_is_named_after_its_first_page() -> None:
    ticket = episode("A", 0, 100, severity="ticket", gen_ai_agent_name="coder")
    page = episode("B", 50, 100, gen_ai_agent_name="coder", root_cause="provider | down")

    (found,) = incidents([ticket, page], Relations())
    assert found.name == "provider | down"
    assert "provider \\| down" in overview([found])


def report() -> Report:
    fired = episode("A", 1_000.0, 1_600.0, gen_ai_agent_name="coder", slo_tier="fast")
    return Report(
        Incident((fired,)),
        0.0,
        1_600.0,
        [Event(900.0, "policy", "guard: revision 3 to 4")],
        [Gap(1_100.0, 1_200.0, "fleetslo-agents did not answer")],
        {"guard": "3"},
        15.0,
    )


def test_the_page_has_a_timeline_with_changes_alerts_and_gaps_in_order() -> None:
    text = markdown(report())
    lines = [line for line in text.splitlines() if line.startswith("| 1970")]

    assert [line.split(" | ")[1] for line in lines] == [
        "policy",
        "fires",
        "telemetry stops",
        "telemetry is back",
        "ends",
    ]
    assert "| guard | 3 |" in text
    assert "A fast coder (platform, agent-fleet)" in text


def test_the_json_says_the_same() -> None:
    found = json.loads(as_json(report()))

    assert (found["name"], found["starts"], found["ends"]) == ("A", 1_000.0, 1_600.0)
    assert found["events"][0]["kind"] == "policy"
    assert found["telemetry_gaps"][0]["starts"] == 1_100.0
    assert found["policies"] == {"guard": "3"}


def test_alerts_that_tell_of_lost_signals_count_as_gaps() -> None:
    lost = episode("SLOSignalLost", 10, None, slo_id="fleet-x")

    assert dark([lost, episode("A", 0, 1)], 99.0) == [Gap(10, 99.0, "SLOSignalLost fleet-x")]
