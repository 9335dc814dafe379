"""SLO files to rules, tests, dashboards, routes and runbooks: how long `sloctl` takes."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = (100, 1000)
RULES_ONLY = 10_000
SLO = """apiVersion: fleetslo/v1
kind: SLO
metadata: {{name: slo-{number}, service: service-{service}}}
spec:
  description: Requests that are answered.
  objective: 99.9
  window: 30d
  sli:
    events:
      bad: sum(rate(http_requests_total{{job="job-{number}",code=~"5.."}}[$window]))
      total: sum(rate(http_requests_total{{job="job-{number}"}}[$window]))
  owner: platform
"""
TEAM = """apiVersion: fleetslo/v1
kind: Team
metadata: {name: platform}
spec:
  destinations: [{webhook: {url: "http://127.0.0.1:9/page"}}]
"""


def sloctl(*arguments: str) -> float:
    """CPU seconds that one run takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [Path(sys.executable).with_name("sloctl"), *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    print(f"compile: sloctl --help {sloctl('--help'):.2f} CPU s")
    for size in (*SIZES, RULES_ONLY):
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "slos"
            source.mkdir()
            (source / "team.yaml").write_text(TEAM)
            for number in range(size):
                (source / f"{number}.yaml").write_text(
                    SLO.format(number=number, service=number % 20)
                )
            rules = sloctl("generate", str(source), "--out", f"{name}/rules", "--only", "rules")
            print(f"  {size:5} SLOs: rules only {rules:.2f} CPU s")
            if size < RULES_ONLY:
                whole = sloctl("generate", str(source), "--out", f"{name}/out")
                print(f"  {size:5} SLOs: everything {whole:.2f} CPU s")
