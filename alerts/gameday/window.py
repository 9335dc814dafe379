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
from alerts.gameday.markup import page
from alerts.gameday.stack import Stack
from slo import names

_PREVIEW_SECONDS: Final = 60.0
_SLO_LABELS: Final = ("__name__", "slo_id")
"""What stands on every recorded burn rate; the others tell whose budget it is."""


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
                "Burns fastest (at 1x a budget lasts exactly its window)",
                ("SLO", "of", "burn rate over 1h"),
                map(_burn, sorted(burning, key=lambda each: -each.value)),
            ),
        )
        return _html(
            '<p><a href="/dashboards">The dashboards, drawn from this Prometheus</a> · '
            '<a href="/runbooks/index.md">all runbooks</a></p>' + "".join(parts)
        )

    def dashboards(self) -> str:
        """The three dashboards with live data, as `sloctl preview` draws them."""
        tree = self._running.tree
        drawing = tree.folder / "dashboards.html"
        command = [
            sys.executable,
            "-c",
            "from slo.cli import main; main()",
            "preview",
            str(tree.out),
            "--prometheus",
            self._running.prometheus.url,
            "--out",
            str(drawing),
        ]
        with self._drawing:  # one at a time: drawing takes some seconds of a processor
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_PREVIEW_SECONDS, check=False
            )
            if done.returncode != 0 or not drawing.is_file():
                return _html(f"<p>They could not be drawn:</p><pre>{escape(done.stderr)}</pre>")
            return drawing.read_text(encoding="utf-8")

    def _alert(self, sample: ask.Sample) -> tuple[str, ...]:
        labels = sample.labels
        return (
            _runbook(labels),
            escape(labels.get("severity", "")),
            escape(labels.get("team", "")),
        )

    def _told(self) -> Iterable[tuple[str, ...]]:
        for told in reversed(self._running.webhooks.received()):
            if told.firing and told.alert != names.WATCHDOG:
                summary = escape(told.annotations.get("summary", ""))
                yield escape(told.team), _runbook(told.labels), summary


def _burn(sample: ask.Sample) -> tuple[str, ...]:
    whose = (value for name, value in sorted(sample.labels.items()) if name not in _SLO_LABELS)
    return escape(sample.labels.get("slo_id", "")), escape(", ".join(whose)), f"{sample.value:.2f}x"


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
    return page("fleetslo demo", f"<h1>The fleet, now</h1>{body}", renews=True)
