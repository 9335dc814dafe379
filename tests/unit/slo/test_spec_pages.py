"""Every code has a page, and what the page shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slo.cli.codes import known_codes, page
from slo.spec import SourceFile, read
from tests.front_end import TEAM

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted((ROOT / "slo" / "cli" / "pages").glob("*.md"))
EXAMPLE = re.compile(r"## (Fails|Passes)\n\n```yaml\n(.*?)```", re.DOTALL)
CODE = re.compile(r'"((?:SLO|ALM|DSH)[0-9]{3})"')


def examples() -> list[tuple[str, str, str]]:
    return [
        (file.stem, which, text)
        for file in PAGES
        for which, text in EXAMPLE.findall(file.read_text("utf-8"))
    ]


def codes_in(text: str) -> set[str]:
    files = [SourceFile("example.yaml", text, named=True)]
    if "kind: Team" not in text:
        files.append(SourceFile("team.yaml", TEAM, named=True))
    if text.startswith("#"):
        files = files[:1]
    return {problem.code for problem in read(files)[1]}


@pytest.mark.parametrize(
    ("code", "which", "text"), examples(), ids=lambda value: value if len(value) < 9 else ""
)
def test_an_example_does_what_its_heading_says(code: str, which: str, text: str) -> None:
    found = codes_in(text)

    if which == "Fails":
        assert code in found
    else:
        assert found == set()


def test_every_code_that_is_said_can_be_explained() -> None:
    said = {
        code
        for folder in ("slo", "alerts", "dashboards")
        for file in (ROOT / folder).rglob("*.py")
        for code in CODE.findall(file.read_text("utf-8"))
    }

    assert said <= set(known_codes())


def test_a_page_opens_with_its_code() -> None:
    for code in known_codes():
        text = page(code)
        assert text is not None
        assert text.startswith(f"# {code}: ")


def test_an_unknown_code_has_no_page() -> None:
    assert page("SLO999") is None
