"""Rule files, generated or a user's own, read back into the groups that a replay takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from slo.exact import Duration
from slo.model import AlertRule, RecordRule, RuleGroup, Severity
from slo.prove.reading import Plain, load, mappings, texts

DEFAULT_INTERVAL: Final = Duration.seconds(60)
"""Prometheus' own, where neither the group nor the caller has one."""


def read(folder: Path, default: Duration = DEFAULT_INTERVAL) -> tuple[RuleGroup, ...]:
    """The groups of every rule file below `folder`, sorted by file.

    Raises:
        ValueError: A file is no YAML, or a duration in it is none.
    """
    return tuple(
        _group(group, default)
        for file in rule_files(folder)
        for group in mappings(load(file).get("groups"))
    )


def rule_files(folder: Path) -> list[Path]:
    """The rule files below `folder`, promtool's tests left out, sorted."""
    files = sorted({*folder.rglob("*.yaml"), *folder.rglob("*.yml")})
    return [file for file in files if not file.name.endswith((".test.yaml", ".test.yml"))]


def _group(value: Mapping[str, Plain], default: Duration) -> RuleGroup:
    told = texts(value)
    interval = Duration.parse(told["interval"]) if "interval" in told else default
    rules = tuple(_rule(each) for each in mappings(value.get("rules")))
    return RuleGroup(told.get("name", ""), interval, rules)


def _rule(value: Mapping[str, Plain]) -> RecordRule | AlertRule:
    told, labels = texts(value), texts(value.get("labels"))
    expr = str(value.get("expr", ""))
    if "record" in told:
        return RecordRule(told["record"], expr, labels)
    severity = labels.get("severity", "")
    known = severity in {each.value for each in Severity}
    return AlertRule(
        name=told.get("alert", ""),
        expr=expr,
        hold=_duration(told.get("for")),
        keep_firing_for=_duration(told.get("keep_firing_for")),
        labels=labels,
        annotations=texts(value.get("annotations")),
        severity=Severity(severity) if known else Severity.TICKET,
        team=labels.get("team", ""),
        by=(),
    )


def _duration(text: str | None) -> Duration:
    return Duration(0) if text is None else Duration.parse(text)
