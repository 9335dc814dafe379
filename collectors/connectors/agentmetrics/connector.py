"""The connector: spans of agents end here, the catalogue's metrics come out.

A span counts at the second flush after it came: its relatives have come by then, and every
series was seen at zero before its first event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.component import Batch, ConnectorFactory, Emit, Settings, Signal
from collectors.connectors.agentmetrics.config import AgentMetricsConfig, made
from collectors.connectors.agentmetrics.labels import FIELDS, LABELS, Labels
from collectors.connectors.agentmetrics.measures import Counts, Measures
from collectors.connectors.agentmetrics.messages import sent, taken
from collectors.connectors.agentmetrics.pending import Decided, Pending
from collectors.connectors.agentmetrics.rows import (
    ATTEMPT,
    ATTEMPT_TAKEN,
    COUNTS_ITSELF,
    HAS_TOKENS,
    LINK,
    LLM,
    ROW,
    TOKENS_TAKEN,
    Rows,
)
from collectors.connectors.agentmetrics.waits import SENT, TAKEN, Waits
from collectors.counting import OVERFLOWED, Flushing, Resources, Writing
from collectors.dialects import AGENT_SPANS, KINDS, Kind, Reader, Reading, Small, number_of
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan, locate
from collectors.wire.spans import (
    durations_ns,
    keys_of,
    parent_ids,
    resource_rows,
    span_ids,
    trace_ids,
)
from slo.catalog import metrics

SCOPE: Final = "fleetslo.collector.agentmetrics"
_NOTHING: Final = (number_of(Kind.STEP), number_of(Kind.ECHO), number_of(Kind.SEND))
_WORDS: Final = "words"
_OF_RESOURCE: Final = frozenset(attribute.key for attribute in metrics().resource)


class AgentMetrics:
    """Counts what agents did, whatever dialect they speak."""

    def __init__(self, config: AgentMetricsConfig, settings: Settings) -> None:
        self._config = config
        self._meter, self._name = settings.meter, settings.component_id
        self._reader = Reader(FIELDS)
        self._labels = Labels(config.action_tools)
        self._measures = Measures(
            made(tuple(config.exclude_metrics)), self._labels, config.aggregation_cardinality_limit
        )
        self._resources = Resources(config.resource_metrics_key_attributes)
        self._pending = Pending(
            config.wait, config.remember, config.metrics_flush_interval, config.max_spans
        )
        self._waits = Waits(config.wait, config.remember, config.max_spans)
        known = self._reader.known
        self._excluded = np.array([of.name in config.exclude_dialects for of in known])
        silent = [of.name in config.without_metrics for of in known]
        counting = np.array([of.measures_itself for of in known]) & ~np.array(silent)
        self._itself = counting | self._excluded
        self._declared = [
            (_resource(of), self._measures.declared(_known(of))) for of in config.declare
        ]
        self._told: Counter[tuple[str, str]] = Counter()
        self._flushing = Flushing(config.metrics_flush_interval, settings.meter)
        self._since_ns = 0

    def step(self, batch: Batch, out: Emit) -> None:
        """Take in the spans of `batch`, which end here."""
        del out
        self._flushing.takes(batch)
        scanned = locate(Signal.TRACES, batch.payload, batch.items)
        if not len(scanned.entries):
            return
        self._pending.add(*self._taken(scanned, batch.steady_ns))
        if self._flushing.took(batch):
            self._since_ns = batch.wall_ns
        if self._pending.is_full:
            self._settle(batch.steady_ns)

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Decide on what has waited, and put all series out, whether they moved or not."""
        self._settle(steady_ns)
        self._let_go(steady_ns)
        self._since_ns = self._flushing.wall_ns(steady_ns)
        writing = Writing(SCOPE, self._resources, self._since_ns)
        for measure in self._measures:
            writing.add(measure.family, measure.table.series())
        self._flushing.put_out(writing.request, writing.points, steady_ns, out)
        self._flushing.go_on(steady_ns, is_idle=not (writing.points or self._waiting))

    def next_deadline(self) -> int | None:
        """When the metrics go out next; None while there are none."""
        return self._flushing.due_ns

    def held_items(self) -> int:
        """Spans end here: none is held."""
        return 0

    def snapshot(self) -> bytes:
        """Every series, every span that waits or is remembered, and the words that they use."""
        words = {
            "shape": _shape(),
            "dialects": [dialect.name for dialect in self._reader.known],
            "dimensions": self._measures.dimensions(),
            **self._flushing.words(),
            "since": self._since_ns,
            "sets": self._labels.sets.all(),
            "names": self._labels.names.all(),
            "seen": {key: list(seen) for key, seen in self._labels.bounds.seen.items()},
            "told": [[*key, value] for key, value in sorted(self._told.items())],
        }
        return pack(
            {
                _WORDS: json.dumps(words).encode(),
                "measures": self._measures.snapshot(),
                "pending": self._pending.snapshot(),
                "waits": self._waits.snapshot(),
                "resources": self._resources.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`; what another version means otherwise begins anew."""
        parts = unpack(state)
        words = json.loads(parts[_WORDS])
        self._flushing.take(words)
        self._since_ns = words["since"]
        self._labels.bounds.seen = {key: dict.fromkeys(of) for key, of in words["seen"].items()}
        self._told = Counter({(dialect, what): of for dialect, what, of in words["told"]})
        self._measures.restore(parts["measures"], words["dimensions"])
        if words["shape"] == _shape():
            self._labels.sets.take(words["sets"])
            self._labels.names.take(words["names"])
            self._pending.restore(parts["pending"])
            self._waits.restore(parts["waits"])
            names = [dialect.name for dialect in self._reader.known]
            if words["dialects"] != names:
                moved = [names.index(name) if name in names else 0 for name in words["dialects"]]
                self._pending.renumber(("dialect",), np.array(moved, np.int64))
        self._resources.restore(parts["resources"])
        self._show()

    def begin_again(self) -> None:
        """Forget all series: what was counted before cannot be proven any more."""
        self._measures.clear()
        self._told.clear()

    def _taken(self, scanned: Scan, steady_ns: int) -> tuple[Rows, Rows]:
        """The spans of a request as rows, and those that count as nothing as links."""
        keys = keys_of(trace_ids(scanned), span_ids(scanned))
        parents = keys_of(trace_ids(scanned), parent_ids(scanned))
        reading = self._reader.read(scanned)
        counts = np.zeros(len(keys), np.bool_)
        rows: Rows = np.zeros(0, ROW)
        if reading is not None:
            numbers = self._resources.numbers(scanned, steady_ns)
            spoken = self._reader.spoken(scanned, reading)
            self._tell_steps(reading, spoken)
            messages = sent(scanned, reading, steady_ns)
            wanted = ~np.isin(reading.kinds, _NOTHING)
            reading, spoken = reading.only(wanted), spoken[wanted]
            counts[reading.rows] = True
            rows = self._rows(scanned, reading, spoken, numbers)
            rows["key"], rows["parent"] = keys[reading.rows], parents[reading.rows]
            rows["seen"] = steady_ns
            self._waits.add(messages, self._messages(scanned, reading, rows, steady_ns))
        linking = ~counts & (keys != 0) & (parents != 0)
        links: Rows = np.zeros(int(np.count_nonzero(linking)), LINK)
        links["key"], links["parent"] = keys[linking], parents[linking]
        links["seen"] = steady_ns
        return rows, links

    def _messages(self, scanned: Scan, reading: Reading, rows: Rows, steady_ns: int) -> Rows:
        """The messages that spans took which do not count themselves."""
        able = (rows["flags"] & COUNTS_ITSELF) == 0
        of = rows["labels"][able], rows["resource"][able]
        return taken(scanned, reading.only(able), of, self._config.queued_keys, steady_ns)

    def _rows(self, scanned: Scan, reading: Reading, spoken: Small, numbers: Longs) -> Rows:
        rows: Rows = np.zeros(len(reading.rows), ROW)
        rows["took"] = durations_ns(scanned)[reading.rows]
        rows["kind"], rows["dialect"] = reading.kinds, spoken
        for name in ("input", "output", "cost"):
            rows[name] = reading.tokens[name]
        rows["labels"], rows["name"], rows["agent"] = self._labels.of(reading)
        rows["resource"] = numbers[resource_rows(scanned)[reading.rows]]
        itself = self._itself[reading.dialects] | self._excluded[spoken]
        sends = itself & np.isin(reading.kinds, (LLM, ATTEMPT))
        for mask, flag in (
            (reading.has_tokens, HAS_TOKENS),
            (itself, COUNTS_ITSELF),
            (itself & reading.has_tokens, TOKENS_TAKEN),
            (sends, ATTEMPT_TAKEN),
        ):
            rows["flags"][mask] |= np.uint8(flag)
        return rows

    def _settle(self, steady_ns: int) -> None:
        decided = self._pending.settle(steady_ns)
        verdicts = decided.verdicts
        labels = decided.rows["labels"].astype(np.int64)
        counts = Counts(
            decided.rows,
            decided.agents,
            labels,
            verdicts.counts,
            verdicts.tokens,
            verdicts.attempts,
        )
        self._declare(steady_ns)
        beyond = self._measures.add(counts, self._since_ns, steady_ns)
        self._begin(decided, steady_ns)
        counted, shown = self._waits.settle(steady_ns)
        beyond += self._measures.add(_waited(counted), self._since_ns, steady_ns)
        for metric, items in beyond.items():
            self._meter.add(OVERFLOWED, items, connector=self._name, metric=metric)
        self._measures.begin(_waited(shown), self._since_ns, steady_ns)
        self._tell(decided)
        self._tidy()

    def _begin(self, decided: Decided, steady_ns: int) -> None:
        """Show the series of the spans that wait, at zero."""
        fresh = decided.fresh
        able = (fresh["flags"] & COUNTS_ITSELF) == 0
        counts = Counts(
            fresh,
            decided.fresh_agents,
            fresh["labels"].astype(np.int64),
            able,
            able & ((fresh["flags"] & HAS_TOKENS) != 0),
            able & np.isin(fresh["kind"], (LLM, ATTEMPT)),
        )
        self._measures.begin(counts, self._since_ns, steady_ns)

    def _declare(self, steady_ns: int) -> None:
        for resource, declared in self._declared:
            number = self._resources.number(resource, steady_ns)
            self._measures.begin_declared(number, declared, self._since_ns, steady_ns)

    def _let_go(self, steady_ns: int) -> None:
        """Drop resources that were silent for long, or are too many, unless a span needs them."""
        gone = self._resources.surplus(self._config.resource_metrics_cache_size)
        if self._config.metrics_expiration:
            gone |= self._resources.silent(steady_ns - self._config.metrics_expiration)
        gone -= self._pending.resources() | self._waits.resources()
        self._resources.drop(gone)
        self._measures.drop(gone)

    def _tidy(self) -> None:
        """Forget words that no row uses any more, once they are many."""
        sets, names, room = self._labels.sets, self._labels.names, 1000 + 2 * self._waiting
        if len(sets) > room:
            used = {*self._pending.words("labels"), *self._waits.words()}
            moved = sets.keep(sorted(used))
            self._pending.renumber(("labels",), moved)
            self._waits.renumber(moved)
        if len(names) > room:
            used = {*self._pending.words("name"), *self._pending.words("agent")}
            self._pending.renumber(("name", "agent"), names.keep(sorted(used)))

    @property
    def _waiting(self) -> int:
        """What is still to be counted, or is remembered."""
        return len(self._pending) + len(self._waits)

    def _tell_steps(self, reading: Reading, spoken: Small) -> None:
        step = np.isin(reading.kinds, _NOTHING)
        self._add(spoken[step & ~reading.unmapped], "step")
        self._add(spoken[reading.unmapped], "unmapped")

    def _tell(self, decided: Decided) -> None:
        rows, verdicts = decided.rows, decided.verdicts
        itself = (rows["flags"] & COUNTS_ITSELF) != 0
        self._add(rows["dialect"][verdicts.counts], "counted")
        self._add(rows["dialect"][itself], "counts_itself")
        self._add(rows["dialect"][~verdicts.counts & ~itself], "wrapper")
        self._add(decided.doubles["dialect"], "duplicate")
        if decided.early:
            self._told["", "early"] += decided.early
        self._show()

    def _add(self, dialects: Iterable[np.int16], what: str) -> None:
        numbers, counts = np.unique(np.asarray(dialects, np.int64), return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self._told[self._reader.known[number].name, what] += count

    def _show(self) -> None:
        for (dialect, what), total in self._told.items():
            self._meter.set(AGENT_SPANS, total, dialect=dialect, reason=what)


def _waited(rows: Rows) -> Counts:
    """What messages waited."""
    every, none = np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    nobody = np.full(len(rows), -1, np.int64)
    return Counts(rows, nobody, rows["labels"].astype(np.int64), every, none, none)


def _resource(declared: Mapping[str, list[str]]) -> bytes:
    """The resource on which declared series stand."""
    resource = Resource()
    for key in sorted(_OF_RESOURCE & declared.keys()):
        resource.attributes.add(key=key).value.string_value = declared[key][0]
    return resource.SerializeToString()


def _known(declared: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """The values of the attributes of declared series."""
    return {key: tuple(of) for key, of in declared.items() if key not in _OF_RESOURCE}


def _shape() -> list[object]:
    """What the rows that wait mean, in words of JSON."""
    return [
        [list(of) for row in (ROW, SENT, TAKEN) for of in row.descr],
        list(LABELS),
        [kind.value for kind in KINDS],
    ]


FACTORY = ConnectorFactory(
    config=AgentMetricsConfig,
    create=AgentMetrics,
    routes=frozenset({(Signal.TRACES, Signal.METRICS)}),
    counts=AgentMetricsConfig.counted,
)
