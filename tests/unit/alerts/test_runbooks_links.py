"""Who is woken clicks on what a step names."""

from __future__ import annotations

from alerts.runbooks.links import clickable
from slo.model import Settings


def test_a_series_of_the_catalogue_leads_to_its_graph_with_its_matchers() -> None:
    told = clickable(Settings(), 'Look at mas_dependency_status{mas_dependency_state="down"}.')

    assert told.startswith('Look at [`mas_dependency_status{mas_dependency_state="down"}`](http')
    assert "g0.expr=mas_dependency_status%7Bmas_dependency_state%3D%22down%22%7D&" in told
    assert told.endswith(").")


def test_what_is_no_series_or_marked_already_stays_as_it_is() -> None:
    step = "by mas_conflict_type, `mas_leader_count`, mas_nothing_total"

    assert clickable(Settings(), step) == step
