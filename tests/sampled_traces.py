"""Traces for a sampler under test, the sampler with its shelf and meter, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collectors.component import Batch, Context, Signal
from collectors.graph import Ledger, PipelineMeter
from collectors.processors.tail_sampling import FACTORY, TailSamplingConfig
from collectors.processors.tail_sampling.processor import TailSampler
from collectors.sampling.notes import Note, decode
from collectors.testing import MemoryMeter, MemoryShelf, settings
from collectors.testing.samples import START_NS, resource

SECOND = 1_000_000_000
ERRORS = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
SLOW = {"name": "slow", "type": "latency", "latency": {"threshold_ms": 1000}}
ALL = {"name": "all", "type": "always_sample"}
FEW_SPANS = {"name": "rate", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1}}


def share(percentage: float) -> dict[str, object]:
    return {
        "name": "share",
        "type": "probabilistic",
        "probabilistic": {"sampling_percentage": percentage},
    }


def trace_id(number: int) -> bytes:
    """Ids whose randomness is spread evenly, the same ones every time."""
    return ((number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big")


def span(
    trace: int,
    number: int = 0,
    *,
    error: bool = False,
    ms: int = 10,
    root: bool = False,
    state: str = "",
    start_ns: int = START_NS,
) -> Span:
    return Span(
        trace_id=trace_id(trace),
        span_id=(trace * 1000 + number + 1).to_bytes(8, "big"),
        parent_span_id=b"" if root else (trace * 1000 + 999).to_bytes(8, "big"),
        name=f"{trace}/{number}",
        trace_state=state,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + ms * 1_000_000,
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
    )


def request(spans: Sequence[Span], service: str = "sample") -> bytes:
    made = ExportTraceServiceRequest()
    made.resource_spans.add(resource=resource(service)).scope_spans.add(spans=spans)
    return made.SerializeToString()


def spans_in(batches: Iterable[Batch]) -> list[Span]:
    """All spans that batches hold, which must be as many as they say."""
    found: list[Span] = []
    for batch in batches:
        parsed = ExportTraceServiceRequest.FromString(batch.payload)
        inside = [s for r in parsed.resource_spans for of in r.scope_spans for s in of.spans]
        assert len(inside) == batch.items
        found += inside
    return found


@dataclass
class Sampled:
    """A sampler, and all that it has put out; `inbox` numbers what it is given."""

    sampler: TailSampler
    shelf: MemoryShelf
    meter: MemoryMeter
    ledger: Ledger
    config: TailSamplingConfig
    pipeline: PipelineMeter
    out: list[Batch] = field(default_factory=list[Batch])
    inbox: int = 0

    def give(
        self,
        *spans: Span,
        at: float = 0.0,
        context: Context | None = None,
        edited: bool = False,
        payload: bytes | None = None,
    ) -> list[Span]:
        """Let a request come `at` seconds; what it puts out at once."""
        steady_ns = int(at * SECOND)
        body = request(spans) if payload is None else payload
        batch = Batch(
            Signal.TRACES,
            body,
            len(spans),
            context or Context(),
            steady_ns,
            START_NS + steady_ns,
            None if edited else self.inbox,
        )
        self.inbox += 1
        self.pass_time(at)
        self.ledger.entered += batch.items
        before = len(self.out)
        self.sampler.step(batch, self.out.append)
        return spans_in(self.out[before:])

    def pass_time(self, until: float) -> list[Span]:
        """Let every tick come that is due; what they put out."""
        before = len(self.out)
        while (due := self.sampler.next_deadline()) is not None and due <= until * SECOND:
            self.sampler.tick(due, self.out.append)
        return spans_in(self.out[before:])

    def restart(self) -> None:
        """Go on in a new process."""
        state = self.sampler.snapshot()
        self.pipeline = PipelineMeter(self.ledger, self.meter)
        self.sampler = _sampler(self.config, self.shelf, self.pipeline)
        self.sampler.restore(state)

    def reload(self, config: TailSamplingConfig) -> None:
        """Go on with another configuration."""
        self.config = config
        self.restart()

    def shown(self, name: str) -> float:
        """The total of a counter that policies keep in their own state."""
        return sum(value for (of, _), value in self.pipeline.totals.items() if of == name)

    def imbalance(self) -> int:
        """Spans that the books cannot account for."""
        self.ledger.out = sum(batch.items for batch in self.out)
        return self.ledger.imbalance(self.sampler.held_items())

    def kept(self) -> list[str]:
        """Names of all spans that came out."""
        return sorted(span.name for span in spans_in(self.out))

    def notes(self) -> list[Note]:
        """Everything noted about decisions."""
        return [one for note in self.shelf.decisions for one in decode(note)]


def configured(*policies: object, **config: object) -> TailSamplingConfig:
    return TailSamplingConfig.model_validate({"policies": list(policies), **config})


def sampled(*policies: object, **config: object) -> Sampled:
    made = configured(*policies, **config)
    shelf, meter, ledger = MemoryShelf(), MemoryMeter(), Ledger()
    pipeline = PipelineMeter(ledger, meter)
    return Sampled(_sampler(made, shelf, pipeline), shelf, meter, ledger, made, pipeline)


def names(spans: list[Span]) -> list[str]:
    """What spans are called, in their order."""
    return [one.name for one in spans]


def batch_of(payload: bytes, items: int) -> Batch:
    """A request as it is, whatever it says of its items."""
    return Batch(Signal.TRACES, payload, items, Context(), 1, START_NS)


def _sampler(config: TailSamplingConfig, shelf: MemoryShelf, meter: PipelineMeter) -> TailSampler:
    given = settings(Path("unused"), meter=meter, shelf=shelf)
    made = FACTORY.create(config, replace(given, component_id="tail_sampling"))
    assert isinstance(made, TailSampler)
    return made
