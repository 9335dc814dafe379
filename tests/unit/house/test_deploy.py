"""What people copy out of `deploy/` is sound, as far as its own tools can tell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[3] / "deploy" / "collector.service"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, its command replaced by one that is installed here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, of Debian's package systemd")
    copy = tmp_path / UNIT.name
    text, count = re.subn(r"(?m)^(ExecStart=)\S+", rf"\1{sys.executable}", UNIT.read_text())
    assert count == 1
    copy.write_text(text)
    return copy


def test_systemd_takes_every_line_of_the_unit(unit: Path) -> None:
    command = ["systemd-analyze", "verify", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (told.returncode, told.stderr) == (0, "")


def test_the_unit_gives_the_daemon_little_more_than_it_needs(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    level = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert level is not None, told.stdout + told.stderr
    assert float(level[1]) < 2.5
