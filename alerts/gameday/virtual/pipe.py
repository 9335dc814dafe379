"""What the collector and Prometheus say of themselves in virtual time."""

from __future__ import annotations

from typing import Final

from alerts.gameday.virtual.meter import Key, Values, VirtualMeter
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


class Pipe:
    """Counts by step; `scrape` writes down what is seen."""

    def __init__(self) -> None:
        """A collector that has just started, and a Prometheus."""
        self._values = Values()
        self._own = Instruments(VirtualMeter(self._values), {})
        self._prometheus: dict[str, float] = {
            "prometheus_rule_evaluation_failures_total": 0.0,
            "prometheus_rule_group_iterations_missed_total": 0.0,
        }
        self._overflowed = 0.0
        self._shed = 0.0
        self._stuck = 0.0

    def step(self, wrong: Pipeline, seconds: float) -> None:
        """`seconds` go by."""
        minutes = seconds / 60.0
        self._prometheus["prometheus_rule_evaluation_failures_total"] += (
            wrong.rules_failing * minutes
        )
        self._prometheus["prometheus_rule_group_iterations_missed_total"] += (
            wrong.rules_missed * minutes
        )
        self._stuck = self._stuck + seconds if wrong.stuck or wrong.down else 0.0
        if wrong.down:
            return
        if wrong.overflowing:
            self._overflowed += 1
        second = {"exporter": "prometheus", "reason": "second_writer"}
        self._own.add("fleetslo.prometheus.points.left_out", int(wrong.colliding), second)
        self._shed += wrong.shedding * minutes
        self._own.add("fleetslo.sampling.shed.events", int(self._shed), _SAMPLER)
        self._shed %= 1
        for signal in SIGNALS:
            self._signal(signal, wrong, minutes)
        for log in LOGS:
            age = self._stuck if log == "outbox" else 0.0
            self._own.set("fleetslo.log.oldest_age", age, {"log": log})

    def scrape(self, tape: Tape, time: float, wrong: Pipeline) -> None:
        """What Prometheus finds at `time`: its own figures, and the collector if it answers."""
        for job in JOBS:
            tape.scrape(time, [(("up", ()), float(not wrong.down))], {"job": job})
        own: list[tuple[Key, float]] = [
            ((name, tuple(_GROUP.items())), value) for name, value in self._prometheus.items()
        ]
        tape.scrape(time, own, {"job": "prometheus"})
        if wrong.down:
            return
        shown = self._values.items()
        if wrong.hidden:
            shown = (each for each in shown if not each[0][0].startswith(wrong.hidden))
        tape.scrape(time, shown, {"job": JOBS[0]})
        if self._overflowed:
            key = ("mas_agent_actions_total", (("otel_metric_overflow", "true"),))
            tape.scrape(time, [(key, self._overflowed)], {"job": "fleet/worker-research"})

    def _signal(self, signal: str, wrong: Pipeline, minutes: float) -> None:
        for outcome, count in (
            ("accepted", round(_ITEMS * (1 - wrong.refused))),
            ("refused", round(_ITEMS * wrong.refused)),
            ("rejected", 0),
            ("dead_lettered", round(wrong.dead_lettered * minutes)),
        ):
            labels = {"signal": signal, "pipeline": "", "exporter": "", "outcome": outcome}
            self._own.add("fleetslo.items", count, labels)
        self._own.add("fleetslo.items.ahead", round(_ITEMS * wrong.ahead), {"signal": signal})
        self._own.set("fleetslo.conservation.imbalance", wrong.imbalance, {"signal": signal})
        if not wrong.stuck:
            for number in range(_MOMENTS):
                lag = _LATE_SECONDS if number < wrong.late * _MOMENTS else wrong.lag_seconds
                self._own.record("fleetslo.ingest.lag", lag, {"signal": signal})
