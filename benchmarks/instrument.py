"""What it costs an agent to be instrumented: processor time of each thing that it measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from collectors.instrument import Agent, Identity, Providers, Role, Speaks, meter_provider

ROUNDS = 5_000


class Nowhere(SpanExporter):
    """Takes spans and forgets them: what is left is the cost of making them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of one call, batching threads included."""
    for _ in range(ROUNDS // 10):
        work()
    before = time.process_time()
    for _ in range(ROUNDS):
        work()
    return (time.process_time() - before) / ROUNDS


def main() -> None:
    identity = Identity(name="worker", role=Role.WORKER, team="ops")
    reader = InMemoryMetricReader()
    providers = Providers(
        TracerProvider(resource=identity.resource(), shutdown_on_exit=False),
        meter_provider(identity.resource(), reader),
        LoggerProvider(resource=identity.resource(), shutdown_on_exit=False),
    )
    providers.traces.add_span_processor(BatchSpanProcessor(Nowhere()))
    speaks = Speaks(action_types=("query",), policies=("p",), models={"a": ("m",)})
    agent = Agent(identity, speaks, providers)

    def act() -> None:
        with agent.action("query", target="t", key="k"):
            pass

    def call() -> None:
        with agent.llm_call("a", "m") as found:
            found.tokens(sent=1800, received=250)

    def ask() -> None:
        with agent.policy_evaluation("p", 1):
            pass

    print("instrument: processor time of one measurement, span and metrics included")
    for name, work in (
        ("action", act),
        ("call to a model, with tokens", call),
        ("policy evaluation", ask),
        ("heartbeat", agent.heartbeat),
    ):
        print(f"  {name}: {spent(work) * 1e6:.0f} µs")
    agent.stop()
