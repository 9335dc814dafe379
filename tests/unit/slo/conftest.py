"""What tests of `sloctl` ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec_files import GOOD


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """A directory with one file in which nothing is wrong."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "all.yaml").write_text(GOOD)
    return folder
