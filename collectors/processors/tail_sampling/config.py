"""Configuration of `tail_sampling`, with the Collector's names; what differs is marked.

Source: opentelemetry-collector-contrib, tail sampling processor, README and `config.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from collectors.component import Config
from collectors.indicators import SpansConfig
from collectors.net.fields import SECOND, Count, Nanoseconds, differs
from collectors.sampling.policies import CompiledPlan, Policies, hearing_all

SPAN_INGEST: Final = "span-ingest"
_HEARS_OF_ALL: Final = (
    f"needs sampling_strategy trace-complete: with {SPAN_INGEST} it would not hear of the traces "
    "that others keep at once"
)
_LONGEST_WAIT_NS = 24 * 3600 * SECOND


def _waits(value: int) -> int:
    if not 0 < value <= _LONGEST_WAIT_NS:
        msg = "must be above 0 and at most 24h: what waits takes disk"
        raise ValueError(msg)
    return value


def _nothing_is_dropped(value: bool) -> bool:
    if value:
        msg = "must be false: what waits is on disk, and is decided on after the next start"
        raise ValueError(msg)
    return value


def _is_on_disk(value: str | None) -> str | None:
    if value is not None:
        msg = "must be left out: spans wait on disk already, in the directory of file_storage"
        raise ValueError(msg)
    return value


class DecisionCacheConfig(Config):
    """How many decisions are remembered, so that a late span follows its trace.

    Attributes:
        sampled_cache_size: Traces that were kept, 31 bytes each.
        non_sampled_cache_size: Traces that were dropped, 8 bytes each.
    """

    sampled_cache_size: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=500_000, json_schema_extra=differs("0")
    )
    non_sampled_cache_size: Annotated[int, Field(ge=0, le=1_000_000_000)] = Field(
        default=2_000_000, json_schema_extra=differs("0")
    )


class ShadowConfig(Config):
    """Policies that decide beside the others, and nothing comes of it but numbers.

    Attributes:
        sample_on_first_match: As beside `policies`, for these.
        invert_decisions: Likewise.
        policies: What they would keep is counted, and noted of each trace.
    """

    sample_on_first_match: bool = False
    invert_decisions: bool = False
    policies: Policies

    def plan(self) -> CompiledPlan:
        """The policies, ready."""
        return CompiledPlan(
            self.policies,
            sample_on_first_match=self.sample_on_first_match,
            invert_decisions=self.invert_decisions,
        )


class TailSamplingConfig(Config):
    """Configuration of `tail_sampling`.

    Attributes:
        decision_wait: From a trace's first span to the decision.
        decision_wait_after_root_received: From its root span, if that is sooner; 0 for never.
        sampling_strategy: `trace-complete`: decide when the time is up, on all that has come
            until then. `span-ingest`: the same answers, and those that no later span can
            change at once: a certain yes where no policy drops, and what a policy drops.
        tail_storage: Must be left out: what waits is on disk without it.
        num_shards: Taken, and without effect: limits are those of the whole.
        num_traces: Traces that may wait; beyond it the oldest are decided on early, by their
            policies, and not dropped. 0 for as many as the disk holds.
        expected_new_traces_per_sec: Taken, and without effect: the index grows as it must.
        block_on_overflow: Taken, and without effect: nothing is dropped by overflow.
        maximum_trace_size_bytes: A trace that grows longer is dropped at once; 0 for any.
        sample_on_first_match: A policy with a budget is not asked once another has spoken.
        drop_pending_traces_on_shutdown: Must be false: a shutdown decides nothing.
        decision_cache: What is remembered of decisions.
        reconsider_spans: Dropped spans, the last ones, that a late span of their trace can
            still bring back: one that a policy would keep by itself. 0 for none.
        invert_decisions: `invert_match` vetoes what it refuses, and wants only what no other
            policy refuses: the Collector's feature gate `disableinvertdecisions` turned off.
        policies: Any that wants a trace keeps it, unless one of type `drop` drops it.
        shadow: Policies to compare with these; none where it is not given.
    """

    decision_wait: Annotated[Nanoseconds, AfterValidator(_waits)] = 30 * SECOND
    decision_wait_after_root_received: Nanoseconds = 0
    sampling_strategy: Literal["trace-complete", "span-ingest"] = "trace-complete"
    tail_storage: Annotated[str | None, AfterValidator(_is_on_disk)] = None
    num_shards: Annotated[int, Field(ge=1)] = 1
    num_traces: Count = Field(default=0, json_schema_extra=differs("50000"))
    expected_new_traces_per_sec: Count = 0
    block_on_overflow: bool = False
    maximum_trace_size_bytes: Count = 0
    sample_on_first_match: bool = False
    drop_pending_traces_on_shutdown: Annotated[bool, AfterValidator(_nothing_is_dropped)] = False
    decision_cache: DecisionCacheConfig = DecisionCacheConfig()
    reconsider_spans: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=1_000_000, json_schema_extra=differs("(nothing is brought back)")
    )
    invert_decisions: bool = Field(
        default=False, json_schema_extra=differs("(a feature gate, gone since)")
    )
    policies: Policies
    shadow: ShadowConfig | None = Field(default=None, json_schema_extra=differs("(there is none)"))

    @field_validator("invert_decisions")
    @classmethod
    def _nothing_is_vetoed_later(cls, value: bool, info: ValidationInfo) -> bool:
        if value and _is_at_once(info):
            msg = f"must be false with sampling_strategy {SPAN_INGEST}: a later span may veto"
            raise ValueError(msg)
        return value

    @field_validator("policies")
    @classmethod
    def _all_can_be_asked_at_once(cls, value: Policies, info: ValidationInfo) -> Policies:
        return hearing_all(value, _HEARS_OF_ALL) if _is_at_once(info) else value

    @field_validator("shadow")
    @classmethod
    def _is_asked_about_whole_traces(
        cls, value: ShadowConfig | None, info: ValidationInfo
    ) -> ShadowConfig | None:
        if value is not None and _is_at_once(info):
            msg = (
                f"must be left out with sampling_strategy {SPAN_INGEST}: it would be asked about "
                "traces of which more spans come"
            )
            raise ValueError(msg)
        return value

    def indicators(self) -> Mapping[str, SpansConfig]:
        """See `HasIndicators`."""
        return {
            name: slo.spans
            for policy in (*(self.shadow.policies if self.shadow else ()), *self.policies)
            for part in policy.within()
            if part.slo is not None
            for name, slo in part.slo.slos.items()
        }

    def read_keys(self) -> Sequence[str]:
        """See `ReadsKeys`."""
        keys = self.plan().keys
        return keys if self.shadow is None else sorted({*keys, *self.shadow.plan().keys})

    def plan(self) -> CompiledPlan:
        """The policies, ready."""
        return CompiledPlan(
            self.policies,
            sample_on_first_match=self.sample_on_first_match,
            invert_decisions=self.invert_decisions,
        )


def _is_at_once(info: ValidationInfo) -> bool:
    return info.data.get("sampling_strategy") == SPAN_INGEST
