"""The graph of pipelines: a pure function of the inbox, and the words it is told in."""

from collectors.graph.codec import DeadWords, InboxWords, OutboxWords, Unreadable, pack, unpack
from collectors.graph.control import (
    Configured,
    Control,
    DecideEarly,
    Lost,
    Requeued,
    Restart,
    Skip,
    Tick,
    control_entry,
    read_control,
)
from collectors.graph.graph import LEDGER, Graph
from collectors.graph.ledger import COUNTED, ITEMS, Ledger, PipelineMeter, Total
from collectors.graph.parts import Output, Pipeline, StepFailed, Unrouted
from collectors.graph.topology import GraphError, Wiring, order, reach

__all__ = [
    "COUNTED",
    "ITEMS",
    "LEDGER",
    "Configured",
    "Control",
    "DeadWords",
    "DecideEarly",
    "Graph",
    "GraphError",
    "InboxWords",
    "Ledger",
    "Lost",
    "OutboxWords",
    "Output",
    "Pipeline",
    "PipelineMeter",
    "Requeued",
    "Restart",
    "Skip",
    "StepFailed",
    "Tick",
    "Total",
    "Unreadable",
    "Unrouted",
    "Wiring",
    "control_entry",
    "order",
    "pack",
    "reach",
    "read_control",
    "unpack",
]
