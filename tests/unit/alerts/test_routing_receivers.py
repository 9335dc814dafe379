"""A destination reaches somebody, or it is said why not."""

from __future__ import annotations

import pytest

from alerts.routing.gotext import problems
from alerts.routing.kinds import KINDS
from alerts.routing.receivers import check, integration, is_secret_url
from alerts.routing.texts import defined, template
from slo.diagnostic import Level
from slo.model import Destination, DestinationKind, Severity
from tests.alert_projects import destination, place, webhook

OLD, NEW = (0, 25), (0, 28)
COMPLETE = {
    DestinationKind.WEBHOOK: {"url": "http://127.0.0.1:9/x"},
    DestinationKind.SLACK: {"api_url_file": "/etc/slack", "channel": "#alerts"},
    DestinationKind.PAGERDUTY: {"routing_key_file": "/etc/pagerduty"},
    DestinationKind.EMAIL: {"to": "a@b.org", "from": "c@b.org", "smarthost": "mail:25"},
    DestinationKind.OPSGENIE: {"api_key_file": "/etc/opsgenie"},
    DestinationKind.MSTEAMS: {"webhook_url_file": "/etc/teams"},
}


def codes(chosen: Destination, version: tuple[int, int] = OLD) -> list[str]:
    return [problem.code for problem in check(chosen, "platform", version)]


@pytest.mark.parametrize("kind", [each for each in DestinationKind if each.value != "opsgenie"])
def test_a_complete_destination_has_no_problem(kind: DestinationKind) -> None:
    assert codes(destination(kind, **COMPLETE[kind]), NEW) == []


@pytest.mark.parametrize("kind", list(DestinationKind))
def test_a_destination_without_its_secret_or_address_is_an_error(kind: DestinationKind) -> None:
    assert "ALM003" in codes(destination(kind), NEW)


@pytest.mark.parametrize("kind", list(DestinationKind))
def test_every_kind_can_be_written(kind: DestinationKind) -> None:
    block, settings = integration(destination(kind, **COMPLETE[kind]), Severity.PAGE)

    assert block.endswith("_configs")
    assert settings.items() >= COMPLETE[kind].items()


def test_a_slack_message_needs_its_channel() -> None:
    assert codes(destination(DestinationKind.SLACK, api_url_file="/etc/slack")) == ["ALM003"]


def test_two_secrets_for_one_destination_are_one_too_many() -> None:
    both = destination(DestinationKind.PAGERDUTY, routing_key_file="/a", service_key_file="/b")

    assert codes(both) == ["ALM003"]


def test_an_unknown_key_offers_the_nearest() -> None:
    wrong = destination(DestinationKind.WEBHOOK, url="http://127.0.0.1/x", max_alrts="3")
    (problem,) = check(wrong, "platform", OLD)

    assert (problem.code, problem.help) == ("ALM004", "did you mean max_alerts?")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("send_resolved", "maybe"),
        ("max_alerts", "many"),
        ("url", "file:///etc"),
        ("url", "http://"),
        ("url", "http://[::1"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error(key: str, value: str) -> None:
    settings = {"url": "http://127.0.0.1/x", key: value}

    assert codes(destination(DestinationKind.WEBHOOK, **settings)) == ["ALM005"]


def test_a_secret_in_plain_text_is_a_warning_that_names_the_file_key() -> None:
    (problem,) = check(destination(DestinationKind.PAGERDUTY, routing_key="abc"), "platform", OLD)

    assert problem.code == "ALM007"
    assert "routing_key_file" in problem.help


def test_a_secret_webhook_stands_inline_before_0_26_with_a_warning() -> None:
    secret = webhook("https://hooks.example.org/services/T024BE7LD/B012XYZ34567890abcdef")

    assert codes(secret, OLD) == ["ALM007"]


def test_a_webhooks_file_needs_0_26() -> None:
    chosen = destination(DestinationKind.WEBHOOK, url_file="/etc/hook")

    assert codes(chosen, OLD) == ["ALM006"]
    assert codes(chosen, (0, 26)) == []


def test_microsoft_teams_needs_0_28() -> None:
    chosen = destination(DestinationKind.MSTEAMS, **COMPLETE[DestinationKind.MSTEAMS])

    assert "ALM006" in codes(chosen, (0, 27))


def test_opsgenie_works_and_is_said_to_be_retired() -> None:
    chosen = destination(DestinationKind.OPSGENIE, **COMPLETE[DestinationKind.OPSGENIE])

    assert codes(chosen) == ["ALM008"]


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://127.0.0.1:9095/platform", False),
        ("https://alerts.example.org/v1/hooks/core-engineering", False),
        ("https://user:word@example.org/x", True),
        ("https://example.org/x?token=1", True),
        ("https://example.org/hook/8f14e45fceea167a5a36dedd4bea2543", True),
    ],
)
def test_an_address_is_secret_when_knowing_it_is_enough(url: str, secret: bool) -> None:
    assert is_secret_url(url) is secret


def test_what_the_user_says_wins_over_what_we_add() -> None:
    settings = {**COMPLETE[DestinationKind.SLACK], "title": "mine", "send_resolved": "false"}
    _, block = integration(destination(DestinationKind.SLACK, **settings), Severity.PAGE)

    assert (block["title"], block["send_resolved"]) == ("mine", False)


def test_a_ticket_is_no_critical_incident() -> None:
    chosen = destination(DestinationKind.PAGERDUTY, **COMPLETE[DestinationKind.PAGERDUTY])

    assert integration(chosen, Severity.PAGE)[1]["severity"] == "critical"
    assert integration(chosen, Severity.TICKET)[1]["severity"] == "warning"


def test_a_webhook_shows_the_token_of_its_file_with_every_request() -> None:
    url = "http://127.0.0.1:9096/alerts"
    guarded = destination(DestinationKind.WEBHOOK, url=url, credentials_file="/etc/am/token")
    _, block = integration(guarded, Severity.PAGE)

    assert list(check(guarded, "platform", (0, 25))) == []
    assert block["http_config"] == {"authorization": {"credentials_file": "/etc/am/token"}}
    assert "credentials_file" not in block


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ .CommonLables.team }}", "no .CommonLables, did you mean CommonLabels?"),
        ("{{ if .Status }}on fire", "if is not closed"),
        ("{{ .Status | toUper }}", "no function is called toUper, did you mean toUpper?"),
        ('{{ template "fleetslo.titel" . }}', "did you mean fleetslo.title?"),
        ('{{ date "2006" .Status }}', "the function date needs Alertmanager 0.28"),
        ("{{ .Status", "not closed with }}"),
    ],
)
def test_a_text_that_does_not_render_is_an_error_where_it_stands(text: str, told: str) -> None:
    chosen = destination(DestinationKind.SLACK, 9, **COMPLETE[DestinationKind.SLACK], title=text)
    (problem,) = check(chosen, "platform", OLD, defined())

    assert (problem.code, problem.level, problem.place) == ("ALM022", Level.ERROR, place(9))
    assert "title in destination slack of team platform would not render: " in problem.text
    assert told in problem.text


def test_every_text_and_template_of_ours_would_render() -> None:
    texts = [str(kind.content) for kind in KINDS.values()]
    wrong = [each for text in (*texts, template()) for each in problems(text, defined(), OLD)]

    assert wrong == []


def test_templates_of_a_users_own_configuration_may_be_used() -> None:
    own = destination(
        DestinationKind.SLACK, **COMPLETE[DestinationKind.SLACK], title='{{ template "mine" . }}'
    )

    assert [each.code for each in check(own, "platform", OLD, defined())] == ["ALM022"]
    assert list(check(own, "platform", OLD, None)) == []
