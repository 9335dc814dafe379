"""What an agent answers when it is asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from collectors.instrument import Endpoints, Speaks, exposition, start
from collectors.instrument.endpoints import Trail
from slo.catalog import metrics
from tests.instrumented import IDENTITY, Recorded, instrumented


@pytest.fixture
def asked() -> Iterator[tuple[Recorded, Endpoints]]:
    found = instrumented(Speaks(action_types=("query",), policies=("egress",)))
    endpoints = found.agent.answer(lambda: exposition(found.reader.get_metrics_data()))
    yield found, endpoints
    found.agent.stop()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_is_what_the_last_heartbeat_said(asked: tuple[Recorded, Endpoints]) -> None:
    found, endpoints = asked
    before = get(f"{endpoints.url}/healthz")
    found.agent.heartbeat(healthy=False)
    during = get(f"{endpoints.url}/healthz")
    found.agent.heartbeat()

    assert before == (200, '{"healthy": true}')
    assert during == (503, '{"healthy": false}')
    assert get(f"{endpoints.url}/healthz")[0] == 200


def test_metrics_are_shown_under_their_names_in_prometheus(
    asked: tuple[Recorded, Endpoints],
) -> None:
    found, endpoints = asked
    with found.agent.action("query"):
        pass
    with found.agent.policy_evaluation("egress", 1):
        found.clock.now += 0.02

    status, text = get(f"{endpoints.url}/metrics")
    names = {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")}

    assert status == 200
    assert names <= set(metrics().by_series())
    assert (
        'mas_agent_actions_total{gen_ai_agent_name="worker-ops",mas_action_outcome="success",'
        'mas_action_type="query",mas_agent_role="worker",mas_error_attribution="none"} 1'
    ) in text
    bucket = "mas_policy_evaluation_duration_seconds_bucket"
    shown = 'mas_policy_decision="allow",mas_policy_name="egress"'
    assert f'{bucket}{{le="0.01",{shown}}} 0' in text
    assert f'{bucket}{{le="0.025",{shown}}} 1' in text
    assert f'{bucket}{{le="+Inf",{shown}}} 1' in text


def test_the_audit_trail_is_shown_and_bounded(asked: tuple[Recorded, Endpoints]) -> None:
    found, endpoints = asked
    found.agent.audit("change", {"mas.action.target": "kb/42"})

    status, text = get(f"{endpoints.url}/audit")
    shown = json.loads(text)

    assert status == 200
    assert shown["written"] == 1
    assert shown["records"][0]["event"] == "change"
    assert shown["records"][0]["attributes"] == {"mas.action.target": "kb/42"}


def test_a_trail_forgets_the_oldest_and_keeps_the_numbers() -> None:
    trail = Trail(kept=2, now=lambda: 7.0)
    for event in ("a", "b", "c"):
        trail.add(event, {})

    shown = json.loads(trail.json())

    assert shown["written"] == 3
    assert [(each["number"], each["event"]) for each in shown["records"]] == [(2, "b"), (3, "c")]


def test_nothing_else_is_answered(asked: tuple[Recorded, Endpoints]) -> None:
    assert get(f"{asked[1].url}/")[0] == 404
    assert get(f"{asked[1].url}/../etc/passwd")[0] == 404


def test_an_agent_listens_on_loopback_only_and_only_when_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("FLEETSLO_AGENT_PORT", "0")
    agent = start(IDENTITY)
    try:
        assert agent.endpoints is not None
        assert agent.endpoints.url.startswith("http://127.0.0.1:")
        assert get(f"{agent.endpoints.url}/healthz")[0] == 200
    finally:
        agent.stop()
    with pytest.raises(urllib.error.URLError):
        get(f"{agent.endpoints.url}/healthz")

    assert instrumented().agent.endpoints is None


@pytest.mark.parametrize("port", ["http", "-1", "65536", "1.5"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("FLEETSLO_AGENT_PORT", port)

    with pytest.raises(ValueError, match="FLEETSLO_AGENT_PORT must be a port from 0 to 65535"):
        start(IDENTITY)
