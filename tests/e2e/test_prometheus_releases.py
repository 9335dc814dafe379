"""Every Prometheus to be had loads and proves what is generated, and vmalert takes it too.

`make prometheuses` fetches newer releases; without them the usual one alone is asked, and a
skip says so.
"""

from __future__ import annotations

import json
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from slo.ask import Prometheus
from slo.cli.app import run
from slo.exact import Duration
from slo.model import Calendar, Compiled
from slo.plugin import Verdict
from slo.policy import PolicyName
from slo.promql import bind
from slo.prove.promtool import PROOF
from slo.rules import compile_project
from slo.servers import find, prometheus
from tests.front_end import TEAM, alert_text, project_of, slo_text
from tests.releases import ROOT, Release, prometheuses, vmalerts
from tests.rule_projects import make_alert, make_project, make_slo, write_tree

pytestmark = pytest.mark.servers

RELEASES = prometheuses()
NEWER = [release for release in RELEASES if release.folder is not None]
PLANNED = ((1_796_158_800, 1_796_162_400),)
NATIVE = "    latency: {histogram: req_seconds, native: true, threshold: 200ms}\n"
CLASSIC = "    latency: {histogram: req_seconds, threshold: 1s}\n"


@pytest.fixture(params=RELEASES, ids=str)
def release(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Release:
    chosen: Release = request.param
    chosen.choose(monkeypatch)
    if find("promtool") is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    return chosen


def everything() -> Compiled:
    """One SLO of each kind of rule that the compiler writes."""
    excluded = replace(make_slo("planned"), excluded=PLANNED)
    return compile_project(
        make_project(
            make_slo(by=("agent",), idle="ticket"),
            make_slo("calendar", window=Calendar("month", "Europe/Berlin")),
            make_slo("literal", policy=PolicyName.FLEET_SUSTAINED),
            excluded,
            alerts=(make_alert(),),
        )
    )


def native() -> Compiled:
    return compile_project(project_of(slo_text(sli=NATIVE)))


def test_newer_prometheuses_are_asked_too() -> None:
    if not NEWER:
        pytest.skip("no newer Prometheus is to be had, run `make prometheuses`")
    assert all(release.version > (2, 42) for release in NEWER)


def test_rules_and_their_tests_pass(release: Release, tmp_path: Path) -> None:
    write_tree(everything(), tmp_path)

    results = list(PROOF.run(tmp_path))

    assert {result.name.partition("/")[0] for result in results} >= {
        "promtool check rules prometheus",
        "promtool test rules prometheus",
    }, release
    assert [r.detail for r in results if r.verdict is not Verdict.PASSED] == []


def proven(folder: Path, series: dict[str, str], expected: dict[str, list[float]]) -> str:
    """What promtool says where `series` must make the sums in `expected` after half an hour."""
    tests = {
        "rule_files": ["prometheus/rules/shop.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f"round(sum({name}), 0.01)",
                        "eval_time": "30m",
                        "exp_samples": [{"labels": "{}", "value": value} for value in values],
                    }
                    for name, values in expected.items()
                ],
            }
        ],
    }
    (folder / "t.json").write_text(json.dumps(tests))
    command: list[str | Path] = [find("promtool") or "", "test", "rules", folder / "t.json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


@pytest.mark.parametrize("spelling", ["1", "1.0"])
def test_a_bucket_is_found_in_the_spelling_of_either_prometheus(
    release: Release, spelling: str, tmp_path: Path
) -> None:
    write_tree(compile_project(project_of(slo_text(sli=CLASSIC))), tmp_path)
    series = {
        f'req_seconds_bucket{{le="{spelling}"}}': "0+27x100",
        'req_seconds_bucket{le="+Inf"}': "0+30x100",
        "req_seconds_count": "0+30x100",
    }

    words = proven(tmp_path, series, {"slo:sli_error:ratio_rate5m": [0.1]})

    assert words == "", release


def test_a_native_histogram_is_cut_at_the_threshold_and_idles_without_harm(
    release: Release, tmp_path: Path
) -> None:
    if release.version < (2, 53):
        pytest.skip(f"promtool {release} cannot be fed native histograms, run `make prometheuses`")
    write_tree(native(), tmp_path)
    # Schema 0: buckets end at powers of two. 3 of 4 events are at or below 1/8, one above 1/2.
    step = "{{schema:0 sum:1 count:4 offset:-3 buckets:[3 0 0 1]}}"
    none = "{{schema:0 sum:0 count:0 offset:-3 buckets:[0 0 0 0]}}"
    busy = {"req_seconds": f"{none}+{step}x100"}
    stop = "{{schema:0 sum:20 count:80 offset:-3 buckets:[60 0 0 20]}}"
    idle = {"req_seconds": f"{none}+{step}x20 {stop}x100"}

    assert proven(tmp_path, busy, {"slo:sli_error:ratio_rate5m": [0.25]}) == ""
    if release.version < (3, 0):
        return  # Its promtool cannot read a series of two different stretches of histograms.
    found = {
        "slo:sli_errors:rate5m": [0.0],
        "slo:sli_error:ratio_rate5m": [],
        "slo:sli_error:ratio_rate6h": [0.25],
    }
    assert proven(tmp_path, idle, found) == ""


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Release:
    newest = [release for release in NEWER if release.version >= (3, 0)]
    if not newest:
        pytest.skip("no Prometheus 3 is to be had, run `make prometheuses`")
    newest[-1].choose(monkeypatch)
    return newest[-1]


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def zigzag(number: int) -> bytes:
    return varint(number * 2 if number >= 0 else -number * 2 - 1)


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protobuf message: text or message where `value` is bytes, else a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def exposed(count: int) -> bytes:
    """A native histogram: of 4 events 3 are at or below 1/8 s, one is above 1/2.

    Source: prometheus/client_model, io/prometheus/client/metrics.proto.
    """
    spans = b"".join(field(12, varint(1 << 3) + zigzag(offset) + field(2, 1)) for offset in (-3, 2))
    deltas = field(13, zigzag(3 * count) + zigzag(count - 3 * count))
    schema = varint(5 << 3) + zigzag(0)
    zero = varint(6 << 3 | 1) + struct.pack("<d", 1e-9) + field(7, 0)
    histogram = field(1, 4 * count) + schema + zero + spans + deltas
    family = field(1, b"req_seconds") + field(3, 4) + field(4, field(7, histogram))
    return varint(len(family)) + family


class Exposed(BaseHTTPRequestHandler):
    """A target whose histogram grows with each scrape."""

    scrapes = 0

    def do_GET(self) -> None:
        Exposed.scrapes += 1
        self.send_response(200)
        kind = "application/vnd.google.protobuf"
        schema = "proto=io.prometheus.client.MetricFamily; encoding=delimited"
        self.send_header("Content-Type", f"{kind}; {schema}")
        self.end_headers()
        self.wfile.write(exposed(10 * Exposed.scrapes))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Say nothing."""


@pytest.fixture
def server(third: Release, tmp_path: Path) -> Iterator[str]:
    del third
    target = HTTPServer(("127.0.0.1", 0), Exposed)
    Thread(target=target.serve_forever, daemon=True).start()
    scrape = {
        "job_name": "native",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{target.server_port}"]}],
    }
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [scrape]}))
    try:
        with prometheus(tmp_path, config, extra=["--enable-feature=native-histograms"]) as started:
            yield started.url
    finally:
        target.shutdown()
        target.server_close()


def test_a_live_prometheus_3_answers_the_sli_of_a_native_histogram(server: str) -> None:
    (slo,) = project_of(slo_text(sli=NATIVE)).slos
    errors, total = (
        bind(template, Duration.parse("5m")) for template in (slo.sli.errors, slo.sli.total)
    )
    asked = Prometheus(server, timeout_seconds=10)
    deadline = time.monotonic() + 30

    while not (found := asked.instant(f"({errors}) / ({total} > 0)")):
        assert time.monotonic() < deadline, "no native histogram was scraped"
        time.sleep(0.2)

    assert [series.value for series in found] == [pytest.approx(0.25)]


VMALERTS = vmalerts()


@pytest.mark.parametrize("flavor", ["prometheus", "vmrule"])
@pytest.mark.parametrize("release_of_vm", VMALERTS or [None], ids=str)
def test_vmalert_takes_the_rules(
    release_of_vm: Release | None, flavor: str, tmp_path: Path
) -> None:
    if release_of_vm is None or release_of_vm.folder is None:
        pytest.skip("vmalert is not to be had, run `make prometheuses`")
    specs, out = tmp_path / "slos", tmp_path / "out"
    specs.mkdir()
    calendar = slo_text("month", more="  window: {calendar: month}\n")
    (specs / "slos.yaml").write_text(f"{slo_text()}---\n{calendar}---\n{alert_text()}---\n{TEAM}")
    wanted = ["--only", "rules,runbooks", "--flavor", flavor]
    assert run(["-q", "generate", str(specs), "--out", str(out), *wanted]) == 0
    rules = out / "prometheus/rules"
    if flavor == "vmrule":
        rules = unwrapped(out, tmp_path / "unwrapped")

    tool = release_of_vm.folder / "bin" / "vmalert"
    ended = subprocess.run(
        [tool, "-dryRun", f"-rule={rules}/*.yaml"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr


def unwrapped(out: Path, folder: Path) -> Path:
    """The `spec` of every VMRule: what the operator hands to vmalert."""
    folder.mkdir()
    files = [
        path
        for path in out.rglob("*.yaml")
        if "kind: VMRule" in path.read_text() and ROOT not in path.parents
    ]
    assert files
    for path in files:
        spec = yaml.safe_load(path.read_text())["spec"]
        (folder / path.name).write_text(json.dumps(spec))
    return folder
