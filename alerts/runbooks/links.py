"""Addresses that a page leads to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from slo import names
from slo.model import Settings


def graph(settings: Settings, expr: str) -> str:
    """Prometheus' own page with `expr` evaluated now."""
    return f"{settings.urls.prometheus}/graph?g0.expr={quote(expr, safe='')}&g0.tab=1"


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
