"""Queues: how much waits, how long, and whether it flows."""

from __future__ import annotations

from typing import Final

from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above
from dashboards.material import Material, named
from dashboards.panel import Link, Viz, Words
from dashboards.panels import Heat, Lines
from dashboards.query import Prom

_BY: Final = "messaging_destination_name"
_LEGEND: Final = "{{messaging_destination_name}}"
_WAIT: Final = "rate(mas_queue_message_wait_seconds_bucket[$__rate_interval])"


def queues(material: Material) -> Section:
    """Depth, age, flow and waits."""
    return Section("queues", "Queues", (_depth(material), _oldest(material), _flow(), _waits()))


def _depth(material: Material) -> Viz:
    return Lines(
        key="depth",
        title="Messages waiting",
        words=Words(
            "Depth of each queue.",
            "A saw-tooth is good; a slope upwards means that workers do not keep up.",
            "Compare what is sent with what is taken, beside this.",
        ),
        none="No queue reports.",
        queries=(Prom(expr=f"max by ({_BY}) (mas_queue_depth)", legend=_LEGEND),),
        unit="none",
        decimals=0,
        low=0.0,
        color_mode="continuous-BlPu",
        see=_links(material),
        wish=Size(6, 8),
    )


def _oldest(material: Material) -> Viz:
    return Lines(
        key="oldest",
        title="Oldest message",
        words=Words(
            "Age of the oldest message in each queue.",
            "Below 60 s is good.",
            "Rising without end: nothing is taken; restart the workers of that queue.",
        ),
        none="No queue reports.",
        queries=(
            Prom(
                expr=f"max by ({_BY}) (mas_queue_oldest_message_age_seconds)",
                legend=_LEGEND,
            ),
        ),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(60.0),
        color_mode="continuous-BlPu",
        see=_links(material),
        wish=Size(6, 8),
    )


def _flow() -> Viz:
    return Lines(
        key="flow",
        title="Sent and taken",
        words=Words(
            "Messages put into all queues and taken from them, per second.",
            "Both lines together is good. Sent above taken fills the queues.",
            "Scale workers, or slow the senders.",
        ),
        none="No agent uses a queue.",
        queries=(
            Prom(
                ref="sent",
                expr="sum(rate(messaging_client_sent_messages_total[$__rate_interval]))",
                legend="sent",
            ),
            Prom(
                ref="taken",
                expr="sum(rate(messaging_client_consumed_messages_total[$__rate_interval]))",
                legend="taken",
            ),
        ),
        unit="ops",
        low=0.0,
        overrides=named("sent", "taken"),
        wish=Size(6, 8),
    )


def _waits() -> Viz:
    return Heat(
        key="waits",
        title="How long messages wait",
        words=Words(
            "Distribution of the wait of messages; points are exemplars.",
            "One dark band near the bottom is good.",
            "Click a point: it leads to the trace of that message.",
        ),
        none="No message was taken in this time.",
        queries=(Prom(expr=f"sum by (le) ({_WAIT})", legend="{{le}}", exemplar=True),),
        unit="s",
        wish=Size(6, 8),
    )


def _links(material: Material) -> tuple[Link, ...]:
    return material.runbook("HighMessageQueueLatency", "queue latency")
