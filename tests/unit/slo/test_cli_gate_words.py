"""The gate tells budgets that are not known yet from those that never will be."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from slo.cli.app import run

KNOWN = "slo_info"
OLD = 'slo_info{slo_id="shop-api"} offset 15m'
BUSY = 'slo:sli_total:rate5m{slo_id="shop-api"} > 0'


@contextmanager
def prometheus(answers: Mapping[str, str]) -> Generator[str]:
    """A server that has a series of the SLO named for each query of `answers`, and no others."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            (query,) = parse_qs(asked)["query"]
            found = answers.get(query)
            result = [] if found is None else [{"metric": {"slo_id": found}, "value": [1.5, "1"]}]
            data = {"resultType": "vector", "result": result}
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "records no SLO: its rules are not loaded, or were not run yet"),
        ({KNOWN: "shop-web"}, "no SLO is called 'shop-api'"),
        ({KNOWN: "shop-api"}, "has no budget yet"),
        ({KNOWN: "shop-api", BUSY: "shop-api"}, "has events, and no budget yet"),
        ({KNOWN: "shop-api", OLD: "shop-api"}, "no event was measured in its window"),
    ],
)
def test_it_says_why_it_cannot_tell(
    answers: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with prometheus(answers) as url:
        code = run(["gate", "--prometheus", url, "--slo", "shop-api"])

    assert code == 4
    assert words in capsys.readouterr().err
