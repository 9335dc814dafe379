"""A real Alertmanager tells the throttle, and an agent reads what it may do."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.throttle.board import Board, Limits
from alerts.throttle.ledger import Ledger
from alerts.throttle.server import Api, serving
from alerts.throttle.service import Mode, Throttle
from alerts.throttle.signature import HEADER, is_signed
from slo.servers import alertmanager, find

pytestmark = pytest.mark.servers

KEY = b"k" * 32
WAIT_SECONDS = 20.0


def fire(server: str, *, ends: bool = False) -> None:
    alert: dict[str, Any] = {
        "labels": {
            "alertname": "AgentFleetActionSuccessBurn",
            "severity": "page",
            "slo_tier": "outage",
            "budget_id": "agent-fleet-action-success/coder",
            "gen_ai_agent_name": "coder",
        }
    }
    if ends:
        alert["endsAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    request = urllib.request.Request(
        f"{server}/api/v2/alerts",
        json.dumps([alert]).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def allowed(url: str) -> float:
    with urllib.request.urlopen(f"{url}/throttle/coder", timeout=10) as answer:
        body = answer.read()
        assert is_signed(KEY, body, answer.headers[HEADER])
    return float(json.loads(body)["limit"])


async def until(url: str, limit: float) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (got := await asyncio.to_thread(allowed, url)) != limit:
        assert time.monotonic() < deadline, got
        await asyncio.sleep(0.1)


def test_a_burn_page_throttles_the_agent_and_its_end_lets_it_go(tmp_path: Path) -> None:
    if find("alertmanager") is None:
        pytest.skip("Alertmanager is not to be had: run `make servers`")

    async def scenario() -> None:
        limits = Limits(release_seconds=0.2)
        with Ledger(tmp_path / "ledger.jsonl", KEY) as ledger:
            throttle = Throttle(Board(limits), ledger, Mode(enforce=True), time.time)
            async with serving(Api(throttle, KEY, b""), throttle, "127.0.0.1", 0) as url:
                config = tmp_path / "alertmanager.yml"
                waits = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
                receiver = {"name": "throttle", "webhook_configs": [{"url": f"{url}/alerts"}]}
                whole = {"route": {"receiver": "throttle", **waits}, "receivers": [receiver]}
                config.write_text(yaml.safe_dump(whole), "utf-8")
                server = await asyncio.to_thread(alertmanager, tmp_path, config)
                try:
                    await asyncio.to_thread(fire, server.url)
                    await until(url, 0.1)
                    await asyncio.to_thread(fire, server.url, ends=True)
                    await until(url, 1.0)
                finally:
                    await asyncio.to_thread(server.stop)

    asyncio.run(scenario())
