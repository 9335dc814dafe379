"""One SLO's rules on a real Prometheus: samples that one evaluation of all of them reads."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compile_slos import SLO, TEAM
from slo import names
from slo.model import Compiled, RecordRule
from slo.rules import compile_project
from slo.servers import prometheus, require
from slo.spec import SourceFile, read

RAW_SERIES = 10
SCRAPE_SECONDS = 30
_DAY = 86_400
_SLOTH = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def compiled() -> Compiled:
    """The SLO of the compile benchmark, in the default policy."""
    files = [
        SourceFile("team.yaml", TEAM, named=True),
        SourceFile("slo.yaml", SLO.format(number=1, service=1), named=True),
    ]
    project, problems = read(files)
    if project is None:
        raise SystemExit(str(problems))
    return compile_project(project)


def expressions(rules: Compiled) -> list[str]:
    """Every rule of the SLO, alerts included."""
    groups = [group for file in rules.rule_files for group in file.groups]
    return [rule.expr for g in groups if not g.name.startswith("fleetslo:") for rule in g.rules]


def sloth_expressions() -> list[str]:
    """What sloth writes for the same SLO: each window from raw series, the period from ratios.

    Source: sloth v0.16, examples/_gen/getting-started.yml.
    """
    total = 'sum(rate(http_requests_total{{job="job-1"}}[{0}]))'
    errors = 'sum(rate(http_requests_total{{job="job-1",code=~"5.."}}[{0}]))'
    ratios = [f"({errors.format(each)}) / ({total.format(each)})" for each in _SLOTH]
    recorded = 'slo:sli_error:ratio_rate5m{slo_id="service-1-slo-1"}'
    period = f"sum_over_time({recorded}[30d]) / count_over_time({recorded}[30d])"
    return [*ratios, period]


def history(rules: Compiled, now: int) -> Iterator[str]:
    """Three days of raw counters and 30 days of recorded rates, as OpenMetrics."""
    codes = [f"{200 + number % 2 * 300 + number}" for number in range(RAW_SERIES)]
    yield "# TYPE http_requests counter"
    for code in codes:
        for at in range(now - 3 * _DAY, now + 1, SCRAPE_SECONDS):
            value = at - now + 4 * _DAY
            yield f'http_requests_total{{job="job-1",code="{code}"}} {value} {at}'
    recorded = {
        rule.record
        for file in rules.rule_files
        for group in file.groups
        for rule in group.rules
        if isinstance(rule, RecordRule) and rule.labels.get("slo_id") and rule.record != names.INFO
    }
    for series in sorted(recorded):
        # Days are read in steps of 5 minutes; only sloth reads a month of every evaluation.
        dense = 30 * _DAY if series == names.error_ratio("5m") else _DAY // 3
        yield f"# TYPE {series} gauge"
        for at in range(now - 30 * _DAY, now + 1, SCRAPE_SECONDS):
            if at % 300 == 0 or at >= now - dense:
                yield f'{series}{{slo_id="service-1-slo-1"}} 0.5 {at}'
    yield "# EOF"


def read_samples(url: str, expr: str, now: int) -> int:
    """Samples that Prometheus read to answer `expr` at `now`."""
    asked = urllib.parse.urlencode({"query": expr, "time": now, "stats": "all"})
    with urllib.request.urlopen(f"{url}/api/v1/query?{asked}", timeout=60) as answer:
        return json.load(answer)["data"]["stats"]["samples"]["totalQueryableSamples"]


def main() -> None:
    rules, now = compiled(), int(time.time()) // 300 * 300
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "history.txt")
        text.write_text("\n".join(history(rules, now)) + "\n")
        command = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
        subprocess.run(
            [*command, text, f"{folder}/prometheus-data"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        Path(folder, "prometheus.yml").write_text("{}\n")
        server = prometheus(Path(folder), Path(folder, "prometheus.yml"))
        try:
            ours, theirs = (
                [read_samples(server.url, expr, now) for expr in asked]
                for asked in (expressions(rules), sloth_expressions())
            )
        finally:
            server.stop()
    print(f"rules: {RAW_SERIES} raw series every {SCRAPE_SECONDS} s, on a real Prometheus")
    print(f"  fleetslo {len(ours):2} rules, {sum(ours):7} samples per evaluation")
    print(f"  sloth    {len(theirs):2} SLI rules, {sum(theirs):7} samples per evaluation")


if __name__ == "__main__":
    main()
