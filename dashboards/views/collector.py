"""The row about the collector itself: what comes in, what goes out, what waits, what is lost."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above
from dashboards.material import marked, named
from dashboards.panel import Step, Viz, Words
from dashboards.panels import Lines, Stat
from dashboards.query import Prom, quantile
from slo.names import SHED_EVENTS

_QUARTER: Final = Size(6, 8)
_THIRD: Final = Size(8, 8)
_SILENT: Final = "The collector's own metrics are not scraped, or it is down."
LAG_SECONDS: Final = 5.0
"""Time from emission to durable acceptance that the catalogue promises (M7)."""
STALLED_SECONDS: Final = 30.0
"""Age of the oldest record above which the pipeline counts as stalled (M7)."""
_SLOW_DISK_SECONDS: Final = 0.1


_SHED: Final = f"rate({SHED_EVENTS}[$__rate_interval])"
_ITEMS: Final = "rate(fleetslo_items_total{%s}[$__rate_interval])"


def collector() -> Section:
    """The collector's own pipeline."""
    return Section(
        "collector",
        "Telemetry pipeline",
        (
            _accepted(),
            _outcomes(),
            _lag(),
            _kept(),
            _buffered(),
            _age(),
            _queue(),
            _imbalance(),
            _bytes(),
            _fsync(),
            _shed(),
        ),
    )


def _accepted() -> Viz:
    return Lines(
        key="accepted",
        title="Telemetry accepted",
        words=Words(
            "Spans, data points and log records that became durable, per second.",
            "Steady is good; a sudden zero is an outage of the senders or of the network.",
            "Zero: is the collector's port reachable from the agents?",
        ),
        none=_SILENT,
        queries=(
            Prom(
                expr="sum by (signal) (" + _ITEMS % 'outcome="accepted"' + ")",
                legend="{{signal}}",
            ),
        ),
        unit="ops",
        low=0.0,
        overrides=named("traces", "metrics", "logs"),
        wish=_QUARTER,
    )


def _outcomes() -> Viz:
    return Lines(
        key="outcomes",
        title="Where telemetry ended, other than delivered",
        words=Words(
            "Items per second that were left out on purpose, sent back, or set aside.",
            "Sampled out and aggregated are savings. Refused ones come again. Rejected and "
            "dead-lettered ones need a person.",
            "Dead letters: `collector buffer ls` shows them with the reason.",
        ),
        none=_SILENT,
        queries=(
            Prom(
                expr="sum by (outcome) (" + _ITEMS % 'outcome!~"accepted|delivered|good|bad"' + ")",
                legend="{{outcome}}",
            ),
        ),
        unit="ops",
        low=0.0,
        overrides=marked(
            sampled_out=palette.BLUE,
            filtered=palette.SKY,
            aggregated=palette.GREEN,
            duplicate=palette.GREY,
            refused=palette.ORANGE,
            rejected=palette.PURPLE,
            dead_lettered=palette.VERMILLION,
            erased=palette.YELLOW,
        ),
        wish=_QUARTER,
    )


def _lag() -> Viz:
    return Lines(
        key="lag",
        title="Ingestion lag",
        words=Words(
            "From the time that an item carries until it is durable, 95 % of items.",
            f"Below {LAG_SECONDS:.0f} s is good.",
            "Above: senders batch too long, or refusals make them retry.",
        ),
        none=_SILENT,
        queries=(
            Prom(
                expr=quantile(
                    "0.95", "signal", "rate(fleetslo_ingest_lag_seconds_bucket[$__rate_interval])"
                ),
                legend="{{signal}}",
            ),
        ),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(LAG_SECONDS),
        overrides=named("traces", "metrics", "logs"),
        wish=_QUARTER,
    )


def _kept() -> Viz:
    return Lines(
        key="kept",
        title="Share kept by each pipeline",
        words=Words(
            "Items that left each pipeline per item that entered it.",
            "What the policy says is good; 100 % means that nothing is left out.",
            "`collector policy eval` shows what another policy would keep.",
        ),
        none=_SILENT,
        queries=(Prom(expr="max by (pipeline) (fleetslo_sampling_ratio)", legend="{{pipeline}}"),),
        unit="percentunit",
        low=0.0,
        high=1.0,
        color_mode="continuous-BlPu",
        wish=_QUARTER,
    )


def _buffered() -> Viz:
    return Lines(
        key="buffered",
        title="Items that wait for delivery",
        words=Words(
            "Items accepted and not yet delivered, by signal. They are on disk.",
            "Near zero is good. A slope upwards: a destination is slow or down.",
            "Look at the destination's own health; nothing is lost until the disk is full.",
        ),
        none=_SILENT,
        queries=(Prom(expr="sum by (signal) (fleetslo_items_buffered)", legend="{{signal}}"),),
        unit="short",
        low=0.0,
        overrides=named("traces", "metrics", "logs"),
        wish=_QUARTER,
    )


def _age() -> Viz:
    return Lines(
        key="age",
        title="Oldest record that waits",
        words=Words(
            "Age of the oldest record in each log of the collector.",
            f"Below {STALLED_SECONDS:.0f} s is good in inbox and outbox; dead letters wait "
            "for a person.",
            "Inbox old: the graph stands still. Outbox old: a destination is down.",
        ),
        none=_SILENT,
        queries=(Prom(expr="max by (log) (fleetslo_log_oldest_age_seconds)", legend="{{log}}"),),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(STALLED_SECONDS),
        overrides=named("inbox", "outbox", "held", "dead_letters"),
        wish=_QUARTER,
    )


def _queue() -> Viz:
    return Lines(
        key="queue",
        title="Batches queued by destination",
        words=Words(
            "Batches that wait for each destination.",
            "Near zero is good; one destination that grows does not hold up the others.",
            "Check the credentials and the address of that destination.",
        ),
        none=_SILENT,
        queries=(
            Prom(
                expr="max by (exporter) (otelcol_exporter_queue_size)",
                legend="{{exporter}}",
            ),
        ),
        unit="short",
        low=0.0,
        color_mode="continuous-BlPu",
        wish=_QUARTER,
    )


def _imbalance() -> Viz:
    return Stat(
        key="imbalance",
        title="Items that the books cannot explain",
        words=Words(
            "Accepted less delivered, left out, set aside and waiting, summed over signals "
            "without their sign.",
            "0 by contract.",
            "Anything else is a bug of the collector: report it with `collector buffer verify`.",
        ),
        none=_SILENT,
        queries=(Prom(expr="sum(abs(fleetslo_conservation_imbalance))"),),
        unit="none",
        decimals=0,
        steps=(Step(palette.GOOD, None), Step(palette.BAD, 1.0)),
        wish=_QUARTER,
    )


def _bytes() -> Viz:
    return Lines(
        key="bytes",
        title="Logs on disk",
        words=Words(
            "Size of each log of the collector.",
            "Far below the disk budget is good; near it, telemetry is refused.",
            "Give it a larger `max_size`, or repair the destination that holds it up.",
        ),
        none=_SILENT,
        queries=(Prom(expr="sum by (log) (fleetslo_log_bytes)", legend="{{log}}"),),
        unit="bytes",
        low=0.0,
        overrides=named("inbox", "outbox", "held", "dead_letters"),
        wish=_THIRD,
    )


def _fsync() -> Viz:
    return Lines(
        key="fsync",
        title="Time of a write to disk",
        words=Words(
            "Time that 99 % of fsyncs stay below, by log: what each acceptance waits for.",
            f"Below {_SLOW_DISK_SECONDS * 1000:.0f} ms is good.",
            "A slow disk: move the collector's directory to another one.",
        ),
        none=_SILENT,
        queries=(
            Prom(
                expr=quantile(
                    "0.99", "log", "rate(fleetslo_log_fsync_seconds_bucket[$__rate_interval])"
                ),
                legend="{{log}}",
            ),
        ),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(_SLOW_DISK_SECONDS),
        overrides=named("inbox", "outbox", "held", "dead_letters"),
        wish=_THIRD,
    )


def _shed() -> Viz:
    return Lines(
        key="shed",
        title="Bad events that were not kept",
        words=Words(
            "Bad events per second that a policy of type `slo` wanted and its bytes per second did "
            "not allow, by SLO. SLIs are exact all the same.",
            "0 is good. A peak while a budget burns: the incident is larger than its bytes.",
            "Raise `bytes_per_second`; `collector policy eval` shows what that would keep.",
        ),
        none="No sampler has a policy of type slo, or the collector is down.",
        queries=(
            Prom(
                expr="sum by (slo_id) (" + _SHED + ")",
                legend="{{slo_id}}",
            ),
        ),
        unit="short",
        low=0.0,
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )
