"""The throttle over HTTP: signed, audited, dry-run by default, killed by a file, bounded."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from alerts.throttle.board import Board, Limits
from alerts.throttle.ledger import BrokenLedgerError, Ledger, entries
from alerts.throttle.server import MAX_BODY_BYTES, Api, serving
from alerts.throttle.service import Mode, Throttle
from alerts.throttle.signature import HEADER, KeyFileError, is_signed, read_key
from slo.catalog import Source, metrics
from slo.cli.app import run

KEY = b"k" * 32
FIRING = {
    "status": "firing",
    "labels": {
        "budget_id": "agent-fleet-action-success/coder",
        "slo_tier": "page",
        "severity": "page",
        "gen_ai_agent_name": "coder",
    },
}
OVER = {**FIRING, "status": "resolved"}


@dataclass
class Client:
    session: aiohttp.ClientSession
    url: str
    clock: list[float]

    async def post(self, *alerts: object, **headers: str) -> int:
        async with self.session.post(
            f"{self.url}/alerts", json={"alerts": alerts}, headers=headers
        ) as answer:
            return answer.status

    async def get(self, path: str = "/throttle/coder") -> dict[str, Any]:
        async with self.session.get(self.url + path) as answer:
            body = await answer.read()
            assert is_signed(KEY, body, answer.headers[HEADER])
            found: dict[str, Any] = json.loads(body)
            return found

    async def metrics(self) -> list[str]:
        async with self.session.get(f"{self.url}/metrics") as answer:
            return (await answer.text()).splitlines()


@dataclass
class Bench:
    path: Path
    mode: Mode = field(default_factory=lambda: Mode(enforce=True))
    token: bytes = b""
    limits: Limits = field(default_factory=Limits)
    clock: list[float] = field(default_factory=lambda: [1_000.0])

    def run(self, scenario: Callable[[Client], Awaitable[None]]) -> None:
        async def whole() -> None:
            with Ledger(self.path, KEY) as ledger:
                throttle = Throttle(Board(self.limits), ledger, self.mode, lambda: self.clock[0])
                api = Api(throttle, KEY, self.token)
                async with (
                    serving(api, throttle, "127.0.0.1", 0) as url,
                    aiohttp.ClientSession() as session,
                ):
                    await scenario(Client(session, url, self.clock))

        asyncio.run(whole())

    def events(self) -> list[str]:
        return [str(entry["event"]) for entry in entries(self.path, KEY)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "ledger.jsonl")


def test_a_burn_page_reaches_the_agent_signed_and_as_a_metric(bench: Bench) -> None:
    async def scenario(client: Client) -> None:
        assert await client.post(FIRING) == 200
        told = await client.get()
        assert (told["mode"], told["limit"], told["recommended"]) == ("enforce", 0.5, 0.5)
        assert told["issued_at"] == 1_000.0
        assert (await client.get("/throttle/reviewer"))["limit"] == 1.0
        whole = await client.get("/throttle")
        assert whole["classes"]["coder"]["because"] == [
            "agent-fleet-action-success/coder|page|page"
        ]
        lines = await client.metrics()
        assert 'fleetslo_throttle_limit_ratio{gen_ai_agent_name="coder"} 0.5' in lines
        assert 'fleetslo_throttle_limit_ratio{gen_ai_agent_name="*"} 1.0' in lines
        assert "fleetslo_throttle_changes_total 1.0" in lines

    bench.run(scenario)

    assert bench.events() == ["begin", "notices", "change"]


def test_the_metrics_are_those_that_the_catalogue_declares(bench: Bench) -> None:
    async def scenario(client: Client) -> None:
        lines = await client.metrics()
        shown = {line.partition("{")[0].partition(" ")[0] for line in lines if line[:1] != "#"}
        declared = [each for each in metrics().metrics if each.source is Source.THROTTLE]
        assert shown == {each.prometheus for each in declared}
        for each in declared:
            assert f"# HELP {each.prometheus} {each.meaning}" in lines

    bench.run(scenario)


def test_without_enforce_agents_run_free_and_see_what_would_be(bench: Bench) -> None:
    bench.mode = Mode()

    async def scenario(client: Client) -> None:
        await client.post(FIRING)
        told = await client.get()
        assert (told["mode"], told["limit"], told["recommended"]) == ("dry-run", 1.0, 0.5)

    bench.run(scenario)


def test_the_kill_switch_frees_everybody_at_once_and_is_noted(bench: Bench) -> None:
    switch = bench.path.with_name("KILL")
    bench.mode = Mode(enforce=True, kill_switch=switch)

    async def scenario(client: Client) -> None:
        await client.post(FIRING)
        switch.touch()
        told = await client.get()
        assert (told["mode"], told["limit"]) == ("killed", 1.0)
        switch.unlink()
        assert (await client.get())["limit"] == 0.5

    bench.run(scenario)

    assert bench.events().count("kill switch") == 2


def test_a_kill_switch_that_cannot_be_looked_at_counts_as_pulled(tmp_path: Path) -> None:
    too_long = tmp_path / ("x" * 5_000)

    assert Mode(enforce=True, kill_switch=too_long).killed()
    assert not Mode(enforce=True, kill_switch=tmp_path / "none").killed()


def test_a_restart_goes_on_where_the_ledger_ends(bench: Bench) -> None:
    async def burning(client: Client) -> None:
        await client.post(FIRING)

    async def later(client: Client) -> None:
        assert (await client.get())["limit"] == 0.5
        await client.post(OVER)
        client.clock[0] += 600.0
        assert (await client.get())["limit"] == 1.0

    bench.run(burning)
    bench.clock[0] += 60.0
    bench.run(later)


def test_a_clock_that_goes_back_gives_nothing_back_early(bench: Bench) -> None:
    async def scenario(client: Client) -> None:
        await client.post(FIRING)
        await client.post(OVER)
        client.clock[0] -= 500.0
        assert (await client.get())["limit"] == 0.5
        client.clock[0] += 1_050.0
        assert (await client.get())["limit"] == 0.5

    bench.run(scenario)


def test_only_the_chosen_slos_count(bench: Bench) -> None:
    bench.mode = Mode(enforce=True, slos=frozenset({"other"}))

    async def scenario(client: Client) -> None:
        assert await client.post(FIRING) == 200
        assert (await client.get())["limit"] == 1.0

    bench.run(scenario)


def test_without_the_token_nobody_throttles(bench: Bench) -> None:
    bench.token = b"t" * 32

    async def scenario(client: Client) -> None:
        assert await client.post(FIRING) == 401
        assert await client.post(FIRING, Authorization="Bearer nearly") == 401
        assert (await client.get())["limit"] == 1.0
        assert await client.post(FIRING, Authorization=f"Bearer {'t' * 32}") == 200

    bench.run(scenario)


def test_a_body_beyond_the_bound_or_of_another_form_is_refused(bench: Bench) -> None:
    async def scenario(client: Client) -> None:
        for body, status in ((b"x" * (MAX_BODY_BYTES + 1), 413), (b"{", 400), (b"[]", 400)):
            async with client.session.post(f"{client.url}/alerts", data=io.BytesIO(body)) as answer:
                assert answer.status == status
        assert "fleetslo_throttle_refused_total 2.0" in await client.metrics()

    bench.run(scenario)

    assert bench.events() == ["begin"]


def test_one_class_too_many_is_refused_and_not_in_the_ledger(bench: Bench) -> None:
    bench.limits = Limits(max_classes=1)
    other = {**FIRING, "labels": {**FIRING["labels"], "gen_ai_agent_name": "b"}}  # type: ignore[dict-item]  # a mapping, see above

    async def scenario(client: Client) -> None:
        assert await client.post(FIRING) == 200
        assert await client.post(other) == 422

    bench.run(scenario)

    assert bench.events() == ["begin", "notices", "change"]


def test_a_full_disk_refuses_the_notification_so_that_it_comes_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(client: Client) -> None:
        def full(file: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", full)
            assert await client.post(FIRING) == 503
            assert (await client.get())["limit"] == 1.0
        assert await client.post(FIRING) == 200
        assert (await client.get())["limit"] == 0.5

    bench.run(scenario)

    assert bench.events() == ["begin", "notices", "change"]


@pytest.mark.parametrize("damage", ["change", "drop", "swap", "forge"])
def test_a_ledger_that_was_touched_is_refused_and_the_line_is_named(
    bench: Bench, damage: str
) -> None:
    with Ledger(bench.path, KEY) as ledger:
        for number in range(4):
            ledger.add({"event": "note", "at": float(number)})
    lines = bench.path.read_bytes().splitlines(keepends=True)
    if damage == "change":
        lines[2] = lines[2].replace(b'"at": 2.0', b'"at": 9.0')
    elif damage == "drop":
        del lines[2]
    elif damage == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines[2] = lines[2].replace(b"sha256=", b"sha256=0", 1)
    bench.path.write_bytes(b"".join(lines))

    with pytest.raises(BrokenLedgerError, match="line 3"):
        Ledger(bench.path, KEY)


def test_a_torn_last_line_is_taken_away_and_the_chain_goes_on(bench: Bench) -> None:
    with Ledger(bench.path, KEY) as ledger:
        ledger.add({"event": "one"})
    with bench.path.open("ab") as file:
        file.write(b'{"event": "tw')
    with Ledger(bench.path, KEY) as ledger:
        ledger.add({"event": "three"})

    assert bench.events() == ["one", "three"]


def test_a_ledger_has_one_owner(bench: Bench) -> None:
    with Ledger(bench.path, KEY), pytest.raises(BlockingIOError):
        Ledger(bench.path, KEY)


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [(b"k" * 32, 0o644, "chmod 600"), (b"short", 0o600, "32 to 4096"), (b"k" * 5000, 0o600, "32")],
)
def test_a_key_that_others_may_read_or_guess_is_refused(
    tmp_path: Path, content: bytes, mode: int, told: str
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(KeyFileError, match=told):
        read_key(path)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o600)
    return path


def test_off_loopback_a_token_is_demanded(key_file: Path, tmp_path: Path) -> None:
    common = ["--key-file", str(key_file), "--ledger", str(tmp_path / "l")]

    assert run(["throttle", "serve", *common, "--host", "0.0.0.0"]) == 2
    assert not (tmp_path / "l").exists()


def test_the_command_serves_until_it_is_told_to_end(
    key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    arguments = ["--key-file", str(key_file), "--ledger", str(ledger), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "slo.cli", "throttle", "serve", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "dry-run" in line
        url = line.split()[2].rstrip(",")
        assert run(["throttle", "show", "--key-file", str(key_file), url]) == 0
        assert json.loads(capsys.readouterr().out)["mode"] == "dry-run"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stderr.close()  # type: ignore[union-attr]  # it is a pipe

    assert run(["throttle", "log", "--key-file", str(key_file), str(ledger)]) == 0
    assert "begin" in capsys.readouterr().out
