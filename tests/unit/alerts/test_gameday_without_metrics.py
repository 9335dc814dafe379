"""A fleet that sends no metrics writes down what the collector must know, and nothing more."""

from __future__ import annotations

from importlib.resources import files

import pytest
import yaml
from click.testing import CliRunner
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from alerts.gameday import oracles
from alerts.gameday.command import gameday
from alerts.gameday.fleet import repertoire
from alerts.gameday.fleet.topology import Role, Topology
from alerts.gameday.fleet.voice import PlainAgent
from alerts.gameday.live import PLAIN, Manner
from alerts.gameday.scenarios import scenarios
from alerts.gameday.tree import Also, extended
from collectors.instrument import Providers, meter_provider

STARTER = files("collectors.starter").joinpath("collector.yaml").read_text("utf-8")


def records(act: str) -> list[dict[str, object]]:
    """What one agent wrote."""
    (spec, *_) = [of for of in Topology().agents() if of.role is Role.ORCHESTRATOR]
    told = InMemoryLogRecordExporter()
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(SimpleLogRecordProcessor(told))
    identity = repertoire.identity(spec)
    resource = identity.resource()
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    providers = Providers(traces, meter_provider(resource), logs)
    agent = PlainAgent(identity, repertoire.speaks(spec), providers, PLAIN)
    match act:
        case "beat":
            agent.heartbeat(healthy=False, leads="orchestrators")
        case "enforce":
            agent.policy_revision("guard", 7)
        case _:
            agent.log.disabled = True
            agent.heartbeat()
    agent.stop()
    return [dict(of.log_record.attributes or {}) for of in told.get_finished_logs()]


def test_a_heartbeat_says_state_role_and_what_it_leads() -> None:
    (said,) = records("beat")

    assert said["mas.agent.heartbeat"] is True
    assert said["mas.agent.state"] == "degraded"
    assert said["mas.agent.role"] == "orchestrator"
    assert (said["mas.election.group"], said["mas.leader"]) == ("orchestrators", True)


def test_the_revision_in_force_is_written_down() -> None:
    (said,) = records("enforce")

    assert (said["mas.policy.name"], said["mas.policy.version"]) == ("guard", "7")


def test_nothing_is_heard_of_an_agent_whose_credential_has_expired() -> None:
    assert records("silent") == []


def test_the_collector_watches_spans_and_records_and_counts_what_its_agents_would() -> None:
    config = yaml.safe_load(extended(STARTER, Also(understands=True, watches=True)))

    pipelines = config["service"]["pipelines"]
    for name in ("traces", "logs"):
        assert "agentdetectors" in pipelines[name]["exporters"]
    assert pipelines["metrics/watched"]["receivers"] == ["agentdetectors"]
    for name in ("agentdetectors", "agentmetrics"):
        assert config["connectors"][name]["without_metrics"] == ["fleetslo"]


def test_agents_without_metrics_speak_a_dialect_that_is_counted() -> None:
    assert Manner(has_metrics=False).dialect == PLAIN
    assert Manner(has_metrics=False, dialect="crewai").dialect == "crewai"
    assert not Manner().dialect


def test_what_shows_in_spans_alone_is_known_of_every_scenario() -> None:
    shown = {each.id for each in scenarios(Topology()) if each.shows}

    assert {"F1", "F2", "F5", "R4", "X-loop"} <= shown
    assert not shown & {"F3", "S-cardinality", "M2-5"}


def test_only_what_shows_is_held_against_the_truth() -> None:
    truth = {"actions/query": 5, "conflicts/duplicate": 0, "invocations": 4}

    assert oracles.found_out(truth) == {"conflicts/duplicate": 0, "invocations": 4}


@pytest.mark.parametrize("virtual", [["--virtual"], ["--against", "."]])
def test_virtual_time_has_no_spans_to_find_anything_in(virtual: list[str]) -> None:
    done = CliRunner().invoke(gameday, ["F1", "--without-metrics", *virtual])

    assert done.exit_code == 2
    assert "virtual time" in done.output
