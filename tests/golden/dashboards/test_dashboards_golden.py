"""What is drawn for a fixed project stays as it is, byte by byte.

`UPDATE_GOLDEN=1 pytest tests/golden/dashboards` writes the files anew; read the difference.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from dashboards.generator import GENERATOR
from tests.dashboard_projects import fleet

HERE = Path(__file__).parent
NAMES = ("executive.json", "on-call.json", "debug.json", "dashboards.yaml", "datasources.yaml")


@cache
def drawn() -> dict[str, str]:
    return {Path(file.path).name: file.text for file in GENERATOR.generate(fleet())}


def test_every_file_is_compared() -> None:
    assert sorted(drawn()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_drawn_as_before(name: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        (HERE / name).write_text(drawn()[name], encoding="utf-8")

    assert drawn()[name] == (HERE / name).read_text(encoding="utf-8")
