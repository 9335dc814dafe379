"""The replay's state machine of alerts beside a live Prometheus with the same rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from slo.ask import Prometheus
from slo.replay import states
from slo.servers import find, prometheus

pytestmark = [pytest.mark.servers, pytest.mark.slow]

STORY_SECONDS = 16
# When the condition holds, in seconds of the story: a blink, a gap that is bridged, a relapse.
BAD = {"a": ((1, 2), (4, 9), (10.5, 12)), "b": ((2, 3.5), (5.5, 14))}
ALERTS = {"Plain": (0, 0), "Held": (2, 0), "Kept": (0, 3), "HeldAndKept": (2, 3)}
CONFIG = """\
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: story
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Story(BaseHTTPRequestHandler):
    began = 0.0

    def do_GET(self) -> None:
        Story.began = Story.began or time.monotonic()
        now = time.monotonic() - Story.began
        lines = [
            f'level{{who="{who}"}} {int(any(start <= now < end for start, end in spans))}\n'
            for who, spans in BAD.items()
        ]
        body = "".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Quiet."""


@contextmanager
def told() -> Generator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Story)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rules() -> str:
    lines = ["groups:", "- name: story", "  interval: 500ms", "  rules:"]
    lines += ["  - {record: tick, expr: vector(1)}", "  - {record: holds, expr: level > 0}"]
    for name, (hold, keep) in ALERTS.items():
        lines.append(f"  - alert: {name}\n    expr: level > 0")
        lines += [f"    for: {hold}s"] * bool(hold) + [f"    keep_firing_for: {keep}s"] * bool(keep)
    return "\n".join(lines)


def moments(client: Prometheus, selector: str) -> dict[str, set[float]]:
    """The evaluations at which `selector` had a sample, by instance."""
    return {
        series.labels.get("who", ""): {round(at, 3) for at, _ in series.points}
        for series in client.instant(f"{selector}[5m]")
    }


def test_alerts_fire_when_a_live_prometheus_fires_them(tmp_path: Path) -> None:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had, run `make servers`")
    Story.began = 0.0
    with told() as port:
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=port))
        (tmp_path / "rules.yml").write_text(rules())
        with prometheus(tmp_path, tmp_path / "prometheus.yml") as server:
            client = Prometheus(server.url)
            deadline = time.monotonic() + 60
            while not Story.began or time.monotonic() - Story.began < STORY_SECONDS:
                assert time.monotonic() < deadline
                time.sleep(0.2)  # the story's own pace: there is nothing else to wait for
            times = sorted(moments(client, "tick")[""])
            holds = moments(client, "holds")
            live = {
                name: moments(client, f'ALERTS{{alertname="{name}",alertstate="firing"}}')
                for name in ALERTS
            }

    for name, (hold, keep) in ALERTS.items():
        for who, held in holds.items():
            replayed = states(times, dict.fromkeys(held & set(times), 1.0), hold, keep)
            firing = {
                at
                for at in times
                for _, start, end, _ in replayed
                if start <= at < (end or float("inf"))
            }
            assert firing == live[name].get(who, set()) & set(times), (name, who)
            if name != "Held":
                assert len(replayed) >= 1, (name, who)
