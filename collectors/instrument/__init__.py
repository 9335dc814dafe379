"""For people who write agents: the catalogue's metrics, traces and logs in a few lines."""

from collectors.instrument.agent import Agent, start
from collectors.instrument.endpoints import Endpoints
from collectors.instrument.exposition import exposition
from collectors.instrument.heartbeat import Heartbeat
from collectors.instrument.identity import Identity, Speaks
from collectors.instrument.instruments import Instruments
from collectors.instrument.observer import Deployer, Observer
from collectors.instrument.process import observe_process
from collectors.instrument.propagation import extract, inject
from collectors.instrument.providers import Exporters, Providers, build, meter_provider
from collectors.instrument.roster import Roster
from collectors.instrument.values import (
    AgentState,
    AttemptResult,
    Attribution,
    CheckResult,
    ComplianceAction,
    ComplianceSeverity,
    ConflictType,
    ContentionType,
    Decision,
    Dependency,
    DependencyState,
    ErrorType,
    LoopKind,
    Operation,
    Outcome,
    RemediationClass,
    RemediationOutcome,
    Role,
    RollbackTrigger,
    Tier,
    Verdict,
)
from collectors.judging import MISSES, TICK_SECONDS, Deed, Finding, Ledger, Standing

__all__ = [
    "MISSES",
    "TICK_SECONDS",
    "Agent",
    "AgentState",
    "AttemptResult",
    "Attribution",
    "CheckResult",
    "ComplianceAction",
    "ComplianceSeverity",
    "ConflictType",
    "ContentionType",
    "Decision",
    "Deed",
    "Dependency",
    "DependencyState",
    "Deployer",
    "Endpoints",
    "ErrorType",
    "Exporters",
    "Finding",
    "Heartbeat",
    "Identity",
    "Instruments",
    "Ledger",
    "LoopKind",
    "Observer",
    "Operation",
    "Outcome",
    "Providers",
    "RemediationClass",
    "RemediationOutcome",
    "Role",
    "RollbackTrigger",
    "Roster",
    "Speaks",
    "Standing",
    "Tier",
    "Verdict",
    "build",
    "exposition",
    "extract",
    "inject",
    "meter_provider",
    "observe_process",
    "start",
]
