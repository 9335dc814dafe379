"""Every code of a configuration can be explained."""

from __future__ import annotations

from collectors.config.codes import CODES
from collectors.config.problems import Code
from slo.cli.codes import known_codes, page


def test_every_code_that_is_printed_has_a_page() -> None:
    assert set(CODES) == {code.value for code in Code}
    assert set(CODES) <= set(known_codes())


def test_a_page_has_a_title_and_a_way_out() -> None:
    for code in CODES:
        told = page(code)
        assert told is not None
        title, _, text = told.partition("\n\n")
        assert title.startswith(f"# {code}: ")
        assert len(text) > 40
