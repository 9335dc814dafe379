"""The runtime: receivers in, logs and graph in the middle, exporters out, and the books."""

from collectors.service.daemon import Reload, run
from collectors.service.plan import (
    ConnectorPlan,
    Durability,
    ExporterPlan,
    ExtensionPlan,
    GraphPlan,
    OnFull,
    PipelinePlan,
    ProcessorPlan,
    QueueSettings,
    ReceiverPlan,
    ServicePlan,
    StorageSettings,
    TelemetrySettings,
)
from collectors.service.runtime import Service

__all__ = [
    "ConnectorPlan",
    "Durability",
    "ExporterPlan",
    "ExtensionPlan",
    "GraphPlan",
    "OnFull",
    "PipelinePlan",
    "ProcessorPlan",
    "QueueSettings",
    "ReceiverPlan",
    "Reload",
    "Service",
    "ServicePlan",
    "StorageSettings",
    "TelemetrySettings",
    "run",
]
