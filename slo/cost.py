"""What an SLO costs a Prometheus: rules, recorded series, samples that are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from slo.exact import Duration
from slo.model import Project, RecordRule, RuleGroup, Settings, Slo
from slo.rules import compile_project

RAW_SERIES: Final = 10
"""Raw series that a selector is taken to find."""
_RANGE: Final = re.compile(r"([A-Za-z_:][\w:]*)(?:\{[^}]*\})?\[(\w+)(?::(\w+))?\]")
_RECORDED: Final = "slo:"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one SLO takes.

    Attributes:
        rules: Recording and alerting.
        series: Recorded for each of its budgets.
        samples: Read when each of its rules is evaluated once, ranges only.
    """

    rules: int
    series: int
    samples: int


def cost(slo: Slo, settings: Settings, raw_series: int = RAW_SERIES) -> Cost:
    """The cost of `slo` where each of its raw selectors finds `raw_series`."""
    compiled = compile_project(Project((slo,), (), (), (), settings))
    groups = [
        group
        for file in compiled.rule_files
        for group in file.groups
        if group.name.startswith(f"{slo.slo_id}:")
    ]
    rules = [rule for group in groups for rule in group.rules]
    return Cost(
        rules=len(rules),
        series=len({rule.record for rule in rules if isinstance(rule, RecordRule)}),
        samples=sum(_samples(group, settings, raw_series) for group in groups),
    )


def _samples(group: RuleGroup, settings: Settings, raw_series: int) -> int:
    count = 0
    for rule in group.rules:
        for name, span, step in _RANGE.findall(rule.expr):
            recorded = name.startswith(_RECORDED)
            usual = settings.intervals.fast if recorded else settings.intervals.scrape
            every = Duration.parse(step) if step else usual
            series = 1 if recorded else raw_series
            count += series * (Duration.parse(span).ms // every.ms)
    return count
