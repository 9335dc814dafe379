"""Addresses that a page leads to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from slo import names
from slo.catalog import metrics
from slo.model import Settings

_SERIES: Final = re.compile(r"(?<![`\w{])((?:mas|gen_ai|fleetslo)_\w+)(\{[^}]*\})?")


def graph(settings: Settings, expr: str) -> str:
    """Prometheus' own page with `expr` evaluated now."""
    return f"{settings.urls.prometheus}/graph?g0.expr={quote(expr, safe='')}&g0.tab=1"


def clickable(settings: Settings, step: str) -> str:
    """`step` with every series of the catalogue that it names as a link to its graph."""
    known = metrics().by_series()

    def linked(found: re.Match[str]) -> str:
        expr = found[0]
        return f"[`{expr}`]({graph(settings, expr)})" if found[1] in known else expr

    return _SERIES.sub(linked, step)


def firing(settings: Settings, service: str) -> str:
    """A link to all alerts of `service` that fire now."""
    expr = f'ALERTS{{alertstate="firing",service="{service}"}}'
    return f"[alerts of `{service}`]({graph(settings, expr)})"


def silence(settings: Settings, labels: Mapping[str, str]) -> str:
    """Alertmanager's form for a new silence, filled with `labels`."""
    matchers = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return (
        f"{settings.urls.alertmanager}/#/silences/new?filter={quote('{' + matchers + '}', safe='')}"
    )


def dashboard(settings: Settings, view: str) -> str:
    """One of the three dashboards: ``executive``, ``on-call`` or ``debug``."""
    return f"{settings.urls.grafana}/d/{names.DASHBOARD_UIDS[view]}"


def runbook(settings: Settings, alert: str) -> str:
    """What `runbook_url` of `alert` must be."""
    return f"{settings.urls.runbooks}/{alert}.md"


def page(alert: str) -> str:
    """A link from one page to another, in the same folder."""
    return f"[{alert}]({alert}.md)"
