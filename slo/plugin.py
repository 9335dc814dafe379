"""What other rooms plug into `sloctl`, and the contract each of them keeps.

The entry-point groups stand in `pyproject.toml`: `sloctl.generators`, `sloctl.proofs`,
`sloctl.starters` and `sloctl.commands`. `slo` itself never imports upwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from slo.diagnostic import Diagnostic
from slo.model import Compiled, OutputFile


class Output(StrEnum):
    """The families of output that `sloctl generate --only` chooses from."""

    RULES = "rules"
    TESTS = "tests"
    DASHBOARDS = "dashboards"
    ALERTMANAGER = "alertmanager"
    RUNBOOKS = "runbooks"
    COLLECTOR = "collector"


class Generator(Protocol):
    """Turns a compiled project into files. A pure function: same input, same bytes.

    Attributes:
        output: The family that its files belong to.
    """

    output: Output

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """What stands in the way. Errors stop the run before anything is written."""
        ...

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """The files, paths unique across all generators."""
        ...


class Verdict(StrEnum):
    """How a proof ended. SKIPPED says that its tool or server was not to be had."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of `sloctl verify`: what was proven, how it ended, and the words of the tool."""

    name: str
    verdict: Verdict
    detail: str = ""


class Proof(Protocol):
    """Checks a generated tree against the real tools. May start processes; leaves none behind."""

    name: str

    def run(self, directory: Path) -> Iterable[Result]:
        """Prove everything of this kind below `directory`, the tree of `sloctl generate`."""
        ...
