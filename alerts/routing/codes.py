"""The diagnostics of routing and runbooks, as `sloctl explain CODE` tells them."""

from __future__ import annotations

from typing import Final

CODES: Final = {
    "ALM001": (
        "A team owns an alert, but nothing leads to it at that severity.\n\n"
        "Every destination says what it is for: `severities: [page]`, `[ticket]`, or both when "
        "it says nothing. A page to a team without a destination for pages would wake nobody."
    ),
    "ALM002": (
        "The owner of an alert is no team.\n\n"
        "`owner` of an SLO or an alert, and `escalation.team`, name a document of kind Team. The "
        "teams `audit` and `watchdog` get copies and heartbeats and own nothing."
    ),
    "ALM003": (
        "A destination lacks what it needs to reach anybody.\n\n"
        "A secret stands in a file that is named by a key ending in `_file`: "
        "`api_url_file` (slack), `routing_key_file` (pagerduty), `api_key_file` (opsgenie), "
        "`url` or from Alertmanager 0.26 on `url_file` (webhook), `webhook_url_file` (msteams). "
        "An e-mail needs `to`, `from` and `smarthost`; a Slack message needs a `channel`."
    ),
    "ALM004": "A destination has a key that its kind does not know; it would be ignored.",
    "ALM005": "The value of a destination's key is not of the kind that the key takes.",
    "ALM006": (
        "The configuration is made for an Alertmanager that does not have this.\n\n"
        "Set `targets.alertmanager` in Settings to the version that runs, or use what the older "
        "one has: Microsoft Teams and `webhook_url_file` need 0.28, a webhook's `url_file` 0.26."
    ),
    "ALM007": (
        "A secret stands in plain text and will be in the generated file.\n\n"
        "Put it into a file that only Alertmanager reads, and name that file. A webhook's URL "
        "counts as secret when it holds credentials, a query, or a token in its path; before "
        "0.26 Alertmanager reads it from nowhere else, so this is a warning. Where the other side "
        "takes a bearer token, keep that in a file: `credentials_file`."
    ),
    "ALM008": "The destination's service is being retired by who runs it; choose another in time.",
    "ALM009": (
        "The working hours of a team cannot be read.\n\n"
        "Write `weekdays: monday:friday`, `start: '09:00'`, `end: '17:00'` and an IANA zone. "
        "An end before the start is a night that begins on the given days."
    ),
    "ALM010": (
        "A maintenance window cannot be read, or would mute everything.\n\n"
        "It needs a start, a later end, both with offset, and at least one label to match."
    ),
    "ALM011": (
        "Some alerts would silence each other.\n\n"
        "A page silences what depends on it, a service silences its agents. Where that closes a "
        "ring and all of it fires, every one is silenced and nobody is told. Remove one "
        "`depends_on` of the ring."
    ),
    "ALM012": (
        "A `depends_on` names nothing.\n\n"
        "It takes an SLO's id (`<service>-<name>`), an alert's name, or an SLO's short name where "
        "that is unique or of the same service."
    ),
    "ALM013": (
        "What nobody owns must reach somebody.\n\n"
        "The catch-all sends to the page destinations of `defaults.owner` in Settings; without "
        "it, to every team's."
    ),
    "ALM014": (
        "Nobody gets the heartbeat, or no copy of the alerts is kept.\n\n"
        "The alert Watchdog fires always. A service outside that misses it tells you that "
        "Prometheus or Alertmanager is down: give it as the webhook of a team called `watchdog`. "
        "A team called `audit` gets a copy of every alert."
    ),
    "ALM015": (
        "A cause that never pages silences nothing, since only a page may silence.\n\n"
        "The `depends_on` is kept for the runbook."
    ),
    "ALM020": (
        "Two windows of maintenance overlap or meet, and one alert may fit both.\n\n"
        "It would be muted from the start of the first to the end of the second, which is longer "
        "than either says. State it as one window, or narrow the matchers so that none fits both."
    ),
    "ALM022": (
        "A text of a destination would not render, and Alertmanager drops such a notification.\n\n"
        "It is a Go template: every `{{` has its `}}`, every `if`, `range` and `with` its "
        "`{{ end }}`. A notification has .Status, .Alerts, .GroupLabels, .CommonLabels, "
        ".CommonAnnotations, .ExternalURL and .Receiver; functions and templates must exist in "
        "the Alertmanager of `targets.alertmanager`."
    ),
    "ALM021": (
        "Planned work would keep pages from people for longer than it says.\n\n"
        "A window may mute a page for 12 hours, or for what its `mutes_pages_for` states. Longer "
        "is more often a slip in `ends` than a plan. With `severity: ticket` in its matchers it "
        "mutes tickets only and may be of any length."
    ),
    "ALM018": (
        "Our part cannot be inserted into your own Alertmanager configuration.\n\n"
        "`base.alertmanager` in Settings names a file of yours. It needs a route with a receiver. "
        "Receivers and time intervals whose names begin with `fleetslo-` are ours: rename yours, "
        "and let no route of yours lead to them."
    ),
    "ALM019": (
        "An inhibition of your own may silence alerts of ours.\n\n"
        "It stays as it is, and no proof looks at it. Guard its target by a label that only your "
        "alerts have."
    ),
    "ALM017": (
        "A hand-written part of a runbook belongs to no alert.\n\n"
        "`runbooks/<alert>.md` beside the specs goes into the page of that alert: what stands "
        "under one of its headings (Meaning, Impact, Diagnosis, Mitigation, Escalation) there, "
        "the rest under Notes."
    ),
    "ALM016": (
        "An alert's `runbook_url` leads to no generated page.\n\n"
        "It must be `urls.runbooks` of Settings followed by the alert's name and `.md`."
    ),
}
