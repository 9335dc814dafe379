"""PromQL, parsed and rewritten as a tree: never pasted together from unchecked text."""

from slo.promql.group import grouped
from slo.promql.labels import (
    chooses,
    groups_by,
    read_labels,
    result_labels,
    selected_metrics,
    selectors,
    selects,
)
from slo.promql.rates import adds_rates, per_second, unguarded, without_zero
from slo.promql.split import Quotient, quotient
from slo.promql.syntax import (
    MAX_OPERATORS,
    WINDOW,
    PromqlError,
    bind,
    canonical,
    compact,
    form,
    is_vector,
    operand,
    parse,
    pretty,
    uses_window,
    written,
)

__all__ = [
    "MAX_OPERATORS",
    "WINDOW",
    "PromqlError",
    "Quotient",
    "adds_rates",
    "bind",
    "canonical",
    "chooses",
    "compact",
    "form",
    "grouped",
    "groups_by",
    "is_vector",
    "operand",
    "parse",
    "per_second",
    "pretty",
    "quotient",
    "read_labels",
    "result_labels",
    "selected_metrics",
    "selectors",
    "selects",
    "unguarded",
    "uses_window",
    "without_zero",
    "written",
]
