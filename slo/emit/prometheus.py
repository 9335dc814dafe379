"""Prometheus: the rule files, and a configuration that scrapes the collector and loads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import yaml

from slo.diagnostic import Diagnostic, Level, Span
from slo.emit.rules import HEADER, rule_file_text
from slo.emit.yaml import Value, dump
from slo.exact import Duration
from slo.model import AlertRule, Compiled, OutputFile, Settings, UserFile
from slo.plugin import Output
from slo.source import edit

DUPLICATE: Final = "SLO040"
_OWN_JOBS: Final = (
    "Scrape jobs of your own: write a prometheus.yml with them beside the SLO files, and name it",
    "in Settings, `base: {prometheus: prometheus.yml}`. Our parts are then put into a copy of it.",
)
CLASH: Final = "SLO041"
NOBODY_TOLD: Final = "SLO044"
SELF_METRICS: Final = "127.0.0.1:8888"
"""Where a collector tells about itself, by default."""
AGENT_METRICS: Final = "127.0.0.1:8889"
"""Where a collector serves the metrics of the agents, by default."""
_COLLECTOR: Final = (("fleetslo-collector", SELF_METRICS), ("fleetslo-agents", AGENT_METRICS))
_TIMEOUT: Final = Duration.parse("10s")
"""Of a scrape. Source: Prometheus, "Configuration", default of `scrape_timeout`."""


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
        yield from _clashes(compiled.project.settings)

    def generate(self, compiled: Compiled) -> Iterator[OutputFile]:
        """One rule file per service, and the configuration."""
        for file in compiled.rule_files:
            yield OutputFile(f"prometheus/rules/{file.service}.yaml", rule_file_text(file))
        yield OutputFile("prometheus/prometheus.yml", config_text(compiled.project.settings))


GENERATOR: Final = PrometheusGenerator()


def config_text(settings: Settings) -> str:
    """``prometheus.yml``: scrape the collector, load the rules, tell Alertmanager.

    With a configuration of the user's own our rule files and scrape jobs are added to
    that one, and nothing else of it changes.
    """
    base = settings.base.prometheus
    if base is None:
        head = "".join(f"# {line}\n" for line in (HEADER, *_OWN_JOBS))
        return head + dump(_config(settings, _itself(settings.urls.prometheus)))
    document = edit.Edit.parse(base.path, base.text)
    ours = _ours(settings)
    for key, is_there in (("rule_files", _says), ("scrape_configs", _is_job)):
        kept = edit.items(document.root, key)
        new = [n for n in edit.items(ours, key) if not any(is_there(n, own) for own in kept)]
        edit.put(document.root, key, [*kept, *new])
    inserted = f"Inserted into {base.name}: change that file; its comments are not carried over."
    head = "".join(f"# {line}\n" for line in (*HEADER.splitlines(), inserted))
    return head + document.text()


def _clashes(settings: Settings) -> Iterator[Diagnostic]:
    base = settings.base.prometheus
    if base is not None:
        try:
            told = tuple(_differences(base, settings))
        except ValueError as error:
            told = (str(error),)
        for text in told:
            yield Diagnostic(CLASH, Level.ERROR, f"{base.path}: {text}", base.place)
        if not told and not _tells(base):
            text = f"{base.path}: it names no Alertmanager, so no alert reaches anybody"
            hint = "write alerting: alertmanagers: there"
            yield Diagnostic(NOBODY_TOLD, Level.WARNING, text, base.place, hint)


def _differences(base: UserFile, settings: Settings) -> Iterator[str]:
    """Where the user's file says something else than we must say."""
    root = edit.Edit.parse(base.path, base.text).root
    edit.items(root, "rule_files")
    kept = edit.items(root, "scrape_configs")
    for job in edit.items(_ours(settings), "scrape_configs"):
        if any(_is_job(job, own) and not edit.same(job, own) for own in kept):
            name = edit.word(job, "job_name")
            yield f"job {name} is there already and says something else, rename yours"
    external = edit.get(edit.get(root, "global"), "external_labels")
    for label, value in settings.external_labels.items():
        got = edit.word(external, label)
        if got != value:
            yield f"external label {label} must be {value}, as in Settings, got {got or 'none'}"


def _tells(base: UserFile) -> bool:
    """Whether the user's Prometheus sends alerts to anybody."""
    alerting = edit.get(edit.Edit.parse(base.path, base.text).root, "alerting")
    return bool(edit.items(alerting, "alertmanagers"))


def _says(ours: yaml.Node, own: yaml.Node) -> bool:
    return edit.same(ours, own)


def _is_job(ours: yaml.Node, own: yaml.Node) -> bool:
    return edit.word(ours, "job_name") == edit.word(own, "job_name")


def _ours(settings: Settings) -> yaml.MappingNode:
    """Our parts of a configuration whose `global` is not ours."""
    config = _config(settings)
    config["scrape_configs"] = [_job(*job, _pace(settings)) for job in _COLLECTOR]
    return edit.Edit.parse("ours", dump(config)).root


def _pace(settings: Settings) -> dict[str, Value]:
    """How often to scrape: the windows of the alerts were chosen for it.

    Prometheus refuses a timeout above the interval, and inherits both from `global`.
    """
    interval = settings.intervals.scrape
    timeout = min(interval, _TIMEOUT)
    return {"scrape_interval": interval.promql(), "scrape_timeout": timeout.promql()}


def _config(settings: Settings, *more: Value) -> dict[str, Value]:
    config: dict[str, Value] = {
        "global": {
            "scrape_interval": settings.intervals.scrape.promql(),
            "evaluation_interval": settings.intervals.fast.promql(),
            **_external(settings),
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [_alertmanager(settings.urls.alertmanager)]},
        "scrape_configs": [*(_job(*job, {}) for job in _COLLECTOR), *more],
    }
    return config


def _itself(url: str) -> dict[str, Value]:
    """Prometheus tells whether its rules are evaluated, by scraping itself."""
    parts = urlsplit(url)
    job: dict[str, Value] = {"job_name": "prometheus", "scheme": parts.scheme or "http"}
    if parts.path.strip("/"):
        job["metrics_path"] = f"{parts.path.rstrip('/')}/metrics"
    job["static_configs"] = [{"targets": [parts.netloc]}]
    return job


def _external(settings: Settings) -> dict[str, Value]:
    labels = settings.external_labels
    return {"external_labels": {key: labels[key] for key in sorted(labels)}} if labels else {}


def _job(name: str, target: str, pace: Mapping[str, Value]) -> dict[str, Value]:
    """A scrape job; the agents' own labels stand, since the collector speaks for them."""
    job: dict[str, Value] = {"job_name": name, **pace}
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
