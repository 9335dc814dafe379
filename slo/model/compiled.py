"""What is compiled from a project: rules, and the files that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slo.exact import Duration
from slo.model.documents import Alert, Project, Slo, Tier
from slo.model.people import Severity


@dataclass(frozen=True, slots=True)
class RecordRule:
    """One recording rule."""

    record: str
    expr: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule, and where it came from.

    Attributes:
        labels: The static labels that the rule adds, all of `slo.names.ALERT_LABELS` that apply.
        by: Labels that come with the expression's result, beside the static ones.
        slo: The SLO whose budget it watches; None for an operational alert.
        tier: The tier of that SLO; None for `SLOSignalLost` and operational alerts.
        alert: The operational alert; None for an SLO's.
        escalated: It is the generated `<Alert>Escalated` of `alert`.
    """

    name: str
    expr: str
    hold: Duration
    keep_firing_for: Duration
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    severity: Severity
    team: str
    by: tuple[str, ...]
    slo: Slo | None = None
    tier: Tier | None = None
    alert: Alert | None = None
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated together, in order, every `interval`."""

    name: str
    interval: Duration
    rules: tuple[RecordRule | AlertRule, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The groups of one service: ``prometheus/rules/<service>.yaml``."""

    service: str
    groups: tuple[RuleGroup, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A project and its rules: all that a generator needs."""

    project: Project
    rule_files: tuple[RuleFile, ...]

    def alert_rules(self) -> tuple[AlertRule, ...]:
        """Every alerting rule, in the order of the files."""
        return tuple(
            rule
            for file in self.rule_files
            for group in file.groups
            for rule in group.rules
            if isinstance(rule, AlertRule)
        )

    def record_names(self) -> frozenset[str]:
        """The names of all recorded series."""
        return frozenset(
            rule.record
            for file in self.rule_files
            for group in file.groups
            for rule in group.rules
            if isinstance(rule, RecordRule)
        )


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A generated file: its path below DIR with forward slashes, and its whole text."""

    path: str
    text: str
