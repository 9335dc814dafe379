"""Whether a dashboard keeps the rules: Grafana's own linter's, and ours.

A rule is a function from a dashboard to complaints. Of the 17 rules of Grafana's linter
13 stand here. Left out are `template-job-rule`, `template-instance-rule`,
`target-job-rule` and `target-instance-rule`: they want every query filtered by `job` and
`instance`, which the recording rules behind these queries have done already.

Source: github.com/grafana/dashboard-linter, lint/rules.go, commit 4d0844b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from dashboards.proving.lint_grafana import GRAFANA_RULES
from dashboards.proving.lint_own import OWN_RULES, unknown_metrics
from dashboards.proving.reading import Dashboard

Rule = Callable[[Dashboard], Iterator[str]]

RULES: Final[dict[str, Rule]] = {**GRAFANA_RULES, **OWN_RULES}


def complaints(board: Dashboard, known: frozenset[str] | None = None) -> list[str]:
    """Everything that is wrong with `board`, ``<rule>: <what>``.

    Args:
        board: As read from its file.
        known: Names of all series that there are; None leaves that rule out.
    """
    found = [f"{name}: {text}" for name, rule in RULES.items() for text in rule(board)]
    if known is not None:
        found += [f"unknown-metric: {text}" for text in unknown_metrics(board, known)]
    return found
