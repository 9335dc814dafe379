"""What tests of the collector ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import Certificates


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """An authority of its own, in a temporary folder."""
    return Certificates(tmp_path)
