"""W3C trace context across queues, HTTP and processes: one task, one trace.

Source: W3C Trace Context and W3C Baggage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR: Final = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


def inject(context: Context | None = None) -> dict[str, str]:
    """Headers for a message or request: `traceparent`, and what else the context holds.

    Empty when there is no current span.
    """
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers, context=context)
    return headers


def extract(headers: Mapping[str, str]) -> Context:
    """The sender's context; the empty one when `headers` have none or a malformed one."""
    return _PROPAGATOR.extract(dict(headers), context=Context())
