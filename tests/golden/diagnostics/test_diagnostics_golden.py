"""What people see when their files are wrong, word for word and mark for mark.

Each `<case>.yaml` has its `<case>.txt`. `UPDATE_GOLDEN=1 pytest tests/golden/diagnostics`
writes the texts anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slo.cli.draw import draw, summary
from slo.spec import SourceFile, read

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))


def drawn(path: Path) -> str:
    text = path.read_text("utf-8")
    problems = read([SourceFile(path.name, text, named=True)])[1]
    parts = [draw(problem, {path.name: text}) for problem in problems]
    return "\n\n".join([*parts, summary(problems)]) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_problems_are_drawn_as_they_were(path: Path) -> None:
    golden = path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(drawn(path), encoding="utf-8")

    assert drawn(path) == golden.read_text("utf-8")
