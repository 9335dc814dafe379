"""Names of what samplers of whole traces count; `collectors.service.names` says what they are.

The Collector's where it has one. What takes time there is not measured here: a processor
knows no clock. No policy can fail, and no trace is dropped too early: these two counters of
the Collector's do not exist.

Source: `documentation.md` of the Collector's tail sampling processor.
"""

from __future__ import annotations

from typing import Final

from slo import names

_PREFIX: Final = "otelcol_processor_tail_sampling_"
TRACES_BY_POLICY: Final = _PREFIX + "count_traces_sampled"
SPANS_BY_POLICY: Final = _PREFIX + "count_spans_sampled"
TRACES: Final = _PREFIX + "global_count_traces_sampled"
RELEASES: Final = _PREFIX + "early_releases_from_cache_decision"
NEW: Final = _PREFIX + "new_trace_id_received"
WAITING: Final = _PREFIX + "sampling_traces_on_memory"
LATE_AGE: Final = _PREFIX + "sampling_late_span_age"

DECIDED_EARLY: Final = "fleetslo_sampling_early_decisions_total"
BROUGHT_BACK: Final = "fleetslo_sampling_brought_back_spans_total"
WITHOUT_ID: Final = "fleetslo_sampling_spans_without_trace_id_total"
DOUBTFUL: Final = "fleetslo_sampling_doubtful_times_total"
GONE: Final = "fleetslo_sampling_unreadable_spans_total"
SHADOW_TRACES: Final = "fleetslo_sampling_shadow_traces_total"
SHADOW_SPANS: Final = "fleetslo_sampling_shadow_spans_total"
SHED: Final = "fleetslo_sampling_shed_traces_total"
SHED_EVENTS: Final = names.SHED_EVENTS
BURNING: Final = "fleetslo_sampling_budget_burns"
