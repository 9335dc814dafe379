"""Asking a server that misbehaves: bounded, and told in words."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from slo.ask import Prometheus, RefusedError, UnreachableError
from slo.cli.app import cli, run
from slo.cli.standing import Standing, standings, urgency
from slo.servers import free_port


@contextmanager
def answering(
    code: int,
    body: bytes,
    *,
    wait: threading.Event | None = None,
    seen: list[dict[str, str]] | None = None,
    to: str = "",
) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if seen is not None:
                seen.append(dict(self.headers.items()))
            if wait is not None:
                wait.wait(20)
            self.send_response(code)
            if to:
                self.send_header("Location", to)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if wait is None:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        if wait is not None:
            wait.set()
        server.shutdown()
        thread.join()
        server.server_close()


def vector(*values: str) -> bytes:
    result = [{"metric": {"x": value}, "value": [1.5, value]} for value in values]
    return json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": result}}
    ).encode()


def test_values_come_as_the_server_wrote_them() -> None:
    with answering(200, vector("0.1", "NaN")) as url:
        found = Prometheus(url).instant("up")

    assert [series.points[0][1] for series in found] == ["0.1", "NaN"]
    assert found[0].value == 0.1


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        (200, b"<html>", "no JSON"),
        (200, b"[]", "no status success"),
        (200, b'{"status": "error"}', "no status success"),
        (503, b"down for repair", "answers 503"),
        (404, b'{"error": "x"}', "answers 404"),
    ],
)
def test_what_is_no_answer_is_said(code: int, body: bytes, words: str) -> None:
    with answering(code, body) as url, pytest.raises(UnreachableError, match=words):
        Prometheus(url).instant("up")


def test_a_refusal_is_told_in_the_servers_words() -> None:
    body = b'{"status": "error", "error": "parse error: unexpected end"}'

    with answering(400, body) as url, pytest.raises(RefusedError, match="unexpected end"):
        Prometheus(url).instant("up{")


def test_an_answer_without_end_is_not_read() -> None:
    with (
        answering(200, vector(*("1" * 200 for _ in range(100)))) as url,
        pytest.raises(UnreachableError, match="more than 0 MiB"),
    ):
        Prometheus(url, max_bytes=1_000).instant("up")


def test_headers_are_sent_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("# for Mimir\nAuthorization: Bearer s3cret\nX-Scope-OrgID: fleet\n")
    seen: list[dict[str, str]] = []

    with answering(200, vector("1"), seen=seen) as url:
        run(["gate", "--prometheus", url, "--headers", str(file), "--slo", "x"])
        server = Prometheus(url, headers=(("Authorization", "Bearer s3cret"),))

    told = {name.lower(): text for name, text in seen[0].items()}
    assert (told["authorization"], told["x-scope-orgid"]) == ("Bearer s3cret", "fleet")
    assert "s3cret" not in repr(server)


def test_a_line_that_is_no_header_is_wrong_usage_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "headers"
    file.write_text("Bearer s3cret\n")

    code = run(["gate", "--prometheus", "http://x", "--headers", str(file), "--slo", "x"])

    assert code == 2
    told = capsys.readouterr().err
    assert "headers:1 must be a header" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_credential_goes_nowhere_but_to_its_address(code: int) -> None:
    elsewhere: list[dict[str, str]] = []

    with (
        answering(200, vector("1"), seen=elsewhere) as other,
        answering(code, b"", to=f"{other}/api/v1/query") as url,
        pytest.raises(UnreachableError, match=f"answers {code}"),
    ):
        Prometheus(url, headers=(("Authorization", "x"),)).instant("up")

    assert elsewhere == []


def test_a_server_that_says_nothing_is_left_after_the_timeout() -> None:
    with (
        answering(200, b"", wait=threading.Event()) as url,
        pytest.raises(UnreachableError, match="timed out"),
    ):
        Prometheus(url, timeout_seconds=0.2).instant("up")


@pytest.mark.parametrize("url", ["ftp://x", "localhost:9090", "file:///etc/passwd", ""])
def test_only_http_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match="http or https"):
        Prometheus(url)


@pytest.mark.parametrize(
    "command",
    [["status"], ["gate", "--slo", "x"]],
    ids=["status", "gate"],
)
def test_an_unreachable_server_exits_4_in_one_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    code = run([*command, "--prometheus", url])

    assert code == 4
    told = capsys.readouterr().err.splitlines()
    assert told == [f"cannot tell: {url} does not answer: connection refused"]


def test_what_a_server_says_cannot_move_the_cursor() -> None:
    labels = {"slo_id": "a\x1b[2Jb", "objective": "99", "window": "30d"}
    result = [{"metric": labels, "value": [1, "1"]}]
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})

    with answering(200, body.encode()) as url:
        told = CliRunner().invoke(cli, ["status", "--prometheus", url])

    assert "\x1b" not in told.output
    assert "a?[2Jb" in told.output


def test_status_is_shown_again_and_again_until_somebody_stops_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"slo_id": "shop-checkout", "objective": "99", "window": "30d"}
    result = [{"metric": labels, "value": [1, "0.5"]}]
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", nap)
    with answering(200, body.encode()) as url:
        code = run(["status", "--prometheus", url, "--watch", "--every", "5"])

    shown = capsys.readouterr()
    assert (code, naps) == (130, [5.0, 5.0, 5.0])
    assert shown.out.count("shop-checkout") == 3
    assert "interrupted" in shown.err


@pytest.mark.parametrize(
    ("window", "pace", "ends"),
    [
        ("30d", "0.5", None),  # what is left settles at a half
        ("30d", "1", None),
        ("30d", "2", 30 * 86_400.0),
        ("month", "0.5", 30 * 86_400.0),  # nothing is given back before the month ends
        ("fortnight", "2", None),
    ],
)
def test_a_rolling_budget_ends_only_at_a_pace_above_one(
    window: str, pace: str, ends: float | None
) -> None:
    # Every query gets this answer: `pace` is what is left, too.
    series = {"metric": {"slo_id": "shop-a", "window": window}, "value": [0, pace]}
    body = {"status": "success", "data": {"resultType": "vector", "result": [series]}}

    with answering(200, json.dumps(body).encode()) as url:
        (one,) = standings(Prometheus(url))

    assert one.ends_in == ends


def test_of_budgets_that_nobody_knows_yet_what_fires_stands_first() -> None:
    def one(slo_id: str, left: float | None, burn: float | None, *firing: str) -> Standing:
        return Standing(slo_id, {}, "99", "30d", "web", left, burn, None, firing)

    found = [
        one("d-quiet", None, 0.0),
        one("c-burns", None, 3.0),
        one("b-fires", None, 1.0, "page: fast"),
        one("a-full", 0.9, 50.0),
        one("a-empty", 0.1, 0.0),
    ]

    told = [each.slo_id for each in sorted(found, key=urgency)]
    assert told == ["a-empty", "a-full", "b-fires", "c-burns", "d-quiet"]
