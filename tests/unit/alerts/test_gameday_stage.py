"""What stands around the fleet: its clock, the destination of traces, the collector's extras."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path

import pytest

from alerts.gameday.oracles import counted, folded
from alerts.gameday.sink import Sink
from alerts.gameday.tree import Also, extended

STARTER = resources.files("collectors.starter").joinpath("collector.yaml").read_text("utf-8")


def test_a_clock_that_is_set_ahead_is_ahead_for_the_telemetry_and_waits_stay_true() -> None:
    script = (
        "from alerts.gameday.fleet import member\n"
        "from alerts.gameday.fleet.clock import set_ahead\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "import time\n"
        "tracer = TracerProvider().get_tracer('t')\n"
        "before, waited = tracer.start_span('a').start_time, time.monotonic()\n"
        "set_ahead(90)\n"
        "after = tracer.start_span('b').start_time\n"
        "print(round((after - before) / 1e9), round(time.monotonic() - waited))\n"
        "set_ahead(0)\n"
        "print(round((tracer.start_span('c').start_time - before) / 1e9))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["90", "0", "0"]


def test_a_destination_takes_nothing_until_it_is_opened_again() -> None:
    def status(url: str) -> int:
        try:
            with urllib.request.urlopen(f"{url}/v1/traces", data=b"x", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    with Sink() as sink:
        taken = [status(sink.url)]
        sink.refuse()
        taken.append(status(sink.url))
        sink.accept()
        taken.append(status(sink.url))

    assert taken == [200, 503, 200]
    assert sink.taken == 2


@pytest.mark.parametrize(
    "also",
    [
        Also(limits_series=True),
        Also(understands=True, watches=True, destination="http://127.0.0.1:1"),
        Also(understands=True, limits_series=True, destination="http://127.0.0.1:1"),
    ],
)
def test_the_collector_takes_its_configuration_with_whatever_is_added(
    also: Also, tmp_path: Path
) -> None:
    config = tmp_path / "collector.yaml"
    config.write_text(extended(STARTER, also), "utf-8")
    code = "from collectors.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code, "validate", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "FLEETSLO_STATE": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr


def test_actions_whose_types_were_lost_to_limits_are_still_added_up() -> None:
    page = (
        'mas_agent_actions_total{mas_action_type="query",mas_action_outcome="success"} 3\n'
        'mas_agent_actions_total{mas_action_type="query-0a",mas_action_outcome="success"} 1\n'
        'mas_agent_actions_total{otel_metric_overflow="true"} 5\n'
        "mas_compliance_violations_total 2\n"
    )

    assert folded(counted(page)) == {"actions/all": 9, "violations": 2}
