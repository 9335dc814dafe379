"""One trace: which failed, its waterfall, and what was logged meanwhile."""

from __future__ import annotations

from typing import Final

from dashboards.board import Section
from dashboards.layout import Size
from dashboards.material import Material
from dashboards.panel import Override, Viz, Words
from dashboards.panels import Logs, Table, Trace

_TO_WATERFALL: Final = Override(
    "byRegexp",
    "/^trace ?id$/i",
    (
        (
            "links",
            [
                {
                    "targetBlank": False,
                    "title": "Show below",
                    "url": "/d/${__dashboard.uid}?var-trace_id=${__value.raw}&${__url_time_range}",
                }
            ],
        ),
    ),
)
"""Jaeger and Tempo both name the column so, in their own spelling."""


def tracing(material: Material) -> Section:
    """The way from a failure to its trace to its logs."""
    return Section("traces", "Traces", (_failed(material), _waterfall(material), _logs(material)))


def _failed(material: Material) -> Viz:
    return Table(
        key="failed",
        title="Recent traces with an error",
        words=Words(
            "Traces of the chosen service in which a span failed.",
            "An empty list is good.",
            "Click a trace id: the waterfall below shows it.",
        ),
        none="No trace of this service failed in this time.",
        queries=(material.traces.failed(),),
        overrides=(_TO_WATERFALL,),
        wish=Size(24, 7),
    )


def _waterfall(material: Material) -> Viz:
    return Trace(
        key="waterfall",
        title="Trace $trace_id",
        words=Words(
            "Every span of the trace whose id stands at the top, as a waterfall.",
            "Red spans failed. Long spans without children wait for something outside.",
            "Open a span for its attributes; the policy's version stands on decisions.",
        ),
        none="Type a trace id at the top, or click one in the list above or on an exemplar.",
        queries=(material.traces.one(),),
    )


def _logs(material: Material) -> Viz:
    return Logs(
        key="logs",
        title="Logs of the trace",
        words=Words(
            "What all agents logged while they worked on that trace.",
            "Lines of severity ERROR point to the span that failed.",
            "No lines: the trace id is not in this time range, or the agent does not log with it.",
        ),
        none="No log line carries this trace id in this time.",
        queries=(material.logs.of_trace(),),
    )
