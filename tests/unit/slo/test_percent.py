"""Shares are shown in percent, in digits that anybody reads."""

from __future__ import annotations

import pytest

from slo.percent import percent


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.015, "1.5 %"), (0.999, "99.9 %"), (1.0, "100 %"), (35.7, "3570 %"), (-66.0, "-6600 %")],
)
def test_a_share_is_never_shown_in_powers_of_ten(share: float, shown: str) -> None:
    assert percent(share) == shown
