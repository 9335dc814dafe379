"""Which attributes the SLOs of a project need: no limit of `cardinality` may take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from slo.catalog import MetricCatalog, metrics, prometheus_label
from slo.model import Slo
from slo.promql import parse, read_labels

_NOT_ATTRIBUTES: Final = frozenset({"job", "instance", "le", "quantile", "otel_metric_overflow"})
"""Labels that Prometheus and its scrape give, and the mark of series that stand for others."""


def protected(slos: Iterable[Slo]) -> tuple[str, ...]:
    """The attributes behind all labels by which `slos` tell and group events, sorted.

    What the catalogue has is called as it says. Any other label may come from several names:
    dots part namespaces and stand first, so ``http_status_code`` is protected as
    ``http_status_code``, ``http.status_code`` and ``http.status.code``.
    """
    expressions = sorted({text for slo in slos for text in (slo.sli.errors, slo.sli.total)})
    labels = frozenset[str]().union(*(read_labels(parse(text)) for text in expressions))
    known = _known(metrics())
    found: set[str] = set()
    for label in labels - _NOT_ATTRIBUTES:
        if not label.startswith("__"):
            found.update(known.get(label) or _spellings(label))
    return tuple(sorted(found))


def _known(catalog: MetricCatalog) -> dict[str, set[str]]:
    """The attributes behind each label of the catalogue."""
    found: dict[str, set[str]] = {}
    for attribute in (*catalog.attributes, *catalog.resource):
        found.setdefault(attribute.label, set()).add(attribute.key)
    return found


def _spellings(label: str) -> Iterator[str]:
    words = label.split("_")
    for dots in range(len(words)):
        name = ".".join([*words[:dots], "_".join(words[dots:])])
        if prometheus_label(name) == label or not dots:
            yield name
