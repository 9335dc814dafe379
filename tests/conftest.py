"""What tests of several folders ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slo.servers import find
from tests.recorder import Recorder, recorder
from tests.releases import Release, alertmanagers


@pytest.fixture
def kept() -> Iterator[Recorder]:
    """A receiver of notifications that keeps what it was sent."""
    with recorder() as running:
        yield running


@pytest.fixture(params=alertmanagers(), ids=str)
def release(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Each Alertmanager that is to be had, with its amtool, as the one that is found."""
    chosen: Release = request.param
    chosen.choose(monkeypatch)
    for tool in ("alertmanager", "amtool"):
        if find(tool) is None:
            pytest.skip(f"{tool} is not to be had: run `make servers`")
    return chosen
