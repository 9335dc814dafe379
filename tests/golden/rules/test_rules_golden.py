"""What one small project becomes, byte for byte, and that Prometheus' tool accepts it.

`UPDATE_GOLDEN=1 pytest tests/golden/rules` writes the files anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slo.model import Compiled
from slo.plugin import Verdict
from slo.prove.links import PROOF as LINKS
from slo.prove.promtool import PROOF as PROMTOOL
from slo.rules import compile_project
from slo.spec import SourceFile, read
from tests.rule_projects import promtool, write_tree

HERE = Path(__file__).parent
EXPECTED = HERE / "expected"


def compiled() -> Compiled:
    text = (HERE / "project.yaml").read_text("utf-8")
    project, problems = read([SourceFile("project.yaml", text, named=True)])
    assert [problem.text for problem in problems if problem.level == "error"] == []
    assert project is not None
    return compile_project(project)


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text("utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_files_are_byte_for_byte_the_reviewed_ones(tmp_path: Path) -> None:
    write_tree(compiled(), tmp_path)
    if os.environ.get("UPDATE_GOLDEN"):
        write_tree(compiled(), EXPECTED)

    assert files_of(tmp_path) == files_of(EXPECTED)


@pytest.mark.servers
def test_the_reviewed_files_pass_every_proof() -> None:
    promtool()

    results = [*PROMTOOL.run(EXPECTED), *LINKS.run(EXPECTED)]

    assert len(results) > 6
    assert [result for result in results if result.verdict is not Verdict.PASSED] == []
