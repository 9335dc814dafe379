"""Prometheus' own tool on everything that Prometheus will read, and on the unit tests.

Tests run side by side, one process for each SLO, and none longer than a limit: a proof that
does not end is a proof that failed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from slo.plugin import Result, Verdict
from slo.prove.slices import Slice, slices
from slo.servers import find, way_out

_SECONDS: Final = 300
"""Longest that one run of the tool may take."""
_WORDS_KEPT: Final = 4_000
"""Characters of the tool's complaint that are shown."""


@dataclass(frozen=True, slots=True)
class PromtoolProof:
    """`promtool check` on rules and configuration, `promtool test` on the unit tests."""

    name: str = "promtool"

    def run(self, directory: Path) -> Iterator[Result]:
        """Prove ``prometheus/`` below `directory`, if there is one."""
        root = directory / "prometheus"
        if not root.is_dir():
            return
        tool = find("promtool")
        if tool is None:
            words = f"promtool is not to be had: {way_out('promtool')}"
            yield Result("prometheus rules, configuration and unit tests", Verdict.SKIPPED, words)
            return
        config = root / "prometheus.yml"
        if config.is_file():
            yield _checked(tool, "config", config, directory)
        for file in sorted((root / "rules").glob("*.yaml")):
            yield _checked(tool, "rules", file, directory)
        yield from _tested(tool, sorted((root / "tests").glob("*.test.yaml")), directory)


PROOF: Final = PromtoolProof()


def _checked(tool: Path, what: str, file: Path, directory: Path) -> Result:
    name = f"promtool check {what} {file.relative_to(directory)}"
    return _result(name, _run([tool, "check", what, file]))


def _tested(tool: Path, files: list[Path], directory: Path) -> Iterator[Result]:
    """One result for each test file, its parts proven side by side."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for file in files:
            name = f"promtool test rules {file.relative_to(directory)}"
            try:
                parts = list(slices(file))
            except (OSError, ValueError) as error:
                yield Result(name, Verdict.FAILED, str(error))
                continue
            words = list(pool.map(partial(_proven, tool), parts))
            count = sum(part.count for part in parts)
            yield _result(f"{name} ({count} tests)", "\n".join(filter(None, words)))


def _proven(tool: Path, part: Slice) -> str:
    """What promtool says against the tests of `part`; empty when they pass."""
    with tempfile.TemporaryDirectory(prefix="fleetslo-proof-") as folder:
        tests = Path(folder) / "tests.json"
        tests.write_text(part.tests, encoding="utf-8")
        (Path(folder) / "rules.json").write_text(part.rules, encoding="utf-8")
        words = _run([tool, "test", "rules", tests])
    return f"{part.subject}:\n{words}" if words else ""


def _run(command: list[str | Path]) -> str:
    """What the tool complains about; empty when it is content."""
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {_SECONDS} s"
    if ended.returncode == 0:
        return ""
    said = f"{ended.stdout}\n{ended.stderr}".strip() or f"exit code {ended.returncode}"
    return "\n".join(line for line in said.splitlines() if line.strip())[:_WORDS_KEPT]


def _result(name: str, complaint: str) -> Result:
    return Result(name, Verdict.FAILED if complaint else Verdict.PASSED, complaint)
