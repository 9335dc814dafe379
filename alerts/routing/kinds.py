"""What each kind of destination needs: its keys, its secret, and the version that has it.

Source: Alertmanager, docs/configuration.md, and `check-config` of 0.25, 0.28 and 0.33.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from alerts.routing.tree import Setting
from slo.model import DestinationKind, Severity

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Secret:
    """One way to hand over a secret.

    Attributes:
        file_key: The key that names a file with the secret.
        key: The key that holds it inline.
        since: First version that reads it from a file.
    """

    file_key: str
    key: str
    since: Version = (0, 25)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of destination.

    Attributes:
        block: The list in a receiver that it stands in.
        secrets: One of these is needed, unless `secret_optional`.
        needed: Further keys that must be there.
        text, flags, numbers: The other keys, by the type of their value.
        since: First version that has the kind.
        retired: Why it should not be chosen any more.
        content: What we add: texts made by our templates. A user's own setting wins.
        bearer: The key that names a file with a token; Alertmanager shows it with each request.
    """

    block: str
    secrets: tuple[Secret, ...]
    content: Mapping[str, Setting]
    needed: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("send_resolved",)
    numbers: tuple[str, ...] = ()
    since: Version = (0, 25)
    retired: str = ""
    secret_optional: bool = False
    bearer: str = ""

    def known(self) -> tuple[str, ...]:
        """Every key that a file may use."""
        secrets = [key for secret in self.secrets for key in (secret.file_key, secret.key)]
        bearer = (self.bearer,) if self.bearer else ()
        plain = (*self.needed, *self.text, *self.flags, *self.numbers, *bearer)
        return tuple(sorted({*secrets, *plain}))


def called(name: str) -> str:
    """A use of one of our templates."""
    return f'{{{{ template "fleetslo.{name}" . }}}}'


_LINKS: Final[Setting] = (
    {"href": called("runbook"), "text": "runbook"},
    {"href": called("dashboard"), "text": "dashboard"},
)
_DETAILS: Final[Setting] = MappingProxyType(
    {
        "what": called("text"),
        "runbook": called("runbook"),
        "dashboard": called("dashboard"),
        "silence": called("silence"),
    }
)

KINDS: Final[Mapping[DestinationKind, Kind]] = MappingProxyType(
    {
        DestinationKind.WEBHOOK: Kind(
            "webhook_configs",
            (Secret("url_file", "url", (0, 26)),),
            {},
            numbers=("max_alerts",),
            bearer="credentials_file",
        ),
        DestinationKind.SLACK: Kind(
            "slack_configs",
            (Secret("api_url_file", "api_url"),),
            {
                "title": called("title"),
                "title_link": called("runbook"),
                "text": called("slack"),
                "fallback": called("title"),
                "color": called("color"),
            },
            needed=("channel",),
            text=("username", "icon_emoji", "icon_url", "title", "text", "color"),
        ),
        DestinationKind.PAGERDUTY: Kind(
            "pagerduty_configs",
            (Secret("routing_key_file", "routing_key"), Secret("service_key_file", "service_key")),
            {
                "description": called("title"),
                "client": "fleetslo",
                "client_url": called("dashboard"),
                "links": _LINKS,
                "details": _DETAILS,
            },
            text=("url", "severity", "class", "component", "group", "client"),
        ),
        DestinationKind.EMAIL: Kind(
            "email_configs",
            (Secret("auth_password_file", "auth_password"),),
            {
                "headers": MappingProxyType({"Subject": called("title")}),
                "text": called("text"),
                "html": called("html"),
            },
            needed=("to", "from", "smarthost"),
            text=("hello", "auth_username", "auth_identity"),
            flags=("send_resolved", "require_tls"),
            secret_optional=True,
        ),
        DestinationKind.OPSGENIE: Kind(
            "opsgenie_configs",
            (Secret("api_key_file", "api_key"),),
            {
                "message": called("title"),
                "description": called("text"),
                "source": called("dashboard"),
            },
            text=("api_url", "priority", "tags", "entity", "actions"),
            retired="Opsgenie is at the end of its support",
        ),
        DestinationKind.MSTEAMS: Kind(
            "msteamsv2_configs",
            (Secret("webhook_url_file", "webhook_url", (0, 28)),),
            {"title": called("title"), "text": called("text")},
            since=(0, 28),
        ),
    }
)


def by_severity(kind: DestinationKind, severity: Severity) -> Mapping[str, Setting]:
    """What a kind says of the urgency in its own words."""
    page = severity is Severity.PAGE
    if kind is DestinationKind.PAGERDUTY:
        return {"severity": "critical" if page else "warning"}
    if kind is DestinationKind.OPSGENIE:
        return {"priority": "P1" if page else "P3"}
    return {}
