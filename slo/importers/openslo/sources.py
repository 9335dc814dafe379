"""Where a metric of OpenSLO comes from, and the PromQL in it."""

from __future__ import annotations

from typing import Final

from slo.importers.openslo.world import World
from slo.importers.part import Part
from slo.source import Scalar

_PROMETHEUS: Final = frozenset(
    {"prometheus", "thanos", "mimir", "cortex", "victoriametrics", "amp", "promql"}
)
"""Types whose queries are PromQL, in small letters."""
_QUERIES: Final = ("query", "promql", "expr")


def query(metric: Part, world: World) -> Scalar | None:
    """The PromQL of a metric of any of the three versions; None after it was reported."""
    if metric.has("source") or metric.has("queryType") or metric.has("query"):
        return _oldest(metric, world)
    source = metric.child("metricSource") or metric
    kind = _kind(source, world)
    if kind is not None and kind.text.lower() not in _PROMETHEUS:
        text = f"a metric of {kind.text} cannot be asked of Prometheus"
        world.report.impossible(text, kind.span, "state the same indicator in PromQL")
        source.take("spec")
        return None
    spec = source.child("spec")
    if spec is None:
        if not source.has("spec"):
            world.report.malformed("a metric needs spec with its query", source.span)
        return None
    for key in _QUERIES:
        if spec.has(key):
            return spec.scalar(key)
    text = f"the spec of a metric of Prometheus needs {_QUERIES[0]}"
    world.report.malformed(text, spec.span)
    return None


def _oldest(metric: Part, world: World) -> Scalar | None:
    """The form of v1alpha: source, queryType and query side by side."""
    metric.take("metadata")
    source, language = metric.scalar("source"), metric.text("queryType")
    # A source may be called as one likes; the language decides.
    foreign = source is not None and source.text.lower() not in _PROMETHEUS
    if source is not None and foreign and language.lower() != "promql":
        text = f"a metric of {source.text} cannot be asked of Prometheus"
        world.report.impossible(text, source.span, "state the same indicator in PromQL")
        metric.take("query")
        return None
    return metric.needed("query")


def _kind(source: Part, world: World) -> Scalar | None:
    """The type of the data source; None where nothing says it, and it is taken for Prometheus."""
    stated = source.scalar("type")
    described = source.child("dataSourceSpec")
    if described is not None:
        described.take("description")
        _unconnected(described)
        stated = stated or described.scalar("type")
    for ref in ("metricSourceRef", "dataSourceRef"):
        named = source.scalar(ref)
        if named is None:
            continue
        if stated is not None and ("DataSource", named.text) not in world.objects:
            text = f"no DataSource is called {named.text!r}, its type is stated beside it"
            world.report.changed(text, named.span)
            continue
        found = world.spec("DataSource", named)
        if found is not None:
            _unconnected(found)
            kind = found.needed("type")
            stated = stated or kind
    return stated


def _unconnected(source: Part) -> None:
    source.lose("connectionDetails", "rules run inside of Prometheus and connect to nothing")
