"""Our rule files and scrape jobs in a Prometheus configuration of the user's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from slo.diagnostic import Level, Span
from slo.emit.prometheus import GENERATOR, config_text
from slo.model import Base, Compiled, Project, Settings, UserFile
from slo.servers import find

HERE = Span("settings.yaml", 4, 20, 30)
OWN = """\
# mine
global:
  evaluation_interval: 7s
  external_labels: {cluster: prod, version: 1.10, spoken: yes}
rule_files: [/etc/mine/*.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["127.0.0.1:9"]}]
"""


def settings(text: str, **external: str) -> Settings:
    base = Base(prometheus=UserFile("mine.yml", text, HERE))
    return Settings(base=base, external_labels=external)


def told(text: str, **external: str) -> list[str]:
    project = Project((), (), (), (), settings(text, **external))
    problems = list(GENERATOR.check(Compiled(project, ())))
    assert {(problem.code, problem.place) for problem in problems} <= {("SLO041", HERE)}
    return [problem.text for problem in problems]


def test_rules_and_jobs_are_added_and_everything_else_is_kept() -> None:
    before, after = yaml.safe_load(OWN), yaml.safe_load(config_text(settings(OWN)))

    assert after["global"] == before["global"]
    assert after["rule_files"] == ["/etc/mine/*.yml", "rules/*.yaml"]
    jobs = [job["job_name"] for job in after["scrape_configs"]]
    assert jobs == ["shop", "fleetslo-collector", "fleetslo-agents"]
    assert after["scrape_configs"][0] == before["scrape_configs"][0]
    assert after["alerting"] == before["alerting"]


def test_our_jobs_are_scraped_as_often_as_their_alerts_were_made_for() -> None:
    slow = OWN.replace("  evaluation_interval: 7s", "  scrape_interval: 2m\n  scrape_timeout: 1m")

    jobs = {
        job["job_name"]: (job.get("scrape_interval"), job.get("scrape_timeout"))
        for job in yaml.safe_load(config_text(settings(slow)))["scrape_configs"]
    }

    assert jobs == {
        "shop": (None, None),
        "fleetslo-collector": ("15s", "10s"),
        "fleetslo-agents": ("15s", "10s"),
    }


def test_labels_that_look_like_numbers_keep_their_spelling() -> None:
    text = config_text(settings(OWN))

    assert "version: 1.10" in text
    assert "spoken: yes" in text


def test_a_prometheus_that_tells_nobody_is_a_warning() -> None:
    project = Project((), (), (), (), settings("scrape_configs: []\n"))
    (problem,) = GENERATOR.check(Compiled(project, ()))

    assert (problem.code, problem.level, problem.place) == ("SLO044", Level.WARNING, HERE)
    assert told(OWN) == []


def test_a_second_run_over_its_own_output_changes_nothing() -> None:
    once = config_text(settings(OWN))

    assert config_text(settings(once)) == once
    assert told(once) == []


def test_aliases_of_the_user_still_mean_the_same() -> None:
    shop = "shop\n    static_configs: "
    own = OWN.replace(shop, f"{shop}&hosts ") + (
        "  - job_name: other\n    static_configs: *hosts\n"
    )
    jobs = yaml.safe_load(config_text(settings(own)))["scrape_configs"]

    assert jobs[0]["static_configs"] == jobs[1]["static_configs"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("job_name: shop", "job_name: fleetslo-agents", "rename yours"),
        ("cluster: prod", "cluster: test", "cluster must be prod"),
        ("cluster: prod, ", "", "cluster must be prod, as in Settings"),
        ("[/etc/mine/*.yml]", "x", "rule_files must be a list"),
        (OWN, OWN + "]", "not valid YAML"),
        (OWN, "- x", "a configuration is a mapping"),
    ],
)
def test_a_clash_is_an_error_where_the_file_is_named(old: str, new: str, words: str) -> None:
    (text,) = told(OWN.replace(old, new), cluster="prod")

    assert text.startswith("mine.yml: ")
    assert words in text


@pytest.mark.servers
def test_promtool_takes_the_result(tmp_path: Path) -> None:
    promtool = find("promtool")
    if promtool is None:
        pytest.skip("promtool is not to be had: run `make servers`")
    path = tmp_path / "prometheus.yml"
    path.write_text(config_text(settings(OWN, cluster="prod")), "utf-8")
    answer = subprocess.run(
        [promtool, "check", "config", path], capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
