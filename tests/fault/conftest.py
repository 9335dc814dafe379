"""What tests of faults ask for."""

from __future__ import annotations

import pytest

from collectors.service import engine


@pytest.fixture
def quick_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots as often as there is something to save: nothing here takes ten seconds."""
    monkeypatch.setattr(engine, "SNAPSHOT_SECONDS", 0.02)
    monkeypatch.setattr(engine, "PRESSED_SNAPSHOT_SECONDS", 0.02)
    monkeypatch.setattr(engine, "_IDLE_SECONDS", 0.02)
