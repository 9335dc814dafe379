"""The pages of a game day: what a browser gets drawn, and what everybody else is given."""

from __future__ import annotations

import io
import urllib.request
from pathlib import Path

from rich.console import Console

from alerts.gameday.library import Library
from alerts.gameday.markup import drawn
from alerts.gameday.narrator import Narrator

RUNBOOK = """# SplitBrain

|  |  |
|---|---|
| Owner | **Core** |

1. See [who](Other.md) <script>alert(1)</script>
"""


def fetched(url: str, accept: str) -> tuple[str, str]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_a_browser_gets_a_runbook_drawn_and_curl_its_markdown(tmp_path: Path) -> None:
    (tmp_path / "SplitBrain.md").write_text(RUNBOOK)

    with Library(tmp_path) as library:
        kind, seen = fetched(f"{library.url}/SplitBrain.md", "text/html,*/*;q=0.8")
        plain, text = fetched(f"{library.url}/SplitBrain.md", "*/*")

    assert (kind, plain) == ("text/html; charset=utf-8", "text/plain; charset=utf-8")
    assert "<title>SplitBrain</title>" in seen
    assert '<a href="Other.md">who</a>' in seen
    assert "<td><strong>Core</strong></td>" in seen
    assert text == RUNBOOK


def test_markup_in_a_runbook_is_shown_and_not_run() -> None:
    assert "&lt;script&gt;" in drawn("x", RUNBOOK)


def test_a_page_made_on_demand_is_found_whatever_its_query(tmp_path: Path) -> None:
    with Library(tmp_path) as library:
        address = library.show("/d", lambda: "<p>here</p>")

        assert fetched(f"{address}?var-slo=x", "*/*")[1] == "<p>here</p>"


def test_the_line_that_renews_itself_is_one_line_on_a_narrow_terminal() -> None:
    out = io.StringIO()
    tell = Narrator(Console(file=out, force_terminal=True, width=40, no_color=False))

    with tell.waiting("a b c " * 20):
        tell.now("d e f " * 20)

    assert "…" in out.getvalue()
    assert "\x1b[1A" not in out.getvalue().replace("\r\x1b[1A\x1b[2K", "", 1)
