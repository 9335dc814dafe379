"""What people copy works as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from slo import servers

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.servers
def test_the_example_slos_generate_a_tree_that_every_proof_accepts(tmp_path: Path) -> None:
    if servers.find("promtool") is None or servers.find("amtool") is None:
        pytest.skip("promtool and amtool are not to be had: run `make servers`")
    out = tmp_path / "out"
    validated = run("sloctl", "validate", "--strict", "examples/slo")
    assert validated.returncode == 0, validated.stdout + validated.stderr
    generated = run("sloctl", "generate", "examples/slo", "--out", out)
    assert generated.returncode == 0, generated.stderr

    verified = run("sloctl", "verify", out)

    assert verified.returncode == 0, verified.stdout
    assert "failed" not in verified.stdout


def test_every_example_slo_is_explained() -> None:
    explained = run("sloctl", "explain", "examples/slo")

    assert explained.returncode == 0, explained.stderr
    for slo in (
        "checkout-availability",
        "checkout-latency",
        "research-agents-tool-calls",
        "research-agents-planning",
    ):
        assert slo in explained.stdout
