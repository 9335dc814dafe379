"""What a person looks at while the demo runs: what fires and who was told, and the dashboards.

Debian's Prometheus and Alertmanager come without their web pages, so these are ours.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from alerts.gameday import ask
from alerts.gameday.stack import Stack
from slo import names

_PREVIEW_SECONDS: Final = 60.0
_STYLE: Final = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#1f2933}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .8rem .35rem 0;"
    "border-bottom:1px solid #d9e2ec;vertical-align:top}h2{margin-top:2rem;font-size:1.05rem}"
    "@media(prefers-color-scheme:dark){body{background:#12181f;color:#e4e9ee}a{color:#6cb4ee}"
    "td,th{border-color:#33404d}}"
)


class Window:
    """The pages of one running stack."""

    def __init__(self, running: Stack) -> None:
        self._running = running
        self._drawing = threading.Lock()

    def overview(self) -> str:
        """What fires, what was sent to whom, how fast budgets burn; it renews itself."""
        url = self._running.prometheus.url
        try:
            firing = ask.query(url, 'ALERTS{alertstate="firing",severity!="none"}')
            burning = ask.query(url, f"topk(5, {names.BURN_RATE} > 0)")
        except ask.UnansweredError as error:
            return _html(f"<p>Prometheus does not answer: {escape(str(error))}</p>")
        parts = (
            _table("Fires now", ("alert", "severity", "team"), map(self._alert, firing)),
            _table("Was told", ("team", "alert", "what"), self._told()),
            _table(
                "Burns fastest (1 spends a budget in just its window)",
                ("SLO", "burn rate over 1h"),
                (
                    (escape(sample.labels.get("slo_id", "")), f"{sample.value:.2f}")
                    for sample in sorted(burning, key=lambda each: -each.value)
                ),
            ),
        )
        return _html(
            '<p><a href="/dashboards">The dashboards, drawn from this Prometheus</a> · '
            '<a href="/runbooks/index.md">all runbooks</a></p>' + "".join(parts)
        )

    def dashboards(self) -> str:
        """The three dashboards with live data, as `sloctl preview` draws them."""
        tree = self._running.tree
        page = tree.folder / "dashboards.html"
        command = [
            sys.executable,
            "-c",
            "from slo.cli import main; main()",
            "preview",
            str(tree.out),
            "--prometheus",
            self._running.prometheus.url,
            "--out",
            str(page),
        ]
        with self._drawing:  # one at a time: drawing takes some seconds of a processor
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_PREVIEW_SECONDS, check=False
            )
            if done.returncode != 0 or not page.is_file():
                return _html(f"<p>They could not be drawn:</p><pre>{escape(done.stderr)}</pre>")
            return page.read_text(encoding="utf-8")

    def _alert(self, sample: ask.Sample) -> tuple[str, ...]:
        labels = sample.labels
        return (
            _runbook(labels),
            escape(labels.get("severity", "")),
            escape(labels.get("team", "")),
        )

    def _told(self) -> Iterable[tuple[str, ...]]:
        for page in reversed(self._running.webhooks.received()):
            if page.firing and page.alert != names.WATCHDOG:
                summary = escape(page.annotations.get("summary", ""))
                yield escape(page.team), _runbook(page.labels), summary


def _runbook(labels: Mapping[str, str]) -> str:
    name = escape(labels.get("alertname", ""))
    return f'<a href="/runbooks/{name}.md">{name}</a>'


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return f"<h2>{title}</h2><p>Nothing.</p>"
    head = "".join(f"<th>{each}</th>" for each in heads)
    return f"<h2>{title}</h2><table><tr>{head}</tr>{body}</table>"


def _html(body: str) -> str:
    return (
        '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>fleetslo demo</title><style>{_STYLE}</style><h1>The fleet, now</h1>{body}"
    )
