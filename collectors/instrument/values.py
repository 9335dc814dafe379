"""The closed sets of attribute values, as the catalogue lists them, for type checkers."""

from __future__ import annotations

from enum import StrEnum

from collectors.judging.words import AgentState, CheckResult, ConflictType, LoopKind

__all__ = [
    "AgentState",
    "AttemptResult",
    "Attribution",
    "CheckResult",
    "ComplianceAction",
    "ComplianceSeverity",
    "ConflictType",
    "ContentionType",
    "Decision",
    "Dependency",
    "DependencyState",
    "ErrorType",
    "LoopKind",
    "Operation",
    "Outcome",
    "RemediationClass",
    "RemediationOutcome",
    "Role",
    "RollbackTrigger",
    "Tier",
    "Verdict",
]


class Role(StrEnum):
    """Place of an agent in the hierarchy."""

    ORCHESTRATOR = "orchestrator"
    SUPERVISOR = "supervisor"
    WORKER = "worker"
    POLICY = "policy"
    REMEDIATION = "remediation"
    REVIEWER = "reviewer"
    OTHER = "other"


class Outcome(StrEnum):
    """How one logical action ended, its retries included."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DEFERRED = "deferred"


class Attribution(StrEnum):
    """Whose fault it was."""

    NONE = "none"
    AGENT = "agent"
    PROVIDER = "provider"
    DEPENDENCY = "dependency"
    POLICY = "policy"
    USER = "user"
    INFRA = "infra"


class RemediationClass(StrEnum):
    """OPS: a fix of a running service, which carries the 30 s promise."""

    OPS = "ops"
    OTHER = "other"


class RemediationOutcome(StrEnum):
    """How an automated remediation ended."""

    FIXED = "fixed"
    FAILED = "failed"
    ESCALATED = "escalated"


class Verdict(StrEnum):
    """What was found of a remediation afterwards."""

    CORRECT = "correct"
    FALSE_POSITIVE = "false_positive"
    HARMFUL = "harmful"
    INCONCLUSIVE = "inconclusive"


class Decision(StrEnum):
    """What a policy said."""

    ALLOW = "allow"
    DENY = "deny"
    ERROR = "error"


class ContentionType(StrEnum):
    """How a shortage showed."""

    REJECT = "reject"
    OOM = "oom"
    QUOTA = "quota"
    LOCK = "lock"
    THROTTLE = "throttle"


class Tier(StrEnum):
    """How much depends on what was deployed."""

    CRITICAL = "critical"
    STANDARD = "standard"
    BEST_EFFORT = "best_effort"


class RollbackTrigger(StrEnum):
    """Who rolled back; INFERRED where only the version went back."""

    AUTO = "auto"
    MANUAL = "manual"
    AGENT = "agent"
    INFERRED = "inferred"


class Dependency(StrEnum):
    """What an agent needs."""

    QUEUE = "queue"
    STATE_STORE = "state_store"
    POLICY_STORE = "policy_store"
    LLM_PROVIDER = "llm_provider"


class DependencyState(StrEnum):
    """What an agent found when it last asked."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Operation(StrEnum):
    """What is asked of a model, an agent or a tool."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    GENERATE_CONTENT = "generate_content"
    EMBEDDINGS = "embeddings"
    INVOKE_AGENT = "invoke_agent"
    EXECUTE_TOOL = "execute_tool"
    INVOKE_WORKFLOW = "invoke_workflow"


class ErrorType(StrEnum):
    """Class of an error; absent on success."""

    RATE_LIMIT = "rate_limit"
    AUTH = "auth"
    TIMEOUT = "timeout"
    PROVIDER = "provider"
    CLIENT = "client"
    CONTENT_FILTER = "content_filter"
    DEPENDENCY = "dependency"
    OTHER = "_OTHER"


class AttemptResult(StrEnum):
    """How one request to a model's provider ended, retries counted one by one."""

    SUCCESS = "success"
    RATE_LIMIT = "rate_limit"
    AUTH = "auth"
    TIMEOUT = "timeout"
    PROVIDER = "provider"
    CLIENT = "client"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


class ComplianceSeverity(StrEnum):
    """How grave a breach of a rule is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ComplianceAction(StrEnum):
    """What was done at once; LOGGED means that the agent still acts."""

    PAUSED = "paused"
    BLOCKED = "blocked"
    LOGGED = "logged"
