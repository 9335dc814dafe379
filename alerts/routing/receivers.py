"""A team's destinations, checked, and turned into Alertmanager's integrations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Final
from urllib.parse import urlsplit

from alerts.routing import gotext
from alerts.routing.kinds import KINDS, Kind, Secret, Version, by_severity
from alerts.routing.tree import Setting
from slo.diagnostic import Diagnostic, Level
from slo.model import Destination, DestinationKind, Severity

_NUMBER: Final = re.compile(r"\d{1,9}")
_FLAGS: Final = {"true": True, "false": False}
_LONG_TOKEN: Final = re.compile(r"(?=\w*\d)[\w-]{20,}")
"""A part of a path that no person would have chosen as a name."""


Integration = tuple[str, Mapping[str, Setting]]
"""The block of a receiver that an integration stands in, and what stands there."""


def integration(destination: Destination, severity: Severity) -> Integration:
    """The block of a receiver that `destination` stands in, and what stands there.

    `check` must have passed. What the user set wins over what we add.
    """
    kind = KINDS[destination.kind]
    own = {key: _typed(kind, key, text) for key, text in destination.settings.items()}
    added = {**kind.content, **by_severity(destination.kind, severity)}
    token = own.pop(kind.bearer, None)
    if isinstance(token, str):
        own["http_config"] = {"authorization": {"credentials_file": token}}
    merged: dict[str, Setting] = {"send_resolved": True, **added, **own}
    return kind.block, {key: merged[key] for key in sorted(merged)}


def check(
    destination: Destination, owner: str, version: Version, templates: Collection[str] | None = None
) -> Iterator[Diagnostic]:
    """What keeps `destination` of the team `owner` from reaching anybody.

    `templates` are the names of those that its texts may use; None where nobody knows them all.
    """
    kind = KINDS[destination.kind]
    yield from _version(destination, kind, owner, version)
    yield from _keys(destination, kind, owner)
    yield from _secrets(destination, kind, owner, version)
    for key, text in destination.settings.items():
        for wrong in gotext.problems(text, templates, version):
            yield Diagnostic(
                "ALM022",
                Level.ERROR,
                f"{key} in destination {destination.kind.value} of team {owner} would not render: "
                f"{wrong}",
                destination.place,
                "Alertmanager drops a notification whose text does not render",
            )


def is_secret_url(url: str) -> bool:
    """Whether who knows `url` can write there: it holds credentials, a query or a token."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        return True
    return any(_LONG_TOKEN.fullmatch(part) for part in parts.path.split("/"))


def _typed(kind: Kind, key: str, text: str) -> Setting:
    if key in kind.flags:
        return _FLAGS[text.lower()]
    return int(text) if key in kind.numbers else text


def _version(
    destination: Destination, kind: Kind, owner: str, version: Version
) -> Iterator[Diagnostic]:
    name = destination.kind.value
    if version < kind.since:
        yield Diagnostic(
            "ALM006",
            Level.ERROR,
            f"destination {name} of team {owner} needs Alertmanager {_dotted(kind.since)}, "
            f"configured for {_dotted(version)}",
            destination.place,
            "set targets.alertmanager in Settings, or use another destination",
        )
    if kind.retired:
        yield Diagnostic(
            "ALM008",
            Level.WARNING,
            f"destination {name} of team {owner} is deprecated: {kind.retired}",
            destination.place,
            "choose pagerduty, slack or a webhook",
        )


def _keys(destination: Destination, kind: Kind, owner: str) -> Iterator[Diagnostic]:
    name, known = destination.kind.value, kind.known()
    for key, text in destination.settings.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            yield Diagnostic(
                "ALM004",
                Level.ERROR,
                f"unknown key {key!r} in destination {name} of team {owner}",
                destination.place,
                f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}",
            )
        elif key in kind.flags and text.lower() not in _FLAGS:
            yield _wrong(destination, owner, key, "true or false", text)
        elif key in kind.numbers and not _NUMBER.fullmatch(text):
            yield _wrong(destination, owner, key, "a whole number", text)
    for key in kind.needed:
        if not destination.settings.get(key):
            yield Diagnostic(
                "ALM003",
                Level.ERROR,
                f"destination {name} of team {owner} needs {key}, got none",
                destination.place,
            )


def _wrong(destination: Destination, owner: str, key: str, want: str, got: str) -> Diagnostic:
    text = (
        f"{key} in destination {destination.kind.value} of team {owner} must be {want}, got {got!r}"
    )
    return Diagnostic("ALM005", Level.ERROR, text, destination.place)


def _secrets(
    destination: Destination, kind: Kind, owner: str, version: Version
) -> Iterator[Diagnostic]:
    name, settings = destination.kind.value, destination.settings
    given = [
        (secret, key)
        for secret in kind.secrets
        for key in (secret.file_key, secret.key)
        if settings.get(key)
    ]
    ways = _ways(kind.secrets, version)
    if len(given) > 1:
        got = " and ".join(key for _, key in given)
        text = f"destination {name} of team {owner} must have one of {ways}, got {got}"
        yield Diagnostic("ALM003", Level.ERROR, text, destination.place)
    elif not given and not kind.secret_optional:
        text = f"destination {name} of team {owner} needs {ways}, got none"
        yield Diagnostic("ALM003", Level.ERROR, text, destination.place)
    for secret, key in given:
        yield from _one_secret(destination, secret, key, owner, version)


def _is_address(url: str) -> bool:
    """Whether Alertmanager takes `url`; it refuses its whole file for one without a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _one_secret(
    destination: Destination, secret: Secret, key: str, owner: str, version: Version
) -> Iterator[Diagnostic]:
    name, value = destination.kind.value, destination.settings[key]
    if key.endswith("url") and not _is_address(value):
        yield _wrong(destination, owner, key, "an http or https address", value)
        return
    if key == secret.file_key:
        if KINDS[destination.kind].since <= version < secret.since:
            yield Diagnostic(
                "ALM006",
                Level.ERROR,
                f"{key} in destination {name} of team {owner} needs Alertmanager "
                f"{_dotted(secret.since)}, configured for {_dotted(version)}",
                destination.place,
                f"write {secret.key}, or set targets.alertmanager in Settings",
            )
        return
    if destination.kind is DestinationKind.WEBHOOK and not is_secret_url(value):
        return
    later = "" if version >= secret.since else f" (Alertmanager {_dotted(secret.since)} and later)"
    yield Diagnostic(
        "ALM007",
        Level.WARNING,
        f"{key} in destination {name} of team {owner} is a secret in plain text",
        destination.place,
        f"put it into a file and name that as {secret.file_key}{later}",
    )


def _ways(secrets: tuple[Secret, ...], version: Version) -> str:
    return " or ".join(
        secret.file_key if version >= secret.since else secret.key for secret in secrets
    )


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)
