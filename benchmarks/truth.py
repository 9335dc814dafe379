"""Error budgets beside the truth: our rules, sloth's and pyrra's, on events that are known.

`python -m benchmarks truth [DAYS]`. Where a budget is said to be 0.5 % wrong, that is relative
to the true error ratio of the 30 days.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slo import names
from slo.diagnostic import Span
from slo.exact import Duration, Ratio
from slo.model import (
    Alerting,
    Project,
    RecordRule,
    Rolling,
    RuleGroup,
    Scope,
    Settings,
    Sli,
    SliKind,
    Slo,
)
from slo.replay import Replay, Story, replay
from slo.replay.simulate import DAY, METRIC, Scenario, scenarios
from slo.rules import compile_project

BEGAN = 1_767_225_600
"""Midnight UTC, a multiple of every interval."""
SCRAPE = 30
SEED = 1
OBJECTIVE = Ratio.from_percent("99")
ERRORS = f'sum by (scenario) (rate({METRIC}{{code="error"}}[$window]))'
TOTAL = f"sum by (scenario) (rate({METRIC}[$window]))"
SLO_ID = "sim-requests"


@dataclass(frozen=True)
class Row:
    """One scenario: the true error ratio, and what each set of rules says of it."""

    scenario: Scenario
    truth: float
    said: Mapping[str, float | None]

    def wrong(self, rules: str) -> float:
        """How wrong, relative to the truth; infinite where nothing or no number is said."""
        said = self.said[rules]
        if said is None or not math.isfinite(said):
            return math.inf
        return abs(said - self.truth) / self.truth


def simulated_slo(window: Duration) -> Slo:
    return Slo(
        slo_id=SLO_ID,
        name="requests",
        service="sim",
        title="Requests",
        description="",
        objective=OBJECTIVE,
        window=Rolling(window),
        sli=Sli(SliKind.EVENTS, ERRORS, TOTAL),
        by=("scenario",),
        alerting=Alerting("none", (), "ok", ()),
        owner="platform",
        labels={},
        events_per_second=None,
        scope=Scope.SERVICE,
        root_cause="sim",
        catalog_id="",
        place=Span("simulated", 1, 1, 1),
    )


def our_groups(window: Duration) -> list[RuleGroup]:
    project = Project((simulated_slo(window),), (), (), (), Settings(default_owner="platform"))
    return [group for file in compile_project(project).rule_files for group in file.groups]


def sloth_group() -> RuleGroup:
    """Source: slok/sloth, examples/_gen/getting-started.yml: the ratio of 5 minutes."""
    ratio = f"({ERRORS}) / ({TOTAL})".replace("$window", "5m")
    rule = RecordRule("sloth:sli_error:ratio_rate5m", ratio, {})
    return RuleGroup("sloth", Duration.seconds(30), (rule,))


def sloth_period(window: Duration) -> str:
    recorded = f"sloth:sli_error:ratio_rate5m[{window.promql()}]"
    return f"sum_over_time({recorded}) / count_over_time({recorded})"


def pyrra_period(window: Duration) -> str:
    """Source: pyrra, slo/rules.go: increase over the whole window of the raw series."""
    errors, total = (
        f"sum by (scenario) (increase({METRIC}{matchers}[{window.promql()}]))"
        for matchers in ('{code="error"}', "")
    )
    return f"{errors} / {total}"


def measured(days: int, seed: int = SEED, *, peers: bool = True) -> list[Row]:
    """All scenarios over a window of `days`, in a story of one day more."""
    window = Duration.parse(f"{days}d")
    played = scenarios(days + 1, seed)
    end = BEGAN + (days + 1) * DAY
    with replay(Story(BEGAN, end, Duration.seconds(SCRAPE))) as playing:
        for scenario in played:
            playing.load(scenario.series(BEGAN, SCRAPE, seed))
        said = {"fleetslo": _ours(playing, window)}
        if peers:
            playing.record([sloth_group()])
            said["sloth"] = _asked(playing, sloth_period(window), end)
            said["pyrra"] = _asked(playing, pyrra_period(window), end)
    rows: list[Row] = []
    for scenario in played:
        bad, total = scenario.truth(DAY, (days + 1) * DAY)
        told = {rules: ratios.get(scenario.name) for rules, ratios in said.items()}
        rows.append(Row(scenario, bad / total, told))
    return rows


def _ours(playing: Replay, window: Duration) -> Mapping[str, float]:
    """The recorded error ratio of the period, from the budget that is said to be left."""
    groups = our_groups(window)
    tiles = [f"{series}:avg5m" for series in (names.SLI_ERRORS, names.SLI_TOTAL)]
    fast = [
        replace(group, rules=tuple(r for r in group.rules if isinstance(r, RecordRule)))
        for group in groups
    ]
    playing.record(fast, wanted=tiles)
    end = playing.story.end
    playing.record(fast, wanted=[names.BUDGET_REMAINING], since=end - 600)
    left = _asked(playing, names.BUDGET_REMAINING, end)
    return {
        scenario: (1 - share) * float(OBJECTIVE.budget.value) for scenario, share in left.items()
    }


def _asked(playing: Replay, expr: str, at: int) -> Mapping[str, float]:
    answers = playing.server.instant(expr, at)
    return {answer.labels["scenario"]: answer.value for answer in answers}


def main(arguments: Sequence[str] = ()) -> None:
    days = int(arguments[0]) if arguments else 30
    before = time.monotonic()
    rows = measured(days)
    print(f"truth: error ratio of {days} days, scraped every {SCRAPE} s")
    print(f"  {'scenario':12} {'true ratio':>10}  {'fleetslo':>18} {'sloth':>18} {'pyrra':>18}")
    for row in rows:
        cells = " ".join(f"{_shown(row, rules):>18}" for rules in ("fleetslo", "sloth", "pyrra"))
        print(f"  {row.scenario.name:12} {row.truth:10.6f}  {cells}  {row.scenario.words}")
    print(f"  {time.monotonic() - before:.0f} s")


def _shown(row: Row, rules: str) -> str:
    said = row.said[rules]
    if said is None:
        return "nothing"
    if not math.isfinite(said):
        return str(said)
    return f"{said:.6f} ({(said / row.truth - 1) * 100:+.2f} %)"


if __name__ == "__main__":
    main(sys.argv[1:])
