"""The same rules and dashboards, wrapped for what loads them elsewhere.

Only wrappers: the expressions are those of ``prometheus/rules``, which stay beside them, so
that every proof speaks about what is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from slo.diagnostic import Diagnostic, Level
from slo.emit.rules import HEADER, rule_file_value
from slo.emit.yaml import Value, dump
from slo.model import Compiled, OutputFile, RuleFile

NO_NATIVE: Final = "SLO043"
TOO_LARGE: Final = "SLO042"
MAX_CONFIGMAP_BYTES: Final = 1024 * 1024
"""What a ConfigMap may hold. Source: Kubernetes, "ConfigMaps"."""
_ROOM: Final = 4096
"""Bytes left for names and labels."""
_READABLE_BYTES: Final = 400_000
"""Dashboards up to this stay indented."""
_MANAGED: Final = {"app.kubernetes.io/managed-by": "fleetslo"}


class Flavor(StrEnum):
    """What the output is wrapped for."""

    PROMETHEUS = "prometheus"
    PROMETHEUSRULE = "prometheusrule"
    VMRULE = "vmrule"
    MIMIR = "mimir"


_KUBERNETES: Final = {
    Flavor.PROMETHEUSRULE: ("monitoring.coreos.com/v1", "PrometheusRule"),
    Flavor.VMRULE: ("operator.victoriametrics.com/v1beta1", "VMRule"),
}


def wrapped_rules(files: Iterable[RuleFile], flavor: Flavor) -> Iterator[OutputFile]:
    """A wrapper for each rule file; none for plain Prometheus."""
    for file in files:
        if flavor is Flavor.MIMIR:
            value: dict[str, Value] = {"namespace": file.service, **rule_file_value(file)}
            yield OutputFile(f"mimir/rules/{file.service}.yaml", dump(value, HEADER))
        elif flavor in _KUBERNETES:
            version, kind = _KUBERNETES[flavor]
            value = _object(version, kind, f"fleetslo-{file.service}", {})
            value["spec"] = rule_file_value(file)
            path = f"kubernetes/rules/{file.service}.yaml"
            yield OutputFile(path, dump(value, HEADER))


def wrapped_dashboards(files: Iterable[OutputFile], flavor: Flavor) -> Iterator[OutputFile]:
    """A ConfigMap for each dashboard, as Grafana's sidecar finds it; for Kubernetes only."""
    if flavor not in _KUBERNETES:
        return
    for file in files:
        path = PurePosixPath(file.path)
        if path.suffix != ".json":
            continue
        labels: dict[str, Value] = {"grafana_dashboard": "1"}
        value = _object("v1", "ConfigMap", f"fleetslo-dashboard-{path.stem}", labels)
        value["data"] = {path.name: _content(file.text)}
        yield OutputFile(f"kubernetes/dashboards/{path.stem}.yaml", dump(value, HEADER))


def too_large(files: Iterable[OutputFile]) -> Iterator[Diagnostic]:
    """ConfigMaps among `files` that Kubernetes refuses."""
    for file in files:
        size = len(file.text.encode())
        if file.path.startswith("kubernetes/dashboards/") and size > MAX_CONFIGMAP_BYTES - _ROOM:
            text = f"{file.path} has {size} bytes, a ConfigMap may hold {MAX_CONFIGMAP_BYTES}"
            hint = "give the SLOs to more teams, or provision dashboards from files"
            yield Diagnostic(TOO_LARGE, Level.WARNING, text, None, hint)


def unsupported(compiled: Compiled, flavor: Flavor) -> Iterator[Diagnostic]:
    """SLOs that what reads the `flavor` cannot evaluate: MetricsQL has no native histograms."""
    if flavor is not Flavor.VMRULE:
        return
    for slo in compiled.project.slos:
        if "histogram_count(" in slo.sli.total or "histogram_fraction(" in slo.sli.errors:
            text = f"{slo.slo_id} reads a native histogram, which VictoriaMetrics does not have"
            hint = "count its classic buckets, without native: true"
            yield Diagnostic(NO_NATIVE, Level.ERROR, text, slo.place, hint)


def _object(version: str, kind: str, name: str, labels: dict[str, Value]) -> dict[str, Value]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": {**_MANAGED, **labels}},
    }


def _content(text: str) -> str:
    if len(text.encode()) <= _READABLE_BYTES:
        return text.rstrip("\n")
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
