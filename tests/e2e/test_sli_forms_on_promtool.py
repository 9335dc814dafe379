"""Every form of an SLI, evaluated by Prometheus' own engine on series whose truth is known."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from slo.exact import Duration
from slo.promql import bind
from slo.servers import find
from tests.front_end import slo_of, slo_text

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Case:
    """An SLI, series at one sample in 30 s for 20 minutes, and the truth in the last 5."""

    name: str
    sli: str
    series: dict[str, str]
    ratios: dict[str, str]
    by: str = ""
    window: str = "5m"


GOOD_TOTAL = (
    "events: {good: 'sum(rate(ok_total[$window]))', total: 'sum(rate(all_total[$window]))'}"
)
GOOD_BAD = "events: {good: 'sum(rate(ok_total[$window]))', bad: 'sum(rate(ko_total[$window]))'}"
CASES = [
    Case(
        "bad and total, by region",
        "events: {bad: 'sum(increase(ko_total[$window]))', total: 'sum(rate(all_total[$window]))'}",
        {
            'ko_total{region="a",pod="1"}': "0+3x40",
            'ko_total{region="a",pod="2"}': "0+3x40",
            'all_total{region="a",pod="1"}': "0+30x40",
            'all_total{region="b",pod="1"}': "0+30x40",
            'ko_total{region="b",pod="1"}': "0+15x40",
        },
        {'{region="a"}': "0.2", '{region="b"}': "0.5"},
        by="region",
    ),
    Case("no good event yet", GOOD_TOTAL, {"all_total": "0+30x40"}, {"{}": "1"}),
    Case(
        "good and total",
        GOOD_TOTAL,
        {"all_total": "0+30x40", "ok_total": "0+27x40"},
        {"{}": "0.1"},
    ),
    Case("only bad events yet", GOOD_BAD, {"ko_total": "0+30x40"}, {"{}": "1"}),
    Case("only good events yet", GOOD_BAD, {"ok_total": "0+30x40"}, {}),
    Case(
        "good and bad",
        GOOD_BAD,
        {"ok_total": "0+30x40", "ko_total": "0+10x40"},
        {"{}": "0.25"},
    ),
    *(
        Case(
            f"a bucket spelled {spelling}",
            f"latency: {{histogram: lat_seconds, threshold: {threshold}}}",
            {
                "lat_seconds_count": "0+30x40",
                f'lat_seconds_bucket{{le="{spelling}"}}': "0+27x40",
                'lat_seconds_bucket{le="+Inf"}': "0+30x40",
            },
            {"{}": "0.1"},
        )
        for spelling, threshold in (
            ("0.5", "500ms"),
            ("1", "1s"),
            ("1.0", "1s"),
            ("1e+06", "1000000"),
        )
    ),
    Case(
        "no bucket at the threshold is loud",
        "latency: {histogram: lat_seconds, threshold: 300ms}",
        {"lat_seconds_count": "0+30x40", 'lat_seconds_bucket{le="0.5"}': "0+27x40"},
        {"{}": "1"},
    ),
    Case(
        "a gauge that is bad in 5 of 11 evaluations on one of two",
        "gauge: {expr: healthy, bad_when: '== 0'}",
        {'healthy{i="1"}': "1x40", 'healthy{i="2"}': "1x35 0x4"},
        {"{}": "5/22"},
    ),
    Case(
        "a series that was there in 6 of 11 evaluations counts 6 times",
        "gauge: {expr: healthy, bad_when: '== 0'}",
        {'healthy{i="1"}': "1x40", 'healthy{i="2"}': "_x35 0x5"},
        {"{}": "6/17"},
    ),
    Case(
        "a ratio that is split",
        "ratio: {good: 'sum(rate(ok_total[$window])) / sum(rate(all_total[$window]))'}",
        {"all_total": "0+30x40", "ok_total": "0+27x40"},
        {"{}": "0.1"},
    ),
    Case(
        "a ratio that has no weights",
        "ratio: {good: 'avg by (region) (avg_over_time(share[$window]))'}",
        {'share{region="a"}': "0.75x40", 'share{region="b"}': " ".join(["NaN"] * 41)},
        {'{region="a"}': "0.25"},
        by="region",
    ),
    Case(
        "spans",
        "spans: {service: worker}",
        {
            'fleetslo_sli_events_total{slo_id="shop-checkout",outcome="good"}': "0+30x40",
            'fleetslo_sli_events_total{slo_id="shop-checkout",outcome="bad"}': "0+10x40",
            'fleetslo_sli_events_total{slo_id="other",outcome="bad"}': "0+99x40",
        },
        {"{}": "0.25"},
    ),
    Case(
        "spans of each agent",
        "spans: {service: worker}",
        {
            f'fleetslo_sli_events_total{{slo_id="shop-checkout",{labels}}}': f"0+{rate}x40"
            for labels, rate in (
                ('outcome="good",agent="a"', 30),
                ('outcome="bad",agent="a"', 10),
                ('outcome="good",agent="b"', 9),
            )
        },
        {'{agent="a"}': "0.25"},
        by="agent",
    ),
]


def promtool_test(case: Case) -> str:
    more = f"  by: [{case.by}]\n" if case.by else ""
    sli = slo_of(slo_text(sli=f"    {case.sli}\n", more=more)).sli
    window = Duration.parse(case.window)
    ratio = f"({bind(sli.errors, window)}) / ({bind(sli.total, window)})"
    # In whole millionths, since the engine's last digit is not what is asked for.
    query = f"floor({ratio} * 1000000 + 0.5)"
    return json.dumps(
        {
            "evaluation_interval": "30s",
            "tests": [
                {
                    "interval": "30s",
                    "input_series": [
                        {"series": name, "values": values} for name, values in case.series.items()
                    ],
                    "promql_expr_test": [
                        {
                            "expr": query,
                            "eval_time": "20m",
                            "exp_samples": [
                                {"labels": labels, "value": round(Fraction(value) * 1_000_000)}
                                for labels, value in case.ratios.items()
                            ],
                        }
                    ],
                }
            ],
        }
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_error_ratio_is_the_truth(case: Case, tmp_path: Path) -> None:
    promtool = find("promtool")
    if promtool is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    file = tmp_path / "test.yaml"
    file.write_text(promtool_test(case))

    done = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
