"""Alerts, teams, maintenance and settings: resolved, or refused with the way out."""

from __future__ import annotations

import pytest

from slo.diagnostic import Diagnostic, Level
from slo.exact import Duration
from slo.model import DestinationKind, LogStore, Settings, Severity, TraceStore, WorkingHours
from slo.spec import SourceFile, read
from tests.front_end import (
    EVENTS,
    TEAM,
    alert_text,
    codes_of,
    document,
    marked,
    problems_of,
    project_of,
    slo_text,
)

MAINTENANCE = (
    "{reason: upgrade, owner: web, starts: 2026-12-01T22:00:00+01:00,"
    " ends: 2026-12-02T00:00:00+01:00, matchers: {service: shop}}"
)


def team(spec: str) -> str:
    return document("Team", "ops", spec)


def settings(spec: str) -> Settings:
    return project_of(document("Settings", "settings", spec)).settings


def test_an_alert_has_a_title_in_words_and_its_own_root_cause() -> None:
    alert = project_of(alert_text("HighLLMAPIErrorRate")).alerts[0]

    assert alert.title == "High LLMAPI Error Rate"
    assert alert.summary == alert.title
    assert alert.root_cause == "HighLLMAPIErrorRate"
    assert (alert.hold, alert.keep_firing_for) == (Duration(0), Duration(0))


def test_an_alert_says_all_that_its_runbook_needs() -> None:
    more = """\
  for: 5m
  keep_firing_for: 0s
  depends_on: [checkout]
  runbook:
    meaning: It is stuck.
    triage: [Look., Ask.]
    mitigation: [Restart.]
    escalation: {when: it stays, team: web, expr: sum(depth) > 99, for: 10m}
"""
    alert = project_of(alert_text(more=more), slo_text()).alerts[0]

    assert alert.depends_on == ("shop-checkout",)
    assert alert.description == "It is stuck."
    assert alert.runbook.triage == ("Look.", "Ask.")
    assert alert.runbook.escalation is not None
    assert alert.runbook.escalation.expr == "sum(depth) > 99"
    assert alert.runbook.escalation.hold == Duration.parse("10m")


def test_the_labels_of_an_alert_are_found_in_its_expression() -> None:
    assert project_of(alert_text(expr="sum by (q) (depth) > 9")).alerts[0].by == ("q",)
    assert project_of(alert_text(expr="depth > 9", more="  by: [q]\n")).alerts[0].by == ("q",)


@pytest.mark.parametrize(
    ("expr", "more", "code"),
    [
        ("sum(depth) >", "", "SLO050"),
        ("sum(rate(depth[$window]))", "", "SLO051"),
        ("1 > 0", "", "SLO050"),
        ("1 + 1", "", "SLO052"),
        ("sum(depth) > 9", "  by: [q]\n", "SLO053"),
        ("sum(depth) > 9", "  owner: web\n", "SLO002"),
        ("sum(depth) > 9", "  for: soon\n", "SLO014"),
        ("sum(depth) > 9", "  scope: world\n", "SLO016"),
        ("sum(depth) > 9", "  depends_on: [nothing]\n", "SLO021"),
        ("sum(depth) > 9", "  depends_on: [QueueStuck]\n", "SLO023"),
        ("sum(depth) > 9", "  runbook: {escalation: {when: x, team: nobody}}\n", "SLO021"),
        ("sum(depth) > 9", "  runbook: {escalation: {when: x, team: web, for: 5m}}\n", "SLO011"),
        ("sum(depth) > 9", "  runbook: {triage: look}\n", "SLO013"),
    ],
)
def test_an_alert_that_cannot_be_is_refused(expr: str, more: str, code: str) -> None:
    assert codes_of(alert_text(expr=expr, more=more)) == [code]


def test_an_alerts_name_is_camel_case_and_the_right_one_is_offered() -> None:
    problem = problems_of(alert_text("queue-stuck"))[0]

    assert (problem.code, problem.help) == ("SLO017", "write QueueStuck")


def test_an_alert_may_not_take_the_name_of_a_burn_alert() -> None:
    assert codes_of(alert_text("ShopCheckoutBurn"), slo_text()) == ["SLO020"]


def test_a_team_is_reached_by_all_its_destinations() -> None:
    text = """\
apiVersion: fleetslo/v1
kind: Team
metadata: {name: night-watch}
spec:
  members: [ada]
  escalation: [web]
  destinations:
    - webhook: {url: "http://127.0.0.1/x", max_alerts: 5}
    - pagerduty: {routing_key_file: /etc/key}
      severities: [page]
  hours: {weekdays: "monday:friday", start: "09:00", end: "24:00", timezone: Asia/Kolkata}
"""
    found = project_of(text).teams[0]

    assert (found.name, found.title) == ("night-watch", "Night Watch")
    assert found.escalation == ("web",)
    assert [each.kind for each in found.destinations] == [
        DestinationKind.WEBHOOK,
        DestinationKind.PAGERDUTY,
    ]
    assert found.destinations[0].severities == tuple(Severity)
    assert found.destinations[0].settings == {"max_alerts": "5", "url": "http://127.0.0.1/x"}
    assert found.destinations[1].severities == (Severity.PAGE,)
    assert found.hours == WorkingHours("monday:friday", "09:00", "24:00", "Asia/Kolkata")


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("{}", "SLO011"),
        ("{destinations: []}", "SLO024"),
        ("{destinations: [{}]}", "SLO018"),
        ("{destinations: [{webhook: {url: a}, slack: {channel: b}}]}", "SLO018"),
        ("{destinations: [{pigeon: {}}]}", "SLO010"),
        ("{destinations: [{pagerduty: {routing_key: abc}}]}", "SLO022"),
        ("{destinations: [{slack: {api_url: 'https://hooks/x', channel: c}}]}", "SLO022"),
        ("{destinations: [{email: {auth_password: abc, to: x}}]}", "SLO022"),
        ("{destinations: [{opsgenie: {api_key: abc}}]}", "SLO022"),
        ("{destinations: [{webhook: {url: a}}], escalation: [nobody]}", "SLO021"),
        (
            (
                "{destinations: [{webhook: {url: a}}],"
                " hours: {weekdays: 'mon:fri', start: '09:00', end: '17:00'}}"
            ),
            "SLO028",
        ),
        (
            (
                "{destinations: [{webhook: {url: a}}],"
                " hours: {weekdays: monday, start: '9', end: '17:00'}}"
            ),
            "SLO028",
        ),
        (
            (
                "{destinations: [{webhook: {url: a}}],"
                " hours: {weekdays: monday, start: '09:00', end: '17:00', timezone: CEST}}"
            ),
            "SLO026",
        ),
    ],
)
def test_a_team_that_cannot_be_is_refused(spec: str, code: str) -> None:
    assert code in codes_of(team(spec))


def test_a_secret_is_marked_and_never_repeated() -> None:
    text = team("{destinations: [{pagerduty: {routing_key: s3cr3t}}]}")
    problem = problems_of(text)[0]

    assert marked(problem, text) == "routing_key"
    assert "s3cr3t" not in problem.text + problem.help


def test_maintenance_is_told_in_utc() -> None:
    window = project_of(document("Maintenance", "upgrade", MAINTENANCE)).maintenance[0]

    assert (window.starts, window.ends) == ("2026-12-01T21:00:00Z", "2026-12-01T23:00:00Z")
    assert window.matchers == {"service": "shop"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("22:00:00+01:00", "22:00:00", "SLO028"),
        ("2026-12-01T22:00:00+01:00", "tomorrow", "SLO028"),
        ("2026-12-02T00:00:00+01:00", "2026-12-01T21:00:00Z", "SLO028"),
        ("22:00:00+01:00", "22:00:30+01:00", "SLO028"),
        ("{service: shop}", "{}", "SLO013"),
        ("matchers:", "excludes: [nothing], matchers:", "SLO021"),
        ("{service: shop}", "{we-ird: shop}", "SLO029"),
        ("reason: upgrade, ", "", "SLO011"),
        ("owner: web", "owner: nobody", "SLO021"),
    ],
)
def test_maintenance_that_cannot_be_is_refused(old: str, new: str, code: str) -> None:
    assert codes_of(document("Maintenance", "upgrade", MAINTENANCE.replace(old, new))) == [code]


def test_settings_have_the_defaults_of_the_documentation() -> None:
    assert settings("{}") == Settings()


def test_settings_say_what_holds_for_all() -> None:
    found = settings(
        "{urls: {grafana: 'https://g.example/'}, intervals: {scrape: 30s, fast: 15s, slow: 1m},"
        " external_labels: {cluster: a},"
        " defaults: {owner: web, policy: fleet-sustained, window: 7d},"
        " targets: {prometheus: '3.1.0', alertmanager: v0.28, logs: loki, traces: tempo}}"
    )

    assert found.urls.grafana == "https://g.example"
    assert found.intervals.slow == Duration.parse("1m")
    assert found.external_labels == {"cluster": "a"}
    assert found.alertmanager_version == (0, 28)
    assert (found.logs, found.traces) == (LogStore.LOKI, TraceStore.TEMPO)
    assert found.default_window == Duration.parse("7d")


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("{urls: {grafana: g.example}}", "SLO016"),
        ("{urls: {grafana: 'http://['}}", "SLO016"),
        ("{urls: {grafana: 'https://u:p@g.example'}}", "SLO022"),
        ("{defaults: {window: 2y}}", "SLO014"),
        ("{intervals: {slow: 5m}}", "SLO014"),
        ("{intervals: {fast: 2m}}", "SLO014"),
        ("{intervals: {fast: 1m, slow: 30s}}", "SLO014"),
        ("{targets: {prometheus: new}}", "SLO016"),
        ("{targets: {prometheus: '2.41.0'}}", "SLO016"),
        ("{targets: {alertmanager: '0.24'}}", "SLO016"),
        ("{targets: {logs: splunk}}", "SLO016"),
        ("{external_labels: {severity: page}}", "SLO029"),
        ("{external_labels: {a-b: page}}", "SLO029"),
        ("{defaults: {owner: nobody}}", "SLO021"),
    ],
)
def test_settings_that_cannot_be_are_refused(spec: str, code: str) -> None:
    assert codes_of(document("Settings", "settings", spec)) == [code]


def test_settings_stand_once() -> None:
    assert codes_of(*[document("Settings", "settings", "{}")] * 2) == ["SLO025"]


def read_file(text: str, *, named: bool) -> list[Diagnostic]:
    return read([SourceFile("f.yaml", text, named), SourceFile("t.yaml", TEAM, named=True)])[1]


def test_strangers_are_skipped_in_a_directory_and_refused_when_named() -> None:
    strange = "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Service\n"

    found = read_file(strange, named=False)
    assert [(p.code, p.level) for p in found] == [("SLO006", Level.NOTICE)]
    assert {p.level for p in read_file(strange, named=True)} == {Level.ERROR}


def test_a_template_that_is_no_yaml_is_skipped_in_a_directory() -> None:
    template = "{{- if .Values.x }}\na: {{ .Values.y }}\n{{- end }}\n"

    assert [p.level for p in read_file(template, named=False)] == [Level.NOTICE]
    assert Level.ERROR in {p.level for p in read_file(template, named=True)}


def test_an_slo_without_its_version_does_not_vanish_in_silence() -> None:
    text = slo_text().replace("apiVersion: fleetslo/v1\n", "")

    assert [(p.code, p.level) for p in read_file(text, named=False)] == [("SLO006", Level.ERROR)]


def test_another_version_of_ours_is_an_error_everywhere() -> None:
    text = slo_text().replace("fleetslo/v1", "fleetslo/v9")

    assert [p.level for p in read_file(text, named=False)] == [Level.ERROR]


def test_a_collectors_configuration_beside_our_files_is_no_news() -> None:
    assert read_file("receivers: {}\nservice: {}\n", named=False) == []


def test_nothing_at_all_is_an_error() -> None:
    assert [p.code for p in read([])[1]] == ["SLO007"]
    assert [p.code for p in read([SourceFile("f", "# x\n", named=True)])[1]] == ["SLO007"]


@pytest.mark.parametrize("text", ["5\n", "- a\n", "just words\n"])
def test_a_named_file_that_holds_no_mapping_is_refused(text: str) -> None:
    assert [p.code for p in read_file(text, named=True)] == ["SLO013"]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: fleetslo/v1\nkind: SLO\n",
        "apiVersion: fleetslo/v1\nkind: [SLO]\n",
        "apiVersion: fleetslo/v1\n",
        "apiVersion: fleetslo/v1\nkind: SLO\nmetadata: 5\nspec: []\n",
        "apiVersion: fleetslo/v1\nkind: SLO\nmetadata: {name: [], service: {}}\nspec: {sli: 5}\n",
        "apiVersion: fleetslo/v1\nkind: Alert\nmetadata: {name: A, service: b}\nspec: {expr: {}}\n",
        "apiVersion: fleetslo/v1\nkind: Policy\nmetadata: {name: a}\nspec: 5\n",
        "apiVersion: fleetslo/v1\nkind: Class\nmetadata: {name: a}\nspec: {class: {}}\n",
        "apiVersion: fleetslo/v1\nkind: Team\nmetadata: {name: a}\nspec: {destinations: [5]}\n",
        "apiVersion: fleetslo/v1\nkind: Settings\nmetadata: {name: a}\nspec: {urls: 5}\n",
        "apiVersion: fleetslo/v1\nkind: Maintenance\nmetadata: {name: a}\nspec: {starts: []}\n",
    ],
)
def test_half_a_document_is_told_and_breaks_nothing(text: str) -> None:
    project, problems = read([SourceFile("f.yaml", text, named=True)])

    assert project is None
    assert problems
    assert all(problem.text for problem in problems)


def test_names_of_alerts_that_differ_in_case_only_would_be_one_file() -> None:
    codes = codes_of(alert_text("QueueStuck"), alert_text("Queuestuck"))
    assert "SLO020" in codes
    assert "SLO020" not in codes_of(alert_text("QueueStuck"), alert_text("QueueIdle"))


@pytest.mark.parametrize(
    ("word", "hint"), [("critical", "write page"), ("warning", "write ticket")]
)
def test_a_severity_of_other_people_leads_to_ours(word: str, hint: str) -> None:
    text = alert_text().replace("severity: page", f"severity: {word}")

    (problem,) = [each for each in problems_of(text) if each.code == "SLO016"]

    assert hint in problem.help
    assert "severities in Settings" in problem.help


def test_a_share_for_an_objective_is_asked_about() -> None:
    (problem,) = [p for p in problems_of(slo_text(objective="0.999")) if p.code == "SLO012"]

    assert problem.help == "did you mean 99.9?"


def test_an_expression_that_stands_still_is_refused() -> None:
    still = EVENTS.replace("errors_total[$window]", "errors_total[$window] @ 0")

    assert codes_of(slo_text(sli=still)) == ["SLO054"]
