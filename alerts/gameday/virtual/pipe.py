"""What the collector and Prometheus say of themselves in virtual time."""

from __future__ import annotations

from typing import Final

import numpy as np

from alerts.gameday.virtual import truth
from alerts.gameday.virtual.chance import Chance
from alerts.gameday.virtual.meter import Numbers, Steps, Values, VirtualMeter
from alerts.gameday.virtual.posts import Post
from alerts.gameday.virtual.tape import Tape
from alerts.gameday.virtual.trouble import Pipeline
from collectors.instrument.instruments import Instruments

SIGNALS: Final = ("traces", "metrics", "logs")
LOGS: Final = ("inbox", "outbox")
JOBS: Final = ("fleetslo-collector", "fleetslo-agents")
_ITEMS: Final = 900
_MOMENTS: Final = 20
_LATE_SECONDS: Final = 20.0
_SAMPLER: Final = {
    "processor": "tail_sampling",
    "policy": "slo",
    "slo_id": "agent-fleet-action-success",
}
_GROUP: Final = {"rule_group": "agent-fleet:alerts"}
_BAD_SECONDS: Final = 5.0
"""Items that take longer are bad; see the shipped SLO on ingest lag."""
_FAILED: Final = "prometheus_rule_evaluation_failures_total"
_MISSED: Final = "prometheus_rule_group_iterations_missed_total"


class Pipe:
    """Counts stretch by stretch; `scrape` writes down what is seen."""

    def __init__(self) -> None:
        """A collector that has just started, and a Prometheus."""
        values = Values()
        own = Instruments(VirtualMeter(values), {})
        self._post = Post((), values, own, {"job": JOBS[0]})
        self._chance = Chance(0)
        self._rules = {name: np.zeros(1) for name in (_FAILED, _MISSED)}
        self._overflows = np.zeros(1)
        self._stuck = 0.0

    def live(self, steps: int, seconds: float, wrong: Pipeline, books: truth.Books) -> None:
        """So many times `seconds` go by."""
        minutes = seconds / 60.0
        passed = np.arange(1, steps + 1)
        for name, a_minute in ((_FAILED, wrong.rules_failing), (_MISSED, wrong.rules_missed)):
            self._rules[name] = self._rules[name][-1] + a_minute * minutes * passed
        ages = np.asarray(self._stuck + seconds * passed, np.float64) * (wrong.stuck or wrong.down)
        self._stuck = float(ages[-1])
        if wrong.down:
            return
        self._post.values.begin(steps)
        self._overflows = self._overflows[-1] + passed * float(wrong.overflowing)
        second = {"exporter": "prometheus", "reason": "second_writer"}
        self._each("fleetslo.prometheus.points.left_out", int(wrong.colliding), second, steps)
        shed = self._chance.due("shed", np.full(steps, wrong.shedding * minutes))
        self._each("fleetslo.sampling.shed.events", 0, _SAMPLER, steps)
        self._post.count("fleetslo.sampling.shed.events", shed, _SAMPLER)
        for signal in SIGNALS:
            self._signal(signal, wrong, minutes, steps)
            self._lag(signal, wrong, steps, books)
        for log in LOGS:
            self._post.level("fleetslo.log.oldest_age", ages * float(log == "outbox"), {"log": log})

    def scrape(self, tape: Tape, times: Numbers, steps: Steps, wrong: Pipeline) -> None:
        """What Prometheus finds at `times`: its own figures, and the collector if it answers.

        Args:
            tape: Where it is written down.
            times: In seconds since 1970.
            steps: After which steps of the stretch that is.
            wrong: What is wrong then.
        """
        for job in JOBS:
            tape.scrape(times, [(("up", ()), float(not wrong.down))], {"job": job})
        group = tuple(_GROUP.items())
        own = [((name, group), values[steps]) for name, values in self._rules.items()]
        tape.scrape(times, own, {"job": "prometheus"})
        if wrong.down:
            return
        shown = self._post.values.seen(steps)
        if wrong.hidden:
            shown = (each for each in shown if not each[0][0].startswith(wrong.hidden))
        tape.scrape(times, shown, self._post.resource)
        if self._overflows[-1]:
            key = ("mas_agent_actions_total", (("otel_metric_overflow", "true"),))
            tape.scrape(times, [(key, self._overflows[steps])], {"job": "fleet/worker-research"})

    def _each(self, name: str, amount: int, labels: dict[str, str], steps: int) -> None:
        """Every step counts `amount`; the series exists even where that is nothing."""
        self._post.instruments.add(name, 0, labels)
        self._post.count(name, np.full(steps, amount), labels)

    def _signal(self, signal: str, wrong: Pipeline, minutes: float, steps: int) -> None:
        for outcome, count in (
            ("accepted", round(_ITEMS * (1 - wrong.refused))),
            ("refused", round(_ITEMS * wrong.refused)),
            ("rejected", 0),
            ("dead_lettered", round(wrong.dead_lettered * minutes)),
        ):
            labels = {"signal": signal, "pipeline": "", "exporter": "", "outcome": outcome}
            self._each("fleetslo.items", count, labels, steps)
        one = {"signal": signal}
        self._each("fleetslo.items.ahead", round(_ITEMS * wrong.ahead), one, steps)
        self._post.level("fleetslo.conservation.imbalance", wrong.imbalance, one)

    def _lag(self, signal: str, wrong: Pipeline, steps: int, books: truth.Books) -> None:
        """How late items are, unless none gets through."""
        if wrong.stuck:
            return
        one = np.full(_MOMENTS, wrong.lag_seconds)
        one[np.arange(_MOMENTS) < wrong.late * _MOMENTS] = _LATE_SECONDS
        at = np.repeat(np.arange(steps), _MOMENTS)
        self._post.observe("fleetslo.ingest.lag", at, np.tile(one, steps), {"signal": signal})
        late = int((one > _BAD_SECONDS).sum()) * steps
        books.note(truth.LAG, signal, late, _MOMENTS * steps)
