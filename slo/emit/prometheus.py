"""Prometheus: the rule files, and a configuration that scrapes the collector and loads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from slo.diagnostic import Diagnostic, Level, Span
from slo.emit.rules import HEADER, rule_file_text
from slo.emit.yaml import Value, dump
from slo.model import AlertRule, Compiled, OutputFile, Settings
from slo.plugin import Output

DUPLICATE: Final = "SLO040"
SELF_METRICS: Final = "127.0.0.1:8888"
"""Where a collector tells about itself, by default."""
AGENT_METRICS: Final = "127.0.0.1:8889"
"""Where a collector serves the metrics of the agents, by default."""


class PrometheusGenerator:
    """Rule files and ``prometheus.yml``."""

    output = Output.RULES

    def check(self, compiled: Compiled) -> Iterator[Diagnostic]:
        """Two alerts of one name and the same labels: Alertmanager would take them for one."""
        seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        for rule in compiled.alert_rules():
            identity = (rule.name, frozenset(rule.labels.items()))
            if identity in seen:
                text = f"alert {rule.name} is made twice with the same labels"
                yield Diagnostic(DUPLICATE, Level.ERROR, text, _place(rule), "rename one of them")
            seen.add(identity)

    def generate(self, compiled: Compiled) -> Iterator[OutputFile]:
        """One rule file per service, and the configuration."""
        for file in compiled.rule_files:
            yield OutputFile(f"prometheus/rules/{file.service}.yaml", rule_file_text(file))
        yield OutputFile("prometheus/prometheus.yml", config_text(compiled.project.settings))


GENERATOR: Final = PrometheusGenerator()


def config_text(settings: Settings) -> str:
    """``prometheus.yml``: scrape the collector, load the rules, tell Alertmanager."""
    return dump(_config(settings), HEADER)


def _config(settings: Settings) -> dict[str, Value]:
    interval = settings.intervals.scrape.promql()
    collector = {
        "fleetslo-collector": SELF_METRICS,
        "fleetslo-agents": AGENT_METRICS,
    }
    config: dict[str, Value] = {
        "global": {
            "scrape_interval": interval,
            "evaluation_interval": settings.intervals.fast.promql(),
            **_external(settings),
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [_alertmanager(settings.urls.alertmanager)]},
        "scrape_configs": [_job(name, target) for name, target in collector.items()],
    }
    return config


def _external(settings: Settings) -> dict[str, Value]:
    labels = settings.external_labels
    return {"external_labels": {key: labels[key] for key in sorted(labels)}} if labels else {}


def _job(name: str, target: str) -> dict[str, Value]:
    """A scrape job; the agents' own labels stand, since the collector speaks for them."""
    job: dict[str, Value] = {"job_name": name}
    if target == AGENT_METRICS:
        job["honor_labels"] = True
    job["static_configs"] = [{"targets": [target]}]
    return job


def _alertmanager(url: str) -> dict[str, Value]:
    parts = urlsplit(url)
    found: dict[str, Value] = {"scheme": parts.scheme or "http"}
    if parts.path.strip("/"):
        found["path_prefix"] = parts.path
    found["static_configs"] = [{"targets": [parts.netloc]}]
    return found


def _place(rule: AlertRule) -> Span | None:
    if rule.alert is not None:
        return rule.alert.place
    return rule.slo.place if rule.slo is not None else None
