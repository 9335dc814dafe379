"""What must hold after any scenario in real time, whatever was broken.

The fleet has ended and sent the last it had; collector, Prometheus and Alertmanager still
run. Nothing here looks at alerts: it is about what alerts are made of.
"""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from alerts.gameday import ask
from alerts.gameday.fleet.canaries import files_with, found_in
from alerts.gameday.stack import Stack

MOST_SERIES: Final = 25_000
"""Of the whole stack, the recorded ones included."""

SETTLE_SECONDS: Final = 60.0
"""What is found out of agents is known two ticks of fifteen seconds later, at the longest."""

_POLL_SECONDS: Final = 0.5
_ASK_SECONDS: Final = 5.0
_ACTIONS: Final = "mas_agent_actions_total"
_COUNTS: Final = {
    "mas_compliance_violations_total": "violations",
    "gen_ai_invoke_agent_duration_seconds_count": "invocations",
    "gen_ai_client_operation_duration_seconds_count": "calls",
    "gen_ai_execute_tool_duration_seconds_count": "tools",
    "mas_action_reversals_total": "reversals",
    "mas_audit_gaps_total": "gaps",
}
_NAMED: Final = {
    "gen_ai_client_token_usage_sum": ("tokens", "gen_ai_token_type"),
    "mas_agent_action_conflicts_total": ("conflicts", "mas_conflict_type"),
    "mas_agent_loops_total": ("loops", "mas_loop_kind"),
}
"""Of what is counted by a label: how a `Truth` calls it."""

_FOUND: Final = ("conflicts/", "reversals", "loops/")
_REDACTED: Final = "fleetslo_redacted_values_total"
_OVERFLOW: Final = 'otel_metric_overflow="true"'
_IMBALANCE: Final = "fleetslo_conservation_imbalance"


@dataclass(frozen=True, slots=True)
class Oracle:
    """One thing that must hold.

    Attributes:
        says: What was found, with its numbers.
    """

    name: str
    holds: bool
    says: str


def ask_all(stack: Stack, truth: Mapping[str, int] | None) -> tuple[Oracle, ...]:
    """Ask every oracle of a stack whose fleet has ended.

    Args:
        stack: Still running.
        truth: What the fleet did; None where a killed process took its part of it along.
    """
    return (
        *(_counters(stack, truth) if truth is not None else ()),
        _canaries(stack),
        _books(stack),
        _series(stack),
    )


def _counters(stack: Stack, truth: Mapping[str, int]) -> tuple[Oracle, ...]:
    """Every counter as it is scraped, against what was done: exactly."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        page = _page(stack.ports.agent_metrics)
        seen = counted(page)
        if _OVERFLOW in page:
            seen, truth = folded(seen), folded(truth)
        wrong = {name: (seen.get(name, 0), true) for name, true in truth.items()}
        wrong = {name: pair for name, pair in wrong.items() if pair[0] != pair[1]}
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    actions = sum(count for name, count in truth.items() if name.startswith("actions/"))
    done = actions or truth.get("invocations", 0)
    tokens = sum(count for name, count in truth.items() if name.startswith("tokens/"))
    told = "; ".join(f"{name} counted {s}, true {t}" for name, (s, t) in sorted(wrong.items()))
    things = [f"{actions:,} actions"] if actions else []
    things += [f"{truth[name]:,} {name}" for name in ("invocations",) if name in truth]
    found = sum(count for name, count in truth.items() if name.startswith(_FOUND))
    things += [f"{found:,} conflicts, reversals and loops"] if found else []
    says = told or f"{', '.join(things)} and {tokens:,} tokens, each counted once"
    return (Oracle("counters equal the truth", not wrong and done > 0, says),)


def found_out(truth: Mapping[str, int]) -> dict[str, int]:
    """What of `truth` shows in spans and records: what no agent counts but in a metric is none."""
    return {name: count for name, count in truth.items() if not name.startswith("actions/")}


def folded(counts: Mapping[str, int]) -> dict[str, int]:
    """All actions in one: what was held within limits has lost its type and nothing else."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        found["actions/all" if name.startswith("actions/") else name] += count
    return dict(found)


def counted(page: str) -> dict[str, int]:
    """What a page of metrics says of the things that a `Truth` counts."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            name = _name(sample.name, sample.labels)
            if name is not None:
                found[name] = found.get(name, 0.0) + sample.value
    return {name: round(value) for name, value in found.items()}


def _name(metric: str, labels: Mapping[str, str]) -> str | None:
    if metric == _ACTIONS:
        # An action that the end of the fleet called off is in no truth.
        is_whole = labels.get("mas_action_outcome") != "cancelled"
        return f"actions/{labels.get('mas_action_type', '')}" if is_whole else None
    if metric in _NAMED:
        name, label = _NAMED[metric]
        return f"{name}/{labels.get(label, '')}"
    return _COUNTS.get(metric)


def _canaries(stack: Stack) -> Oracle:
    """No personal data behind the redaction, and there was some before it."""
    masked = sum(
        sample.value
        for family in text_string_to_metric_families(_page(stack.ports.self_metrics))
        for sample in family.samples
        if sample.name == _REDACTED and sample.labels.get("outcome") == "masked"
    )
    places = [str(path.relative_to(stack.tree.folder)) for path in files_with([stack.tree.folder])]
    if found_in(_page(stack.ports.agent_metrics).encode()):
        places.append("the page of the agents' metrics")
    if places:
        return Oracle("no personal data left", holds=False, says=f"found in {', '.join(places)}")
    says = f"{masked:.0f} values masked, none left in any file or page"
    return Oracle("no personal data left", masked > 0, says)


def _books(stack: Stack) -> Oracle:
    """The collector can account for every item."""
    off: dict[str, float] = {}
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        page = _page(stack.ports.self_metrics)
        off = {
            sample.labels.get("signal", ""): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == _IMBALANCE
        }
        if not any(off.values()) or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    says = ", ".join(f"{signal} off by {count:.0f}" for signal, count in off.items() if count)
    return Oracle("the books balance", bool(off) and not says, says or "nothing is missing")


def _series(stack: Stack) -> Oracle:
    count = ask.number(stack.prometheus.url, "prometheus_tsdb_head_series") or 0.0
    holds = 0 < count <= MOST_SERIES
    return Oracle("few series", holds, f"{count:,.0f} series, {MOST_SERIES:,} at most")


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_ASK_SECONDS) as got:
        return bytes(got.read()).decode()
