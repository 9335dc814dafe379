"""Every metric that the daemon exports about itself, named once.

What the OpenTelemetry Collector also has is named as there, without `_total`, as its own
reader prints it; what is only ours begins with `fleetslo_`.

Source: `documentation.md` of the Collector's components, service and exporterhelper.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from collectors.component import Signal
from collectors.counting import OVERFLOWED
from collectors.dialects.told import AGENT_SPANS
from collectors.judging.told import LEFT_OUT
from collectors.sampling import counted
from collectors.series.counts import (
    CARDINALITY_SERIES,
    CARDINALITY_VALUES,
    POINTS_TREATED,
    RECORDS_TREATED,
)


class MetricKind(StrEnum):
    """Prometheus types, by the name that the exposition format has for them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric.

    Attributes:
        labels: Its label names; all of a sample's labels are among them, absent is empty.
        edges: Upper bounds of a histogram's buckets, without the infinite one.
        open: Samples may have further labels, which somebody's configuration names.
    """

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    open: bool = False


NOUNS = {Signal.TRACES: "spans", Signal.METRICS: "metric_points", Signal.LOGS: "log_records"}
"""What the Collector calls an item of each signal, in the names of its metrics."""

LAG_EDGES_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
LATE_EDGES_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0)
SYNC_EDGES_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

ITEMS = "fleetslo_items_total"
BUFFERED = "fleetslo_items_buffered"
IMBALANCE = "fleetslo_conservation_imbalance"
MISSING = "fleetslo_items_missing"
CONNECTED = "fleetslo_connector_items_total"
LOG_BYTES = "fleetslo_log_bytes"
LOG_AGE = "fleetslo_log_oldest_age_seconds"
LOG_SYNC = "fleetslo_log_fsync_seconds"
LAG = "fleetslo_ingest_lag_seconds"
AHEAD = "fleetslo_items_ahead_total"
SAMPLING = "fleetslo_sampling_ratio"
DISK_BUDGET = "fleetslo_disk_budget_bytes"
STEP_FAILURES = "fleetslo_processor_failures_total"
DECIDED_EARLY = "fleetslo_decided_early_total"
DECISIONS_LEFT_OUT = "fleetslo_decisions_left_out_total"
SLI_EVENTS = "fleetslo_sli_events_total"
PROCESSOR_IN = "otelcol_processor_incoming_items"
PROCESSOR_OUT = "otelcol_processor_outgoing_items"
QUEUE_SIZE = "otelcol_exporter_queue_size"
QUEUE_CAPACITY = "otelcol_exporter_queue_capacity"
IN_FLIGHT = "otelcol_exporter_in_flight_requests"
UPTIME = "otelcol_process_uptime"
CPU = "otelcol_process_cpu_seconds"
MEMORY = "otelcol_process_memory_rss"


def receiver_counter(verb: str, signal: Signal) -> str:
    """Name of a receiver's counter; `verb` is accepted, refused or failed."""
    return f"otelcol_receiver_{verb}_{NOUNS[signal]}"


def exporter_counter(verb: str, signal: Signal) -> str:
    """Name of an exporter's counter; `verb` is sent, send_failed or enqueue_failed."""
    return f"otelcol_exporter_{verb}_{NOUNS[signal]}"


def _per_signal(
    prefix: str, verbs: Iterable[str], labels: tuple[str, ...], text: str
) -> list[MetricSpec]:
    return [
        MetricSpec(
            f"otelcol_{prefix}_{verb}_{noun}",
            MetricKind.COUNTER,
            text.format(noun=noun.replace("_", " "), verb=verb.replace("_", " ")),
            labels,
        )
        for verb in verbs
        for noun in NOUNS.values()
    ]


def _counter(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name, MetricKind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name, MetricKind.GAUGE, text, labels)


_OURS = [
    _counter(ITEMS, "Items by what became of them.", "signal", "pipeline", "exporter", "outcome"),
    _gauge(BUFFERED, "Items taken and neither delivered nor accounted for otherwise.", "signal"),
    _gauge(IMBALANCE, "Items that the books cannot account for; 0 by contract.", "signal"),
    _counter(CONNECTED, "Items by what a connector did with them.", "connector", "outcome"),
    _gauge(MISSING, "Items that a log holds and can no longer be read.", "log", "signal"),
    _gauge(
        LOG_BYTES,
        "Bytes that a log, or the state beside them, takes on disk, reserved room included.",
        "log",
    ),
    _gauge(LOG_AGE, "Age of the oldest record of a log that somebody still needs.", "log"),
    MetricSpec(
        LOG_SYNC,
        MetricKind.HISTOGRAM,
        "Time of a group write with its sync.",
        ("log",),
        SYNC_EDGES_SECONDS,
    ),
    MetricSpec(
        LAG,
        MetricKind.HISTOGRAM,
        "Time between an item's own timestamp and its being durable here, by items.",
        ("signal",),
        LAG_EDGES_SECONDS,
    ),
    _counter(AHEAD, "Items whose time was more than a second in the future.", "signal"),
    _gauge(SAMPLING, "Items that left a pipeline per item that entered it.", "pipeline"),
    _gauge(DISK_BUDGET, "Bytes that all logs together may take."),
    _counter(STEP_FAILURES, "Records on which a component raised.", "component"),
    _counter(DECIDED_EARLY, "Items decided on before their time for want of disk.", "pipeline"),
    _counter(DECISIONS_LEFT_OUT, "Decisions that the decision log did not take in time."),
    _counter(
        "fleetslo_redacted_values_total",
        "Attributes, bodies and names that were removed, or masked in part.",
        "processor",
        "outcome",
    ),
    _counter(
        "fleetslo_receiver_rejected_requests_total",
        "Requests that their sender was told never to send again.",
        "receiver",
        "transport",
        "signal",
        "reason",
    ),
    _counter(
        "fleetslo_receiver_turned_away_connections_total",
        "Connections closed at once because there were too many.",
        "receiver",
        "transport",
    ),
    _counter(
        "fleetslo_prometheus_points_left_out_total",
        "Data points that a scrape endpoint cannot show.",
        "exporter",
        "reason",
    ),
    _gauge("fleetslo_prometheus_series", "Series that a scrape endpoint holds.", "exporter"),
    _counter(
        POINTS_TREATED,
        "Data points that an aggregating processor met and that were not simply the next one.",
        "processor",
        "reason",
    ),
    _counter(
        RECORDS_TREATED,
        "Log records that `logdedup` met and had no room for.",
        "processor",
        "reason",
    ),
    _counter(
        OVERFLOWED,
        "What a connector counted in a series that stands for others, for want of room.",
        "connector",
        "metric",
    ),
    _gauge(
        CARDINALITY_SERIES,
        "Series of a metric that live, those beyond its limit included; the metrics with the most.",
        "processor",
        "tenant",
        "metric",
    ),
    _gauge(
        CARDINALITY_VALUES,
        "Values of an attribute that came lately, about; the attributes with the most.",
        "processor",
        "tenant",
        "attribute",
    ),
    _counter(LEFT_OUT, "Facts about agents that could not be judged.", "reason"),
    _counter(AGENT_SPANS, "Spans of agents by what became of them.", "dialect", "reason"),
    MetricSpec(
        SLI_EVENTS,
        MetricKind.COUNTER,
        "Events of an indicator, counted before sampling.",
        ("slo_id", "outcome"),
        open=True,
    ),
]

_TAIL_SAMPLING = [
    _counter(
        counted.TRACES_BY_POLICY,
        "Traces by what a policy said of them.",
        "processor",
        "policy",
        "sampled",
        "decision",
    ),
    _counter(
        counted.SPANS_BY_POLICY,
        "Spans by what a policy said of their traces.",
        "processor",
        "policy",
        "sampled",
        "decision",
    ),
    _counter(
        counted.TRACES,
        "Traces by what became of them.",
        "processor",
        "sampled",
        "decision",
    ),
    _counter(
        counted.RELEASES,
        "Spans that came after the decision on their trace and followed it.",
        "processor",
        "sampled",
    ),
    _counter(counted.NEW, "Traces that began.", "processor"),
    _gauge(
        counted.WAITING,
        "Traces that wait for their decision; their spans are on disk.",
        "processor",
    ),
    MetricSpec(
        counted.LATE_AGE,
        MetricKind.HISTOGRAM,
        "Seconds from the decision to keep a trace to a late span of it.",
        ("processor",),
        LATE_EDGES_SECONDS,
    ),
    _counter(
        counted.DECIDED_EARLY,
        "Traces decided on before their time.",
        "processor",
        "reason",
    ),
    _counter(
        counted.BROUGHT_BACK,
        "Spans dropped and kept after all, for a late span of their trace.",
        "processor",
    ),
    _counter(
        counted.WITHOUT_ID,
        "Spans that belong to no trace and were kept.",
        "processor",
    ),
    _counter(
        counted.DOUBTFUL,
        "Spans whose times cannot be true and count for nothing.",
        "processor",
    ),
    _counter(
        counted.GONE,
        "Spans that were to be kept and could not be read again.",
        "processor",
    ),
    _counter(
        counted.SHED,
        "Traces with a bad event of an SLO that the byte budget of a policy left out.",
        "processor",
        "policy",
        "slo_id",
    ),
    _counter(
        counted.SHED_EVENTS,
        "Bad events of an SLO that the byte budget of a policy left out, late ones too.",
        "processor",
        "policy",
        "slo_id",
    ),
    _counter(
        counted.SHADOW_TRACES,
        "Traces by whether the policies, the shadow, both or neither keep them.",
        "processor",
        "kept_by",
    ),
    _counter(
        counted.SHADOW_SPANS,
        "Spans of these traces.",
        "processor",
        "kept_by",
    ),
    _gauge(
        counted.BURNING,
        "Whether the error budget of an SLO burns, as a policy of a sampler sees it.",
        "processor",
        "policy",
        "slo_id",
    ),
]

_COLLECTORS = [
    *_per_signal(
        "receiver",
        ("accepted", "refused", "failed"),
        ("receiver", "transport"),
        "Number of {noun} {verb} by the receiver.",
    ),
    *_per_signal(
        "exporter",
        ("sent", "send_failed", "enqueue_failed"),
        ("exporter",),
        "Number of {noun} {verb} by the exporter.",
    ),
    *_per_signal(
        "processor_memory_limiter",
        ("accepted", "refused"),
        ("processor",),
        "Number of {noun} {verb} by the memory limiter.",
    ),
    *_per_signal(
        "scraper",
        ("scraped", "errored"),
        ("receiver", "scraper"),
        "Number of {noun} {verb} by the scraper.",
    ),
    _counter(
        "otelcol_receiver_requests", "Requests by outcome.", "receiver", "transport", "outcome"
    ),
    _counter(PROCESSOR_IN, "Items passed to the processor.", "processor", "otel_signal"),
    _counter(PROCESSOR_OUT, "Items emitted by the processor.", "processor", "otel_signal"),
    _gauge(QUEUE_SIZE, "Batches that wait for the exporter.", "exporter", "data_type"),
    _gauge(QUEUE_CAPACITY, "Bytes that may wait for all exporters.", "exporter", "data_type"),
    _gauge(IN_FLIGHT, "Requests that the exporter is waiting for.", "exporter"),
    _counter(UPTIME, "Seconds since the start."),
    _counter(CPU, "CPU seconds used, user and system."),
    _gauge(MEMORY, "Resident memory in bytes."),
]

METRICS: dict[str, MetricSpec] = {
    spec.name: spec for spec in (*_OURS, *_TAIL_SAMPLING, *_COLLECTORS)
}
RESERVED_PREFIXES = ("otelcol_", "fleetslo_")
