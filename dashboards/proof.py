"""The proof of the dashboards: rules kept, every query run, every panel shows what is so.

It reads the generated files and nothing else, starts a real Prometheus on a story made up
from the metric catalogue, and leaves behind ``grafana/panels.lock.json``: what each query
returned in each phase. Grafana loads every JSON file of its dashboard folder, so the lock
stands beside that folder and not in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dashboards.notation import Json, text
from dashboards.proving.history import Timeline
from dashboards.proving.judge import locked, problems
from dashboards.proving.lint import complaints
from dashboards.proving.reading import Dashboard, read
from dashboards.proving.recorded import Rule, rules_below, severity_words
from dashboards.proving.replay import ReplayError, replayed
from dashboards.proving.run import annotation_faults, shown
from slo.catalog import metrics
from slo.names import DASHBOARD_UIDS
from slo.plugin import Result, Verdict
from slo.servers import MissingToolError, ServerError

LOCK: Final = "panels.lock.json"
_FOLDER: Final = "grafana/dashboards"
_DAY_SECONDS: Final = 86_400
_TOLD: Final = 5
"""Problems that one line of the report names; the others are counted."""
OWN_SERIES: Final = frozenset(
    {
        "ALERTS",
        "ALERTS_FOR_STATE",
        "fleetslo_disk_budget_bytes",
        "otelcol_exporter_queue_size",
    }
)
"""Series of Prometheus and of the collector that the metric catalogue does not hold."""


class DashboardProof:
    """Lint without servers, then data on a real Prometheus."""

    name = "dashboards"

    def run(self, directory: Path) -> Iterable[Result]:
        """Prove every dashboard below `directory`, the tree of `sloctl generate`."""
        boards = boards_below(directory)
        rules = rules_below(directory)
        known = _known(rules) if rules else None
        said = "" if rules else "queries are not run: this tree holds no rules"
        for name, board in boards.items():
            yield _result(f"dashboard rules: {name}", complaints(board, known), said)
        # A family that was left out is not missing: what is missing, the manifest tells.
        if boards and rules:
            yield from _data(directory, boards, rules)


PROOF: Final = DashboardProof()


def _data(
    directory: Path, boards: dict[str, Dashboard], rules: tuple[Rule, ...]
) -> Iterator[Result]:
    # The last midnight: so that days, tiles of five minutes and steps fall as they always do.
    timeline = Timeline.until(int(time.time()) // _DAY_SECONDS * _DAY_SECONDS)
    severities = {rule.labels.get("severity", "") for rule in rules if rule.alert}
    words = severity_words(rules)
    lock: Json = {}
    try:
        with replayed(metrics(), rules, timeline, OWN_SERIES) as story:
            for name, board in boards.items():
                seen = shown(story.url, board, timeline.moments())
                lock[name] = locked(seen)
                faults = annotation_faults(story.url, board, timeline.moments(), severities)
                known = {words.meant(severity) for severity in severities}
                found = [*problems(_view(board), seen, story.own, known), *faults]
                queries = len({(one.panel.identity, one.ref) for one in seen})
                said = f"{queries} queries in {len(timeline.moments())} phases"
                if story.own:
                    told = ", ".join(story.own[:_TOLD])
                    more = f" and {len(story.own) - _TOLD} more" if story.own[_TOLD:] else ""
                    said += f", events of {told}{more} made up from their expressions"
                yield _result(f"dashboard data: {name}", found, said)
    except MissingToolError as error:
        yield Result("dashboard data", Verdict.SKIPPED, str(error))
        return
    except (ReplayError, ServerError) as error:
        yield Result("dashboard data", Verdict.FAILED, str(error))
        return
    (directory / "grafana" / LOCK).write_text(text(lock), encoding="utf-8")


def boards_below(directory: Path) -> dict[str, Dashboard]:
    """Every dashboard of the tree of `sloctl generate` at `directory`, by file name."""
    return {
        path.stem: read(path.read_text(encoding="utf-8"))
        for path in sorted((directory / _FOLDER).glob("*.json"))
    }


def _known(rules: tuple[Rule, ...]) -> frozenset[str]:
    recorded = frozenset(rule.record for rule in rules if rule.record)
    return frozenset(metrics().by_series()) | OWN_SERIES | recorded


def _view(board: Dashboard) -> str:
    """The view that `board` is, or is a team's part of."""
    return next((view for view, uid in DASHBOARD_UIDS.items() if board.uid.startswith(uid)), "")


def _result(name: str, found: list[str], said: str = "") -> Result:
    if not found:
        return Result(name, Verdict.PASSED, said)
    more = f" (and {len(found) - _TOLD} more)" if len(found) > _TOLD else ""
    return Result(name, Verdict.FAILED, "; ".join(found[:_TOLD]) + more)
