"""The examples of policies in a real daemon: what matters arrives, and weights give all back."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

from slo.cli import run as sloctl
from tests.collector_daemon import ROOT, WAIT_SECONDS, Daemon, running
from tests.otlp_sink import Sink, otlp_sink
from tests.sampling_plans import Step, request

GENERATED = ROOT / "examples" / "sampling"
EXAMPLE = ROOT / "examples" / "collector" / "keep-what-matters.yaml"
ROUNDS, TRACES = 8, 400
WHOLE = 1 << 56
OWN = """\
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]
"""


def config(text: str, sink: str) -> str:
    text = re.sub(r"\$\{env:DECISION_WAIT:-[^}]*\}", "1s", text)
    text = re.sub(r"\$\{env:BACKEND:-[^}]*\}", sink, text)
    return text.replace("health_check:\n", 'health_check: {endpoint: "127.0.0.1:13133"}\n') + OWN


def step(number: int) -> Step:
    """One in 50 is a bad checkout, in 40 an error elsewhere, in 4 a probe; the rest is alike."""
    shop = {"service.name": "shop"}
    if number % 50 == 0:
        return Step(resource=shop, name="POST /checkout", ms=(0, 2_500))
    if number % 40 == 1:
        return Step(resource={"service.name": "mail"}, status="ERROR")
    if number % 4 == 2:
        return Step(resource=shop, name="probe", attributes={"url.path": "/healthz"})
    return Step(resource=shop, name="POST /checkout")


def settled(daemon: Daemon) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        page = daemon.page("8888")
        if not sum(of for name, of in page.items() if name.startswith("fleetslo_items_buffered")):
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.05)


def arrived(sink: Sink) -> dict[bytes, str]:
    """The trace state of each trace that came out."""
    with sink.lock:
        return {
            span.trace_id: span.trace_state
            for one in sink.traces
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


def test_what_slo_files_call_bad_is_kept_by_a_policy_that_only_names_its_bytes(
    tmp_path: Path,
) -> None:
    out = tmp_path / "generated"
    assert sloctl(["generate", str(GENERATED), "--out", str(out)]) == 0
    text = (out / "collector" / "collector.yaml").read_text("utf-8")
    ids = {os.urandom(16): number for number in range(TRACES)}

    with otlp_sink() as sink, running(tmp_path, config(text, sink.http)) as daemon:
        every = [(of, step(number)) for of, number in ids.items()]
        assert daemon.send(request(every), threading.Event())
        page = settled(daemon)
        kept = arrived(sink)

    bad = {of for of, number in ids.items() if number % 50 == 0}
    assert bad <= kept.keys()
    assert len(kept) < len(bad) + TRACES / 10
    counted = 'slo_id="shop-checkout"'
    assert _total(page, "fleetslo_sli_events_total", 'outcome="bad"') == len(bad)
    assert _total(page, "fleetslo_sampling_budget_burns", counted) == 1
    assert _total(page, "fleetslo_sampling_budget_burns") == 1


def test_what_matters_is_kept_and_weights_give_back_the_rest(tmp_path: Path) -> None:
    stopping, sent = threading.Event(), dict[bytes, int]()
    with otlp_sink() as sink, running(tmp_path, config(EXAMPLE.read_text(), sink.http)) as daemon:
        for first in range(0, ROUNDS * TRACES, TRACES):
            ids = {os.urandom(16): number for number in range(first, first + TRACES)}
            assert daemon.send(request([(of, step(at)) for of, at in ids.items()]), stopping)
            sent |= ids
            if first == ROUNDS // 2 * TRACES:
                daemon.end(signal.SIGKILL)
                daemon.start()
        page = settled(daemon)
        kept = arrived(sink)

    numbers = {sent[of]: state for of, state in kept.items()}
    every = range(ROUNDS * TRACES)
    bad = [at for at in every if at % 50 == 0]
    errors = [at for at in every if at % 50 and at % 40 == 1]
    probes = [at for at in every if at % 50 and at % 40 != 1 and at % 4 == 2]
    plain = set(every) - {*bad, *errors, *probes}

    assert all(numbers[at] == "" for at in (*bad, *errors))
    assert not numbers.keys() & set(probes)
    weight = sum(_weight(numbers[at]) for at in plain & numbers.keys())
    assert 0.7 * len(plain) < weight < 1.3 * len(plain)
    assert len(plain & numbers.keys()) < len(plain) / 2
    assert _total(page, "fleetslo_sli_events_total", 'outcome="bad"') == len(bad)
    assert _total(page, "fleetslo_sli_events_total", 'outcome="good"') == len(plain)
    assert _total(page, "fleetslo_sampling_budget_burns") == 1
    assert _total(page, "fleetslo_sampling_shed_traces_total") == 0
    assert _total(page, "fleetslo_conservation_imbalance") == 0


def _weight(state: str) -> float:
    found = re.search(r"th:([0-9a-f]+)", state)
    return WHOLE / (WHOLE - int(found[1].ljust(14, "0"), 16)) if found else 1.0


def _total(page: dict[str, float], name: str, label: str = "") -> float:
    return sum(of for series, of in page.items() if series.startswith(name) and label in series)
