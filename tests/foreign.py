"""Documents of other compilers, written after their documentation, and what they must mean."""

from __future__ import annotations

from dataclasses import dataclass

from slo.diagnostic import Diagnostic
from slo.importers import Format
from slo.model import Project
from slo.spec import SourceFile, read
from tests.front_end import TEAM

SETTINGS = (
    "apiVersion: fleetslo/v1\nkind: Settings\nmetadata: {name: settings}\n"
    "spec: {defaults: {owner: web}}\n"
)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A conversion: the file, and bad and all events per second of each SLO that it states."""

    name: str
    form: Format
    text: str
    means: dict[str, tuple[str, str]]


def read_foreign(*texts: str) -> tuple[Project | None, list[Diagnostic]]:
    files = [SourceFile(f"{number}.yaml", text, named=True) for number, text in enumerate(texts)]
    return read([*files, SourceFile("ours.yaml", f"{SETTINGS}---\n{TEAM}", named=True)])


def told(found: list[Diagnostic], *codes: str) -> list[tuple[str, int]]:
    """Code and line of everything that an import says, or of `codes` only."""
    wanted = codes or tuple(f"SLO07{digit}" for digit in range(6))
    return [(each.code, each.place.line) for each in found if each.code in wanted and each.place]


def sloth(slo: str, head: str = "") -> str:
    return f"version: prometheus/v1\nservice: shop\n{head}slos:\n{slo}"


def pyrra(indicator: str, more: str = "") -> str:
    return (
        "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\n"
        "metadata: {name: api, namespace: shop}\n"
        f"spec:\n  target: '99.5'\n  window: 4w\n{more}  indicator:\n{indicator}"
    )


def openslo(metric: str, objective: str, method: str = "Occurrences", more: str = "") -> str:
    return (
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: api}\nspec:\n  service: shop\n"
        f"  budgetingMethod: {method}\n  timeWindow: [{{duration: 28d, isRolling: true}}]\n"
        f"{more}  indicator:\n    metadata: {{name: api}}\n    spec:\n      {metric}\n"
        f"  objectives:\n    - {objective}\n"
    )


def source(query: str) -> str:
    return f"{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}"


RATIO = (
    f"ratioMetric: {{counter: true, good: {source('good_total')}, total: {source('all_total')}}}"
)
SHARE = "sum(rate(good_total[5m])) / sum(rate(all_total[5m]))"
THRESHOLD = f"thresholdMetric: {source('queue_depth')}"
EVENTS = """\
  - name: api
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(requests_total[{{ .window }}]))
"""
SLOTH_KUBERNETES = """\
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop-slos, namespace: monitoring}
spec:
  service: shop
  labels: {owner: web}
  slos:
    - name: api
      objective: 99.9
      sli:
        events:
          errorQuery: sum by (zone) (rate(errors_total[{{.window}}]))
          totalQuery: sum by (zone) (rate(requests_total[{{.window}}]))
      alerting: {pageAlert: {disable: true}, ticketAlert: {}}
"""
V1ALPHA = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: api, displayName: The API}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindows: [{unit: Day, count: 30, isRolling: true}]
  objectives:
    - displayName: served
      value: 1
      target: 0.98
      ratioMetrics:
        incremental: true
        good: {source: prometheus, queryType: promql, query: 'sum(rate(good_total[{{.window}}]))'}
        total: {source: prometheus, queryType: promql, query: 'sum(rate(all_total[{{.window}}]))'}
"""
V2ALPHA = """\
apiVersion: openslo.com/v2alpha
kind: DataSource
metadata: {name: metrics}
spec: {type: prometheus}
---
apiVersion: openslo.com/v2alpha
kind: SLI
metadata: {name: served}
spec:
  ratioMetric:
    counter: true
    bad: {dataSourceRef: metrics, spec: {query: 'bad_total{job="a"}'}}
    total: {dataSourceRef: metrics, spec: {query: 'all_total{job="a"}'}}
---
apiVersion: openslo.com/v2alpha
kind: SLO
metadata: {name: api}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 4w, isRolling: true}]
  sliRef: served
  objectives: [{target: 0.99}]
"""
_W = "$window"
_ALL = f"sum(rate(all_total[{_W}]))"
_GOOD = f"sum(rate(good_total[{_W}]))"
_HELD = f"scalar(count_over_time(vector(1)[{_W}:30s]))"


def _gauge(condition: str, expr: str) -> tuple[str, str]:
    return (
        f"sum(sum_over_time(({condition})[{_W}:30s])) / {_HELD} / 30",
        f"sum(count_over_time(({expr} >= -Inf)[{_W}:30s])) / {_HELD} / 30",
    )


def _mean(good: str) -> tuple[str, str]:
    """Each evaluation, every 30 seconds, is worth the same."""
    return f"(1 - ({good} >= 0)) / 30", f"({good} >= bool 0) / 30"


_SLICE = (
    "(sum(rate(good_total[5m])) or 0 * sum(rate(all_total[5m]))) / (sum(rate(all_total[5m])) > 0)"
)
SUITE = (
    Foreign(
        "sloth-events",
        Format.SLOTH,
        sloth(EVENTS),
        {
            "shop-api": (
                f'sum(rate(requests_total{{code=~"5.."}}[{_W}]))',
                f"sum(rate(requests_total[{_W}]))",
            )
        },
    ),
    Foreign(
        "sloth-raw",
        Format.SLOTH,
        sloth(
            "  - name: api\n    objective: 99\n    sli:\n      raw:\n        error_ratio_query: "
            "sum(rate(bad_total[{{.window}}])) / sum(rate(all_total[{{.window}}]))\n"
        ),
        {"shop-api": (f"sum(rate(bad_total[{_W}]))", _ALL)},
    ),
    Foreign(
        "sloth-kubernetes",
        Format.SLOTH,
        SLOTH_KUBERNETES,
        {
            "shop-api": (
                f"sum by (zone) (rate(errors_total[{_W}]))",
                f"sum by (zone) (rate(requests_total[{_W}]))",
            )
        },
    ),
    Foreign(
        "pyrra-ratio",
        Format.PYRRA,
        pyrra(
            "    ratio:\n      errors: {metric: 'requests_total{code=~\"5..\"}'}\n"
            "      total: {metric: requests_total}\n      grouping: [handler]\n"
        ),
        {
            "shop-api": (
                f'sum by (handler) (rate(requests_total{{code=~"5.."}}[{_W}]))',
                f"sum by (handler) (rate(requests_total[{_W}]))",
            )
        },
    ),
    Foreign(
        "pyrra-latency",
        Format.PYRRA,
        pyrra(
            '    latency:\n      success: {metric: \'req_seconds_bucket{job="a",le="1"}\'}\n'
            "      total: {metric: 'req_seconds_count{job=\"a\"}'}\n"
        ),
        {
            "shop-api": (
                (
                    f'sum(rate(req_seconds_count{{job="a"}}[{_W}])) - (sum(rate(req_seconds_bucket'
                    f'{{job="a",le=~"1(\\\\.0)?"}}[{_W}])) or 0 * '
                    f'sum(rate(req_seconds_count{{job="a"}}[{_W}])))'
                ),
                f'sum(rate(req_seconds_count{{job="a"}}[{_W}]))',
            )
        },
    ),
    Foreign(
        "pyrra-native",
        Format.PYRRA,
        pyrra(
            "    latencyNative:\n      latency: 200ms\n"
            "      total: {metric: 'req_seconds{job=\"a\"}'}\n"
        ),
        {
            "shop-api": (
                (
                    f'(histogram_count(sum(rate(req_seconds{{job="a"}}[{_W}]))) > 0) * (1 - '
                    f'histogram_fraction(-Inf, 0.2, sum(rate(req_seconds{{job="a"}}[{_W}]))))'
                ),
                f'histogram_count(sum(rate(req_seconds{{job="a"}}[{_W}])))',
            )
        },
    ),
    Foreign(
        "pyrra-gauge",
        Format.PYRRA,
        pyrra("    bool_gauge: {metric: probe_success}\n"),
        {"shop-api": _gauge("probe_success == bool 0", "probe_success")},
    ),
    Foreign(
        "openslo-v1alpha",
        Format.OPENSLO,
        V1ALPHA,
        {"shop-api": (f"{_ALL} - ({_GOOD} or 0 * {_ALL})", _ALL)},
    ),
    Foreign(
        "openslo-v2alpha",
        Format.OPENSLO,
        V2ALPHA,
        {
            "shop-api": (
                f'sum(rate(bad_total{{job="a"}}[{_W}]))',
                f'sum(rate(all_total{{job="a"}}[{_W}]))',
            )
        },
    ),
    Foreign(
        "openslo-occurrences",
        Format.OPENSLO,
        openslo(RATIO, "{target: 0.999}"),
        {"shop-api": (f"{_ALL} - ({_GOOD} or 0 * {_ALL})", _ALL)},
    ),
    Foreign(
        "openslo-gauge-counts",
        Format.OPENSLO,
        openslo(RATIO.replace("counter: true", "counter: false"), "{targetPercent: 99.9}"),
        {
            "shop-api": (
                (
                    f"sum(avg_over_time(all_total[{_W}])) - (sum(avg_over_time(good_total[{_W}])) "
                    f"or 0 * sum(avg_over_time(all_total[{_W}])))"
                ),
                f"sum(avg_over_time(all_total[{_W}]))",
            )
        },
    ),
    Foreign(
        "openslo-raw",
        Format.OPENSLO,
        openslo(
            f"ratioMetric: {{rawType: success, raw: {source(SHARE)}}}",
            "{target: 0.99}",
        ),
        {"shop-api": (f"{_ALL} - ({_GOOD} or 0 * {_ALL})", _ALL)},
    ),
    Foreign(
        "openslo-threshold",
        Format.OPENSLO,
        openslo(THRESHOLD, "{op: lte, value: 10, target: 0.99}"),
        {"shop-api": _gauge("queue_depth > bool 10", "queue_depth")},
    ),
    Foreign(
        "openslo-timeslices",
        Format.OPENSLO,
        openslo(RATIO, "{target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 5m}", "Timeslices"),
        {"shop-api": _gauge(f"({_SLICE}) < bool 0.9", f"({_SLICE})")},
    ),
    Foreign(
        "openslo-threshold-timeslices",
        Format.OPENSLO,
        openslo(
            THRESHOLD,
            "{op: lt, value: 10, target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 5}",
            "Timeslices",
        ),
        {
            "shop-api": _gauge(
                "avg_over_time((queue_depth < bool 10)[5m:30s]) < bool 0.9",
                "avg_over_time((queue_depth < bool 10)[5m:30s])",
            )
        },
    ),
    Foreign(
        "openslo-ratio-timeslices",
        Format.OPENSLO,
        openslo(RATIO, "{target: 0.99, timeSliceWindow: 5m}", "RatioTimeslices"),
        {"shop-api": _mean(f"avg(avg_over_time(({_SLICE})[{_W}:1m]))")},
    ),
)
