from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alerts.routing.build import routing
from alerts.routing.generator import CONFIG_PATH, GENERATOR
from alerts.routing.inhibit import alert_labels
from alerts.routing.insert import is_ours, read
from alerts.routing.proof import PROOF
from alerts.routing.simulate import receivers
from slo.cli.app import run
from slo.diagnostic import Diagnostic, Level
from slo.model import Base, Compiled, UserFile
from slo.plugin import Verdict
from slo.rules import compile_project
from slo.servers import find
from tests.alert_projects import fleet, place
from tests.catalog_project import catalog_project

OWN = """\
# mine
global:
  smtp_smarthost: mail.example.org:25
  resolve_timeout: 7m
templates: [/etc/mine/*.tmpl]
route:
  receiver: mine
  group_by: [alertname]
  routes:
    - match: {app: shop}
      receiver: shop
      mute_time_intervals: [sundays]
    - matchers: ['team="platform"']
      receiver: shop
      continue: true
receivers:
  - name: mine
  - name: shop
    webhook_configs:
      - url: "http://127.0.0.1:9/shop"
        max_alerts: 010
inhibit_rules:
  - source_match: {severity: critical}
    target_match: {severity: warning}
    equal: [alertname]
time_intervals:
  - name: sundays
    time_intervals:
      - weekdays: [sunday]
        times: [{start_time: "01:00", end_time: "02:00"}, {start_time: "03:00", end_time: "04:00"}]
"""


def into(text: str, compiled: Compiled | None = None) -> Compiled:
    made = compiled or fleet()
    base = Base(alertmanager=UserFile("mine.yml", text, place()))
    settings = replace(made.project.settings, base=base)
    return replace(made, project=replace(made.project, settings=settings))


def written(text: str) -> str:
    (config,) = (f.text for f in GENERATOR.generate(into(text)) if f.path == CONFIG_PATH)
    return config


def problems(text: str) -> list[Diagnostic]:
    return [p for p in GENERATOR.check(into(text)) if p.code in {"ALM018", "ALM019"}]


def test_everything_of_the_users_is_kept() -> None:
    before, after = yaml.safe_load(OWN), yaml.safe_load(written(OWN))

    assert after["global"] == before["global"]
    assert after["route"]["receiver"] == "mine"
    assert after["route"]["routes"][1:] == before["route"]["routes"]
    for key in ("receivers", "inhibit_rules", "time_intervals", "templates"):
        assert after[key][: len(before[key])] == before[key]
        assert key == "time_intervals" or len(after[key]) > len(before[key])


def test_scalars_keep_the_spelling_of_the_file() -> None:
    assert "max_alerts: 010\n" in written(OWN)


def test_an_anchor_that_is_said_twice_means_the_last_one_before_each_alias() -> None:
    text = OWN.replace(
        "    - match: {app: shop}\n", "    - match: &who {app: shop}\n      group_by: &by [app]\n"
    ).replace(
        "      continue: true\n",
        "      continue: true\n      group_by: *by\n"
        "    - match: &who {app: till}\n      receiver: shop\n"
        "    - {match: *who, group_by: &by [till], receiver: mine}\n"
        "    - {receiver: mine, group_by: *by}\n",
    )
    after = yaml.safe_load(written(text))["route"]["routes"][1:]

    assert [each.get("match") for each in after] == [
        {"app": "shop"},
        None,
        {"app": "till"},
        {"app": "till"},
        None,
    ]
    assert [each.get("group_by") for each in after] == [["app"], ["app"], None, ["till"], ["till"]]


def test_ours_is_the_first_child_and_takes_our_alerts_only() -> None:
    found = read(written(OWN))
    (wrapper,) = found.root.routes

    assert [matcher.text() for matcher in wrapper.matchers] == [
        'root_cause!=""',
        'scope=~"agent|pipeline|service"',
    ]
    assert receivers(found, {"alertname": "Theirs", "team": "platform", "severity": "page"}) == (
        "mine",
    )


def test_every_alert_of_the_catalogue_carries_our_labels() -> None:
    labels = [alert_labels(rule, {}) for rule in compile_project(catalog_project()).alert_rules()]

    assert len(labels) > 50
    assert [each["alertname"] for each in labels if not is_ours(each)] == []


def test_our_alerts_go_the_same_ways_as_without_a_base() -> None:
    alone, together = routing(fleet()), read(written(OWN))

    for rule in fleet().alert_rules():
        labels = alert_labels(rule, {"cluster": "prod"})
        if is_ours(labels):
            assert receivers(together, labels) == receivers(alone, labels)


def test_every_inhibition_of_ours_demands_our_labels_on_both_sides() -> None:
    rules = yaml.safe_load(written(OWN))["inhibit_rules"][1:]

    assert len(rules) > 5
    for rule in rules:
        for side in ("source_matchers", "target_matchers"):
            assert 'root_cause!=""' in rule[side]


def test_a_second_run_over_its_own_output_changes_nothing() -> None:
    once = written(OWN)

    assert written(once) == once


def test_what_an_earlier_run_put_there_and_is_gone_now_is_taken_out() -> None:
    once = written(OWN)
    less = fleet()
    teams = tuple(team for team in less.project.teams if team.name != "audit")
    less = replace(less, project=replace(less.project, teams=teams))
    (after,) = (f.text for f in GENERATOR.generate(into(once, less)) if f.path == CONFIG_PATH)

    assert "fleetslo-audit" in once
    assert "fleetslo-audit" not in after


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.replace("name: shop", "name: fleetslo-mine"), "prefix fleetslo- is reserved"),
        (lambda t: t.replace("name: sundays", "name: fleetslo-x"), "prefix fleetslo- is reserved"),
        (lambda t: t.replace("receiver: shop", "receiver: fleetslo-audit", 1), "only we define"),
        (lambda t: t.replace("route:\n", "rout:\n"), "no Alertmanager configuration"),
        (lambda t: t + "  - [", "not valid YAML"),
        (lambda _: "- a\n", "a configuration is a mapping"),
        (lambda _: "", "no Alertmanager configuration"),
        (lambda t: t + "---\na: 1\n", "not one YAML document"),
        (lambda t: t.replace("templates: [/etc/mine/*.tmpl]", "templates: x"), "must be a list"),
    ],
)
def test_a_clash_is_an_error_where_the_file_is_named(
    change: Callable[[str], str], told: str
) -> None:
    (problem, *_) = problems(change(OWN))

    assert (problem.code, problem.level, problem.place) == ("ALM018", Level.ERROR, place())
    assert problem.text.startswith("mine.yml: ")
    assert told in problem.text


def test_an_inhibition_of_the_users_that_reaches_our_alerts_is_a_warning() -> None:
    (problem,) = problems(OWN.replace("severity: warning", "severity: ticket"))

    assert (problem.code, problem.level) == ("ALM019", Level.WARNING)
    assert problems(OWN) == []


@pytest.mark.servers
def test_amtool_takes_the_whole_file_and_sends_every_alert_of_ours_home(tmp_path: Path) -> None:
    if find("amtool") is None:
        pytest.skip("amtool is not to be had: run `make servers`")
    for file in GENERATOR.generate(into(OWN)):
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_text(file.text, "utf-8")
    rules = [
        {"alert": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
        for rule in fleet().alert_rules()
    ]
    folder = tmp_path / "prometheus" / "rules"
    folder.mkdir(parents=True)
    (folder / "all.yaml").write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}))
    results = list(PROOF.run(tmp_path))

    assert [r.detail for r in results if r.verdict is not Verdict.PASSED] == []
    assert len(results) == 5


def test_a_base_file_that_cannot_be_read_is_drawn_where_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "slos")]) == 0
    settings = tmp_path / "slos" / "settings.yaml"
    settings.write_text(settings.read_text().replace("base: {", "base: {alertmanager: ../am.yml, "))
    capsys.readouterr()

    assert run(["validate", str(tmp_path / "slos")]) == 1
    told = capsys.readouterr().err
    assert "error[SLO005]" in told
    assert "am.yml cannot be read: no such file" in told
    assert f"{settings}:" in told

    (tmp_path / "am.yml").write_text(OWN)
    assert run(["validate", str(tmp_path / "slos")]) == 0
