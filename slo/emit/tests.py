"""Unit tests for promtool, one file per service, generated from the same SLOs as the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from slo.diagnostic import Diagnostic
from slo.emit.proving.slo_tests import Subject, slo_tests
from slo.emit.rules import HEADER
from slo.emit.yaml import Value, dump
from slo.model import AlertRule, Compiled, OutputFile, RuleFile, Slo
from slo.plugin import Output


class TestsGenerator:
    """``prometheus/tests/<service>.test.yaml``."""

    output = Output.TESTS

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:  # noqa: ARG002 - the protocol's
        """Nothing stands in the way of a test."""
        return ()

    def generate(self, compiled: Compiled) -> Iterator[OutputFile]:
        """One file for each service that has something to prove."""
        for file in compiled.rule_files:
            tests = list(_tests(compiled, file))
            if tests:
                path = f"prometheus/tests/{file.service}.test.yaml"
                yield OutputFile(path, _text(compiled, file, tests))


GENERATOR: Final = TestsGenerator()


def _text(compiled: Compiled, file: RuleFile, tests: list[Value]) -> str:
    step = compiled.project.settings.intervals.fast.promql()
    return dump(
        {
            "rule_files": [f"../rules/{file.service}.yaml"],
            "evaluation_interval": step,
            "tests": tests,
        },
        HEADER,
    )


def _tests(compiled: Compiled, file: RuleFile) -> Iterator[Value]:
    fast = compiled.project.settings.intervals.fast
    rules: dict[str, list[AlertRule]] = {}
    slos: dict[str, Slo] = {}
    for group in file.groups:
        for rule in group.rules:
            if isinstance(rule, AlertRule) and rule.slo is not None:
                slos[rule.slo.slo_id] = rule.slo
                rules.setdefault(rule.slo.slo_id, []).append(rule)
    for slo_id, slo in slos.items():
        yield from slo_tests(Subject.of(slo, tuple(rules[slo_id]), fast))
