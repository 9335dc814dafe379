"""Rule files and configuration as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from slo.emit.prometheus import GENERATOR, config_text
from slo.emit.rules import rule_file_text
from slo.exact import Duration
from slo.model import Compiled, Intervals, Settings, Urls
from slo.rules import compile_project
from tests.rule_projects import make_alert, make_project, make_slo


def test_one_file_per_service_and_the_configuration() -> None:
    files = list(GENERATOR.generate(compile_project(make_project(make_slo()))))

    assert [file.path for file in files] == [
        "prometheus/rules/fleet.yaml",
        "prometheus/rules/fleetslo.yaml",
        "prometheus/prometheus.yml",
    ]


def test_the_same_project_gives_the_same_bytes() -> None:
    project = make_project(make_slo(labels={"b": "1", "a": "2"}), alerts=(make_alert(),))
    turned = make_project(make_slo(labels={"a": "2", "b": "1"}), alerts=(make_alert(),))

    first, second = (list(GENERATOR.generate(compile_project(each))) for each in (project, turned))

    assert first == second


def test_a_rule_says_only_what_applies() -> None:
    (file, _) = compile_project(make_project(make_slo(), alerts=(make_alert(),))).rule_files

    groups = yaml.safe_load(rule_file_text(file))["groups"]

    rules = [rule for group in groups for rule in group["rules"]]
    outage = next(rule for rule in rules if rule.get("labels", {}).get("slo_tier") == "outage")
    assert "for" not in outage
    assert outage["keep_firing_for"] == "5m"
    assert next(rule for rule in rules if rule.get("alert") == "QueueStuck")["for"] == "2m"
    assert groups[0]["interval"] == "30s"


def test_prometheus_scrapes_the_collector_and_lets_agents_speak_for_themselves() -> None:
    settings = Settings(
        external_labels={"cluster": "prod", "az": "1"},
        intervals=Intervals(scrape=Duration.parse("10s")),
        urls=Urls(alertmanager="https://alerts.example/am"),
    )

    config = yaml.safe_load(config_text(settings))

    jobs = {job["static_configs"][0]["targets"][0]: job for job in config["scrape_configs"]}
    assert set(jobs) == {"127.0.0.1:8888", "127.0.0.1:8889", "127.0.0.1:9090"}
    assert jobs["127.0.0.1:8889"]["honor_labels"] is True
    assert "honor_labels" not in jobs["127.0.0.1:8888"]
    assert config["global"] == {
        "scrape_interval": "10s",
        "evaluation_interval": "30s",
        "external_labels": {"az": "1", "cluster": "prod"},
    }
    (manager,) = config["alerting"]["alertmanagers"]
    assert (manager["scheme"], manager["path_prefix"]) == ("https", "/am")
    assert manager["static_configs"] == [{"targets": ["alerts.example"]}]
    assert config["rule_files"] == ["rules/*.yaml"]


def test_prometheus_scrapes_itself_so_that_a_rule_that_fails_is_noticed() -> None:
    settings = Settings(urls=Urls(prometheus="https://metrics.example/prom"))

    (job,) = yaml.safe_load(config_text(settings))["scrape_configs"][-1:]

    assert job == {
        "job_name": "prometheus",
        "scheme": "https",
        "metrics_path": "/prom/metrics",
        "static_configs": [{"targets": ["metrics.example"]}],
    }


def test_two_alerts_that_alertmanager_would_take_for_one_are_refused() -> None:
    compiled = compile_project(make_project(alerts=(make_alert(), make_alert())))

    (problem,) = GENERATOR.check(compiled)

    assert "QueueStuck" in problem.text
    assert problem.place is not None


@pytest.mark.parametrize("count", [1, 3])
def test_a_good_project_has_no_problems(count: int) -> None:
    slos = [make_slo(f"slo-{number}") for number in range(count)]
    compiled: Compiled = compile_project(make_project(*slos, alerts=(make_alert(),)))

    assert list(GENERATOR.check(compiled)) == []
    assert replace(compiled) == compiled
