"""Resources are bounded by their number, and by their bytes: a sender says how long they are."""

from __future__ import annotations

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.counting import Resources
from collectors.counting.resources import MOST_BYTES


def resource(name: str, size_bytes: int) -> bytes:
    made = Resource()
    made.attributes.add(key=name).value.string_value = "x" * size_bytes
    return made.SerializeToString()


def test_the_oldest_go_where_there_are_too_many() -> None:
    known = Resources(())
    numbers = [known.number(resource(str(n), 10), steady_ns=n) for n in range(5)]

    assert known.surplus(5) == frozenset()
    assert known.surplus(2) == frozenset(numbers[:3])


def test_the_oldest_go_where_few_are_too_long() -> None:
    known = Resources(())
    numbers = [known.number(resource(str(n), MOST_BYTES // 4), steady_ns=n) for n in range(6)]

    assert known.surplus(1000) == frozenset(numbers[:3])


def test_one_that_is_too_long_by_itself_goes_too() -> None:
    known = Resources(())
    number = known.number(resource("a", MOST_BYTES), steady_ns=1)

    assert known.surplus(1000) == frozenset({number})
