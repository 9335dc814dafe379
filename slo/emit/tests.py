"""Unit tests for promtool, one file per service, generated from the same SLOs as the rules.

promtool evaluates all groups of a file in the one interval that the file names. An alert that
waits six hours is proven in steps of five minutes, in a file of its own. Its clock begins in
1970: planned work is proven on the same rules with the work moved there, in files beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from slo.diagnostic import Diagnostic
from slo.emit.proving.alert_tests import alert_test
from slo.emit.proving.change_tests import EXCLUDED, excluded, stand_in
from slo.emit.proving.scenario import Feed
from slo.emit.proving.slo_tests import long_tests, slo_tests
from slo.emit.proving.subject import Subject
from slo.emit.rules import HEADER, rule_file_text
from slo.emit.yaml import Value, dump
from slo.exact import Duration
from slo.model import AlertRule, Compiled, OutputFile, RuleFile, RuleGroup, Settings
from slo.plugin import Output
from slo.rules import slo_groups, worded

COARSE: Final = Duration.parse("5m")
_FOLDER: Final = "prometheus/tests"
EXCLUDED_RULES: Final = "excluded"
"""The folder, beside the tests, of rules whose planned work is moved to where promtool begins."""


class TestsGenerator:
    """``prometheus/tests/<service>.test.yaml``, and ``.long`` and ``.excluded`` ones beside it."""

    output = Output.TESTS

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:  # noqa: ARG002 - the protocol's
        """Nothing stands in the way of a test."""
        return ()

    def generate(self, compiled: Compiled) -> Iterator[OutputFile]:
        """For each service a file, and one in coarse steps where an alert holds for hours."""
        fast = compiled.project.settings.intervals.fast
        for file in compiled.rule_files:
            subjects = list(_subjects(compiled, file))
            rules = f"../rules/{file.service}.yaml"
            short = [test for subject in subjects for test in slo_tests(subject)]
            short.extend(_alert_tests(file, fast))
            coarse = [subject.coarse(COARSE) for subject in subjects]
            long = [test for subject in coarse for test in long_tests(subject)]
            if short:
                yield OutputFile(f"{_FOLDER}/{file.service}.test.yaml", _text(rules, fast, short))
            if long:
                path = f"{_FOLDER}/{file.service}.long.test.yaml"
                yield OutputFile(path, _text(rules, COARSE, long))
            yield from _planned_work(compiled.project.settings, file.service, subjects)


GENERATOR: Final = TestsGenerator()


def _planned_work(
    settings: Settings, service: str, subjects: Iterable[Subject]
) -> Iterator[OutputFile]:
    """The tests of SLOs whose budgets leave time out, and their rules with that time moved."""
    groups: list[RuleGroup] = []
    tests: list[Value] = []
    for subject in subjects:
        if not subject.slo.excluded:
            continue
        moved = replace(subject.slo, excluded=(EXCLUDED,))
        feed = subject.feed
        if not feed.raw:
            moved = stand_in(moved)
            feed = Feed(moved)
        own = [worded(group, settings) for group in slo_groups(settings, moved)]
        rules = tuple(rule for group in own for rule in group.rules if isinstance(rule, AlertRule))
        found = list(excluded(replace(subject, slo=moved, rules=rules, feed=feed)))
        groups.extend(own)
        tests.extend(found)
    if tests:
        rules_file = RuleFile(service, tuple(groups))
        path = f"{EXCLUDED_RULES}/{service}.yaml"
        yield OutputFile(f"{_FOLDER}/{path}", rule_file_text(rules_file))
        text = _text(path, settings.intervals.fast, tests)
        yield OutputFile(f"{_FOLDER}/{service}.excluded.test.yaml", text)


def _text(rules: str, step: Duration, tests: list[Value]) -> str:
    return dump(
        {
            "rule_files": [rules],
            "evaluation_interval": step.promql(),
            "tests": tests,
        },
        HEADER,
    )


def _alert_tests(file: RuleFile, step: Duration) -> Iterator[Value]:
    """The tests of operational alerts, as far as their conditions tell how to make them true."""
    for group in file.groups:
        for rule in group.rules:
            if isinstance(rule, AlertRule) and rule.alert is not None:
                test = alert_test(rule, step)
                if test is not None:
                    yield test


def _subjects(compiled: Compiled, file: RuleFile) -> Iterator[Subject]:
    """The SLOs of a file, each with the rules that watch it; some have none."""
    rules: dict[str, list[AlertRule]] = {}
    for group in file.groups:
        for rule in group.rules:
            if isinstance(rule, AlertRule) and rule.slo is not None:
                rules.setdefault(rule.slo.slo_id, []).append(rule)
    step = compiled.project.settings.intervals.fast
    for slo in compiled.project.slos:
        if slo.service == file.service:
            yield Subject.of(slo, tuple(rules.get(slo.slo_id, ())), step)
