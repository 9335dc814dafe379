"""What is written is what was meant: read back, it is the same values."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from alerts.routing import emit, reader
from alerts.routing.build import routing
from alerts.routing.tree import Interval, Receiver, Route, Routing
from tests.alert_projects import fleet

FLEET = routing(fleet())


def bare(route: Route) -> Route:
    return replace(route, why="", routes=tuple(bare(child) for child in route.routes))


def nameless(given: Routing) -> Routing:
    """Without what only the reader of the file needs, nested settings as plain YAML."""
    return replace(
        given,
        root=bare(given.root),
        inhibitions=tuple(replace(rule, name="", why="") for rule in given.inhibitions),
        intervals=tuple(Interval(each.name, each.spans) for each in given.intervals),
        receivers=tuple(
            Receiver(each.name, tuple((kind, dict(block)) for kind, block in each.integrations))
            for each in given.receivers
        ),
    )


def test_a_written_routing_reads_back_the_same() -> None:
    assert nameless(reader.read(emit.render(FLEET))) == nameless(FLEET)


def test_writing_twice_gives_the_same_bytes() -> None:
    assert emit.render(routing(fleet())) == emit.render(routing(fleet()))


def test_inhibitions_are_named_from_0_30_on() -> None:
    old = yaml.safe_load(emit.render(FLEET, (0, 29)))["inhibit_rules"]
    new = yaml.safe_load(emit.render(FLEET, (0, 30)))["inhibit_rules"]

    assert not any("name" in rule for rule in old)
    assert [rule["name"] for rule in new] == [rule.name for rule in FLEET.inhibitions]


def test_every_route_and_rule_says_why_it_is_there() -> None:
    written = emit.render(FLEET)

    assert all(route.why and f"# {route.why}" in written for route in FLEET.root.routes)
    assert all(f"# {rule.name}: {rule.why}" in written for rule in FLEET.inhibitions)


def test_a_reason_of_several_lines_stays_a_comment() -> None:
    odd = replace(FLEET.root, routes=(replace(FLEET.root.routes[-1], why="one\nroot: two"),))

    assert reader.read(emit.render(replace(FLEET, root=odd))).root.routes[0].receiver is not None


def test_a_route_that_only_holds_others_is_written_too() -> None:
    holder = Route(None, routes=(Route("one"),))
    built = Routing(Route("one", routes=(holder, Route(None))), (), (), (Receiver("one"),))

    assert reader.read(emit.render(built)).root == built.root


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("route: [", "not YAML"),
        ("- a", "must be a mapping"),
        ("route: {receiver: x, match: {a: b}}", "match is not understood"),
        ("route: {receiver: x, matchers: ['a']}", "not a matcher"),
        ("route: {receiver: x}\nreceivers: {}", "receivers must be a list"),
        (
            (
                "route: {receiver: x}\ntime_intervals:\n- name: a\n"
                "  time_intervals: [{months: ['1:3']}]"
            ),
            "single number",
        ),
    ],
)
def test_what_is_not_understood_is_refused_and_named(text: str, told: str) -> None:
    if text.endswith("receivers: {}"):
        text = text.replace("{}", "{a: b}")
    with pytest.raises(ValueError, match=told):
        reader.read(text)
