from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboards.layout import COLUMNS, Place, Size, flow

sizes = st.lists(
    st.builds(Size, st.integers(1, COLUMNS), st.integers(1, 20)), min_size=1, max_size=30
)


def apart(one: Place, other: Place) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return beside or one.y + one.height <= other.y or other.y + other.height <= one.y


@given(wanted=sizes, top=st.integers(0, 1000))
def test_panels_never_overlap_and_fill_their_lines(wanted: list[Size], top: int) -> None:
    places, bottom = flow(wanted, top)

    assert len(places) == len(wanted)
    assert all(apart(one, other) for one, other in combinations(places, 2))
    assert sum(place.width * place.height for place in places) == COLUMNS * (bottom - top)
    assert min(place.y for place in places) == top


@given(wanted=sizes)
def test_panels_keep_their_order_and_get_at_least_what_they_asked_for(wanted: list[Size]) -> None:
    places, _ = flow(wanted, 0)

    assert all((one.y, one.x) < (other.y, other.x) for one, other in pairwise(places))
    assert all(
        place.width >= size.width and place.height >= size.height
        for place, size in zip(places, wanted, strict=True)
    )


def test_a_line_breaks_where_a_panel_no_longer_fits() -> None:
    places, bottom = flow([Size(12, 4), Size(8, 6), Size(8, 3)], 10)

    assert places == [Place(0, 10, 14, 6), Place(14, 10, 10, 6), Place(0, 16, 24, 3)]
    assert bottom == 19
