"""The collector's own metrics are those of the catalogue, names, labels and buckets."""

from __future__ import annotations

import pytest

from collectors.service.names import METRICS, MetricSpec
from slo.catalog import Source, metrics

OURS = {name: spec for name, spec in METRICS.items() if name.startswith("fleetslo_")}
CATALOGUE = {
    each.prometheus: each
    for each in metrics().metrics
    if each.name.startswith("fleetslo.") and each.source is not Source.THROTTLE
}


def test_both_know_the_same_metrics() -> None:
    assert set(OURS) == set(CATALOGUE)


@pytest.mark.parametrize("spec", OURS.values(), ids=lambda spec: spec.name)
def test_a_metric_has_the_kind_labels_and_buckets_of_the_catalogue(spec: MetricSpec) -> None:
    entry = CATALOGUE[spec.name]

    kind = entry.instrument.value.replace("updowncounter", "gauge")
    assert (spec.kind, set(spec.labels)) == (kind, set(entry.labels))
    assert spec.edges == entry.buckets
