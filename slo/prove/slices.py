"""Cuts a test file into parts that run on their own, each with the rules it needs and no others.

promtool evaluates every rule of a file in every test, and one test after the other. What a
test proves does not depend on the rules that it never reads, so leaving them out changes no
verdict: the time grows with the number of SLOs, not with its square.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slo.prove.reading import Plain, Rule, load, mappings, rules_of, strings, texts

_SERIES: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Slice:
    """The tests of one SLO or one alert, and a rule file for them.

    Attributes:
        subject: What the names of its tests begin with, up to the colon.
        tests: A test file, as JSON, which promtool reads as YAML.
        rules: A rule file likewise; the test file calls it ``rules.json``.
    """

    subject: str
    count: int
    tests: str
    rules: str


def slices(file: Path) -> Iterator[Slice]:
    """The parts of the test file `file`.

    Raises:
        ValueError: It, or a rule file that it names, is not what the compiler writes.
    """
    whole = load(file)
    names = list(strings(whole.get("rule_files")))
    rules = [rule for name in names for rule in rules_of((file.parent / name).resolve())]
    parts: dict[str, list[Mapping[str, Plain]]] = {}
    for test in mappings(whole.get("tests")):
        subject = texts(test).get("name", "").partition(":")[0]
        parts.setdefault(subject, []).append(test)
    for subject, tests in parts.items():
        needed = _needed(subject, tests, rules)
        yield Slice(
            subject,
            len(tests),
            json.dumps({**whole, "rule_files": ["rules.json"], "tests": tests}),
            json.dumps({"groups": list(_groups(needed))}),
        )


def _needed(subject: str, tests: list[Mapping[str, Plain]], rules: list[Rule]) -> list[Rule]:
    """The alerts of `subject`, and every record that they or the tests read, however far."""
    ours = [rule for rule in rules if rule.group.partition(":")[0] == subject]
    alerts = [rule for rule in ours if rule.is_alert]
    if not alerts:
        ours = rules
        alerts = [rule for rule in rules if rule.is_alert and rule.name.startswith(subject)]
    reads = {word for test in tests for text in strings(test) for word in _SERIES.findall(text)}
    reads |= {word for rule in alerts for word in _SERIES.findall(rule.expr)}
    records = [rule for rule in ours if not rule.is_alert]
    found: set[str] = set()
    while new := {rule.name for rule in records if rule.name in reads} - found:
        found |= new
        for rule in records:
            if rule.name in new:
                reads |= set(_SERIES.findall(rule.expr))
    chosen = {id(rule) for rule in alerts}
    return [
        rule for rule in ours if id(rule) in chosen or (not rule.is_alert and rule.name in found)
    ]


def _groups(rules: list[Rule]) -> Iterator[dict[str, Plain]]:
    names = dict.fromkeys(rule.group for rule in rules)
    for name in names:
        yield {"name": name, "rules": [rule.value for rule in rules if rule.group == name]}
