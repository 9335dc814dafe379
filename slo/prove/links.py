"""Every link between the generated files, both ways: what is named exists, what exists is named.

Only families that are in the tree are held against each other, so that a team's tree of
rules and runbooks is proven as far as it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from slo import names
from slo.plugin import Result, Verdict
from slo.prove.pages import between_pages
from slo.prove.planned import differing
from slo.prove.reading import Plain, Rule, load, mappings, rules_of, strings, texts

_RECORDED: Final = re.compile(r"\bslo:[a-z0-9_:]+|\bslo_info\b")
_ALERT_NAMES: Final = re.compile(r'alertname=~?"([A-Za-z0-9_|]+)"')
_EVENTS_OF: Final = re.compile(rf'{names.SLI_EVENTS}\{{[^}}]*\bslo_id="([^"]+)"')
_SLO: Final = re.compile(r'slo_id="([^"]+)"')
_TEAM: Final = re.compile(r'team="([^"]+)"')
_NOT_OF_AN_ALERT: Final = frozenset({"index.md"})


@dataclass(frozen=True, slots=True)
class Tree:
    """The generated files that links run between.

    Attributes:
        runbooks: File names; None when the tree has no runbooks.
        dashboards: Each dashboard by its uid; None when there are none.
        tests: The names of the SLOs and alerts under test; None when there are no tests.
        routes: The Alertmanager configuration; None when there is none.
        counted: The SLOs whose events the collector counts; None without its configuration.
        moved: Rules with planned work moved to where promtool's clock begins.
    """

    rules: tuple[Rule, ...]
    runbooks: frozenset[str] | None
    dashboards: Mapping[str, Mapping[str, Plain]] | None
    tests: frozenset[str] | None
    routes: Mapping[str, Plain] | None
    counted: frozenset[str] | None = None
    moved: tuple[Rule, ...] = ()

    @property
    def alerts(self) -> tuple[Rule, ...]:
        """The alerting rules."""
        return tuple(rule for rule in self.rules if rule.is_alert)

    @property
    def slo_ids(self) -> frozenset[str]:
        """The SLOs that have rules."""
        return frozenset(rule.labels["slo_id"] for rule in self.rules if "slo_id" in rule.labels)


@dataclass(frozen=True, slots=True)
class LinksProof:
    """Links between rules, tests, runbooks, dashboards, routes and the collector."""

    name: str = "links"

    def run(self, directory: Path) -> Iterator[Result]:
        """Prove the links of the tree in `directory`."""
        try:
            tree = read_tree(directory)
        except (OSError, ValueError) as error:
            yield Result("links between the files", Verdict.FAILED, str(error))
            return
        if not tree.rules:
            return
        for name, broken in (*checks(tree), *between_pages(directory / "runbooks")):
            complaint = "\n".join(broken)
            yield Result(name, Verdict.FAILED if complaint else Verdict.PASSED, complaint)


PROOF: Final = LinksProof()


def read_tree(directory: Path) -> Tree:
    """Read what links are made of.

    Raises:
        ValueError: A file is not what the compiler writes.
    """
    prometheus = directory / "prometheus"
    rules = [
        rule for file in sorted((prometheus / "rules").glob("*.yaml")) for rule in rules_of(file)
    ]
    boards = [load(file) for file in sorted((directory / "grafana/dashboards").glob("*.json"))]
    tests = [load(file) for file in sorted((prometheus / "tests").glob("*.test.yaml"))]
    runbooks = directory / "runbooks"
    routes = directory / "alertmanager/alertmanager.yml"
    collector = directory / "collector/collector.yaml"
    return Tree(
        tuple(rules),
        frozenset(file.name for file in runbooks.glob("*.md")) if runbooks.is_dir() else None,
        {texts(board).get("uid", ""): board for board in boards} if boards else None,
        frozenset(_subjects(tests)) if tests else None,
        load(routes) if routes.is_file() else None,
        frozenset(_counted(load(collector))) if collector.is_file() else None,
        tuple(
            rule
            for file in sorted((prometheus / "tests" / "excluded").glob("*.yaml"))
            for rule in rules_of(file)
        ),
    )


def checks(tree: Tree) -> Iterator[tuple[str, list[str]]]:
    """Every kind of link with the broken ones, in words."""
    yield "every series that a rule reads is recorded", sorted(_unrecorded_in_rules(tree))
    yield "every SLO is described and alerts on a lost signal", sorted(_undescribed(tree))
    if tree.tests is not None:
        yield "every SLO has unit tests, every test an SLO or alert", sorted(_tests(tree))
    if tree.moved:
        yield (
            "planned work is proven on the rules that are loaded",
            sorted(differing(tree.moved, tree.rules)),
        )
    if tree.runbooks is not None:
        yield "every alert has its runbook, every runbook its alert", sorted(_runbooks(tree))
    if tree.dashboards is not None:
        yield "every alert opens a dashboard on its SLO", sorted(_dashboards(tree))
        yield (
            "every recorded series on a dashboard is recorded",
            sorted(_unrecorded_on_boards(tree)),
        )
    if tree.routes is not None:
        yield "every alert's team is routed, every routed alert exists", sorted(_routes(tree))
    if tree.counted is not None:
        yield "the collector counts every event that a rule reads", sorted(_uncounted(tree))


def _subjects(tests: Iterable[Mapping[str, Plain]]) -> Iterator[str]:
    for file in tests:
        for test in mappings(file.get("tests")):
            yield texts(test).get("name", "").partition(":")[0]


def _counted(config: Plain) -> Iterator[str]:
    """The SLOs of every `sli` that stands in a traces pipeline."""
    sections = config if isinstance(config, Mapping) else {}
    service = sections.get("service")
    pipelines = service.get("pipelines") if isinstance(service, Mapping) else None
    used = {
        name
        for key, pipeline in (pipelines if isinstance(pipelines, Mapping) else {}).items()
        if key.partition("/")[0] == "traces" and isinstance(pipeline, Mapping)
        for name in strings(pipeline.get("processors", ()))
    }
    processors = sections.get("processors")
    for name, processor in (processors if isinstance(processors, Mapping) else {}).items():
        if name in used and name.partition("/")[0] == "sli" and isinstance(processor, Mapping):
            slos = processor.get("slos")
            yield from slos if isinstance(slos, Mapping) else ()


def _uncounted(tree: Tree) -> Iterator[str]:
    read = {slo_id for rule in tree.rules for slo_id in _EVENTS_OF.findall(rule.expr)}
    counted = tree.counted or frozenset()
    for slo_id in read - counted:
        yield f"the rules of {slo_id} read {names.SLI_EVENTS}, and the collector counts no such SLO"
    for slo_id in counted - read:
        yield f"the collector counts {slo_id}, which no rule reads"


def _recorded(tree: Tree) -> set[str]:
    return {rule.name for rule in tree.rules if not rule.is_alert}


def _unrecorded_in_rules(tree: Tree) -> Iterator[str]:
    recorded = _recorded(tree)
    for rule in tree.rules:
        for text in (rule.expr, *rule.annotations.values()):
            for series in set(_RECORDED.findall(text)) - recorded:
                yield f"{rule.name} ({rule.file}) reads {series}, which nothing records"


def _undescribed(tree: Tree) -> Iterator[str]:
    described = {rule.labels.get("slo_id") for rule in tree.rules if rule.name == names.INFO}
    watched = {rule.labels.get("slo_id") for rule in tree.rules if rule.name == names.SIGNAL_LOST}
    for slo_id in tree.slo_ids - described:
        yield f"{slo_id} has no {names.INFO}"
    told = (rule.labels for rule in tree.rules if rule.name == names.INFO)
    unasked = {labels.get("slo_id") for labels in told if labels.get("signal_lost") == "ok"}
    for slo_id in tree.slo_ids - watched - unasked:
        yield f"{slo_id} has no {names.SIGNAL_LOST}"


def _tests(tree: Tree) -> Iterator[str]:
    tested = tree.tests or frozenset()
    for slo_id in tree.slo_ids - tested:
        yield f"{slo_id} has no unit tests"
    for subject in tested - tree.slo_ids - {rule.name for rule in tree.alerts}:
        yield f"a test names {subject}, which is no SLO and no alert"


def _runbooks(tree: Tree) -> Iterator[str]:
    pages = tree.runbooks or frozenset()
    linked: set[str] = set()
    for rule in tree.alerts:
        page = urlsplit(rule.annotations.get("runbook_url", "")).path.rpartition("/")[2]
        linked.add(page)
        if page not in pages:
            yield f"{rule.name} links to the runbook {page or 'of nothing'}, which does not exist"
    for page in pages - linked - _NOT_OF_AN_ALERT:
        yield f"runbooks/{page} belongs to no alert"


def _dashboards(tree: Tree) -> Iterator[str]:
    boards = tree.dashboards or {}
    for rule in tree.alerts:
        url = urlsplit(rule.annotations.get("dashboard_url", ""))
        uid = url.path.partition("/d/")[2].partition("/")[0]
        if uid not in boards:
            yield f"{rule.name} opens the dashboard {uid or 'of nothing'}, which does not exist"
            continue
        chosen = {key.removeprefix("var-"): value for key, value in parse_qs(url.query).items()}
        for variable in chosen.keys() - _variables(boards[uid]):
            yield f"{rule.name} sets {variable}, which is no variable of {uid}"
        for slo_id in set(chosen.get("slo", ())) - tree.slo_ids:
            yield f"{rule.name} opens {slo_id}, which is no SLO"


def _variables(board: Mapping[str, Plain]) -> set[str]:
    templating = board.get("templating")
    listed = templating.get("list") if isinstance(templating, Mapping) else None
    return {texts(variable).get("name", "") for variable in mappings(listed)}


def _unrecorded_on_boards(tree: Tree) -> Iterator[str]:
    recorded = _recorded(tree)
    for uid, board in (tree.dashboards or {}).items():
        read = {series for text in _queries(board) for series in _RECORDED.findall(text)}
        for series in read - recorded:
            yield f"{uid} shows {series}, which nothing records"


def _queries(value: Plain) -> Iterator[str]:
    """Every query of a dashboard: what stands under ``expr`` or ``query``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in {"expr", "query", "definition"}:
                yield from strings(item)
            else:
                yield from _queries(item)
    elif not isinstance(value, str):
        for item in mappings(value):
            yield from _queries(item)


def _routes(tree: Tree) -> Iterator[str]:
    said = list(strings(tree.routes))
    teams = {team for text in said for team in _TEAM.findall(text)}
    routed = {n for text in said for some in _ALERT_NAMES.findall(text) for n in some.split("|")}
    for team in {rule.labels["team"] for rule in tree.alerts if rule.labels.get("team")} - teams:
        yield f"no route leads to the team {team}"
    for name in routed - {rule.name for rule in tree.alerts}:
        yield f"the routes name the alert {name}, which does not exist"
    for slo_id in {name for text in said for name in _SLO.findall(text)} - tree.slo_ids:
        yield f"the routes name the SLO {slo_id}, which does not exist"
