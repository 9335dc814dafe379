"""Who was told of an incident, followed through time, and what kept the rest silent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from alerts.incidents.alertmanager import Known, Silence, State
from alerts.incidents.correlate import Incident
from alerts.incidents.notified import Notices, notices
from alerts.incidents.page import Report, as_json, markdown
from alerts.incidents.past import Episode
from alerts.routing.build import routing
from alerts.routing.inhibit import alert_labels
from alerts.routing.tree import Matcher
from tests.alert_projects import fleet

COMPILED = fleet()
ROUTING = routing(COMPILED)
NIGHT = datetime(2027, 1, 13, 1, 0, tzinfo=UTC).timestamp()
DAY = datetime(2027, 1, 13, 10, 0, tzinfo=UTC).timestamp()
HOUR = 3_600.0


def episode(name: str, start: float, end: float | None = None, **more: str) -> Episode:
    labels = (alert_labels(rule, {}) for rule in COMPILED.alert_rules() if rule.name == name)
    chosen = next(each for each in labels if each.items() >= more.items())
    return Episode(chosen, start, end)


def silence(start: float, end: float, *matchers: str) -> Silence:
    parsed = tuple(Matcher.parse(each) for each in matchers)
    return Silence(parsed, start, end, "ada", "I am on it")


def found(*episodes: Episode, state: State | None = None, until: float = DAY) -> Notices:
    return notices(state or State((), (), ROUTING), episodes, episodes, until)


def told(all_: Notices) -> list[tuple[str, float]]:
    return [(each.receiver.removeprefix("fleetslo-"), each.at) for each in all_.told]


def quiet(all_: Notices) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.episode.name, each.reasons) for each in all_.quiet]


def test_a_page_is_told_and_what_depends_on_it_is_silent_because_of_it() -> None:
    page = episode("OrchestratorUnhealthy", DAY, DAY + HOUR)
    effect = episode("QueueSlow", DAY, DAY + HOUR)
    what = found(page, effect, until=DAY + 2 * HOUR)

    assert told(what) == [("platform-page", DAY + 10)]
    assert quiet(what) == [("QueueSlow", ("OrchestratorUnhealthy fires",))]


def test_a_ticket_at_night_is_told_in_the_morning() -> None:
    what = found(episode("QueueSlow", NIGHT), until=DAY)

    (only,) = what.told
    assert only.receiver == "fleetslo-platform-ticket"
    # Berlin opens at nine, and a silent group is looked at every half an hour.
    assert NIGHT + 7 * HOUR <= only.at < NIGHT + 7.5 * HOUR
    assert quiet(what) == [("QueueSlow", ("it waits for working hours",))]


def test_what_a_person_silenced_says_who_and_why() -> None:
    page = episode("OrchestratorUnhealthy", DAY, DAY + HOUR)
    state = State((silence(DAY, DAY + 2 * HOUR, 'service="agent-fleet"'),), (), ROUTING)
    what = found(page, state=state, until=DAY + 2 * HOUR)

    assert told(what) == []
    assert quiet(what) == [("OrchestratorUnhealthy", ("silenced by ada: I am on it",))]
    assert len(what.silences) == 1


def test_a_silence_that_ends_lets_the_page_go() -> None:
    page = episode("OrchestratorUnhealthy", DAY, None)
    state = State((silence(DAY, DAY + 0.5 * HOUR, 'service="agent-fleet"'),), (), ROUTING)
    what = found(page, state=state, until=DAY + 2 * HOUR)

    assert told(what) == [("platform-page", DAY + 10 + 6 * 300)]


def test_silences_of_something_else_or_of_another_time_are_left_out() -> None:
    state = State(
        (
            silence(DAY, DAY + HOUR, 'service="other"'),
            silence(DAY - HOUR, DAY, 'service="agent-fleet"'),
        ),
        (),
        ROUTING,
    )
    page = episode("OrchestratorUnhealthy", DAY, DAY + HOUR)

    assert found(page, state=state, until=DAY + HOUR).silences == ()


def test_labels_that_prometheus_adds_on_the_way_are_known_from_what_fires_now() -> None:
    heartbeat = Known({"alertname": "Watchdog", "cluster": "prod"}, (), (), 0, ())
    state = State((silence(DAY, DAY + HOUR, 'cluster="prod"'),), (heartbeat,), ROUTING)
    page = episode("OrchestratorUnhealthy", DAY, DAY + HOUR)

    assert len(found(page, state=state, until=DAY + HOUR).silences) == 1


def test_a_routing_that_is_not_understood_leaves_silences_and_says_so() -> None:
    page = episode("OrchestratorUnhealthy", DAY, DAY + HOUR)
    state = State((silence(DAY, DAY + HOUR, 'service="agent-fleet"'),), (), None, "no route")
    what = found(page, state=state)

    assert (what.told, what.quiet, what.why) == ((), (), "no route")
    assert len(what.silences) == 1


def report(*episodes: Episode, what: Notices) -> Report:
    return Report(Incident(tuple(episodes)), DAY, DAY + HOUR, (), (), {}, 15.0, what)


def test_the_page_has_who_was_told_and_the_timeline_their_moments() -> None:
    page = episode("OrchestratorUnhealthy", DAY, DAY + HOUR)
    effect = episode("QueueSlow", DAY, DAY + HOUR)
    state = State((silence(DAY + 60, DAY + 0.5 * HOUR, 'service="agent-fleet"'),), (), ROUTING)
    written = report(page, effect, what=found(page, effect, state=state, until=DAY + HOUR))
    text = markdown(written)

    assert "| 2027-01-13 10:00:10 | told | fleetslo-platform-page: OrchestratorUnhealthy |" in text
    assert '| 2027-01-13 10:01:00 | silenced | service="agent-fleet" by ada: I am on it |' in text
    assert '| 2027-01-13 10:30:00 | silence ends | service="agent-fleet" by ada' in text
    assert "| QueueSlow ticket | fleetslo-platform-ticket | OrchestratorUnhealthy fires" in text
    same = json.loads(as_json(written))
    assert [each["receiver"] for each in same["notifications"]] == ["fleetslo-platform-page"]
    assert same["kept_silent"][0]["because"][0] == "OrchestratorUnhealthy fires"
    assert same["silences"][0]["matchers"] == ['service="agent-fleet"']
