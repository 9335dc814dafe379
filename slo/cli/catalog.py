"""`sloctl catalog`: the metrics, SLOs and alerts that come with the product."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import click

from slo.cli.init import starter_files
from slo.cli.state import FINE, Fault
from slo.cli.table import show
from slo.model import Project, Rolling, Slo
from slo.spec import SourceFile, read

Row = Mapping[str, str | list[str]]


@click.command("catalog")
@click.argument("what", type=click.Choice(["metrics", "slos", "alerts"]))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "yaml", "markdown"]),
    default="table",
    show_default=True,
    help="For people, for programs, or for pages.",
)
def catalog(what: str, form: str) -> int:
    """Show the built-in catalogue of metrics, SLOs or alerts.

    The SLOs and alerts are those that `sloctl init` writes.
    """
    rows = _SOURCES[what]()
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif form == "yaml":
        import yaml  # noqa: PLC0415 - for this format only

        click.echo(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=100).rstrip())
    elif form == "markdown":
        click.echo(as_markdown(rows))
    else:
        _print_table(what, rows)
    return FINE


def as_markdown(rows: Sequence[Row]) -> str:
    """`rows` as a Markdown table."""
    if not rows:
        return ""
    headings = list(rows[0])
    lines = [_line(headings), _line(["---"] * len(headings))]
    lines += [
        _line([_text(row[heading]).replace("|", "\\|") for heading in headings]) for row in rows
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _print_table(what: str, rows: Sequence[Row]) -> None:
    headings = _SHOWN[what]
    cells = [[_text(row[heading]) for heading in headings] for row in rows]
    show(headings, cells, [each for each in _LONG if each in headings])


def _metrics() -> list[Row]:
    from slo.catalog import metrics  # noqa: PLC0415 - reads its file

    return [
        {
            "id": metric.catalog_id,
            "metric": metric.name,
            "prometheus": metric.prometheus,
            "instrument": metric.instrument.value,
            "unit": metric.unit,
            "labels": sorted(metric.labels),
            "owner": metric.owner,
            "meaning": metric.meaning,
        }
        for metric in metrics().metrics
    ]


def _slos() -> list[Row]:
    return [
        {
            "id": slo.catalog_id,
            "slo": slo.slo_id,
            "title": slo.title,
            "objective": f"{slo.objective.percent()} %",
            "window": _window(slo),
            "by": list(slo.by),
            "policy": slo.alerting.policy,
            "tiers": [tier.name for tier in slo.alerting.tiers],
            "owner": slo.owner,
            "description": slo.description,
        }
        for slo in sorted(_project().slos, key=lambda slo: (_ordinal(slo.catalog_id), slo.slo_id))
    ]


def _alerts() -> list[Row]:
    return [
        {
            "id": alert.catalog_id,
            "alert": alert.name,
            "severity": alert.severity.value,
            "owner": alert.owner,
            "for": alert.hold.promql(),
            "expr": alert.expr,
            "summary": alert.summary,
            "meaning": alert.runbook.meaning,
        }
        for alert in sorted(
            _project().alerts, key=lambda alert: (_ordinal(alert.catalog_id), alert.name)
        )
    ]


def _ordinal(catalog_id: str) -> tuple[str, int]:
    """M2 comes before M10; what has no number, last."""
    digits = "".join(char for char in catalog_id if char.isdigit())
    return (catalog_id.rstrip("0123456789") or "~", int(digits) if digits else 0)


def _window(slo: Slo) -> str:
    if isinstance(slo.window, Rolling):
        return slo.window.length.promql()
    return f"{slo.window.period}, {slo.window.timezone}"


def _project() -> Project:
    texts = starter_files()
    files = [SourceFile(path, text, named=False) for path, text in sorted(texts.items())]
    project, problems = read(files)
    if project is None:
        first = next(problem for problem in problems if problem.level == "error")
        place = f" in {first.place.file}:{first.place.line}" if first.place else ""
        msg = f"the built-in catalogue does not resolve: {first.text}{place}"
        raise Fault(msg)
    return project


_SOURCES: Final[Mapping[str, Callable[[], list[Row]]]] = {
    "metrics": _metrics,
    "slos": _slos,
    "alerts": _alerts,
}
# What fits on a screen; the other formats hold everything.
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "metrics": ("id", "prometheus", "instrument", "unit", "labels"),
    "slos": ("id", "slo", "title", "objective", "window", "owner", "tiers"),
    "alerts": ("id", "alert", "severity", "for", "owner", "summary"),
}
# Where the terminal is narrow, these stand below their row, the first first.
_LONG: Final = ("summary", "labels", "tiers", "title")
COMMAND = catalog
