"""Every processor whose items wait on disk keeps `Waiting`; the check finds those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.component import Emit, Meter, Processor, ProcessorFactory, Signal
from collectors.config.registry import Kind, Registry
from collectors.testing import check_waiting, settings
from collectors.waiting import Pins, Shelf
from tests.collector_waiting import Wait

TRACES = (Signal.TRACES,)
CONFIGS: dict[str, list[dict[str, object]]] = {
    "tail_sampling": [
        {"policies": [{"name": "all", "type": "always_sample"}]},
        {
            "policies": [
                {
                    "name": "half",
                    "type": "probabilistic",
                    "probabilistic": {"sampling_percentage": 50},
                }
            ],
            "shadow": {
                "policies": [
                    {
                        "name": "errors",
                        "type": "status_code",
                        "status_code": {"status_codes": ["ERROR"]},
                    },
                    {
                        "name": "rate",
                        "type": "rate_limiting",
                        "rate_limiting": {"spans_per_second": 2},
                    },
                ]
            },
        },
    ]
}


def waiting_types() -> list[str]:
    registry = Registry.installed()
    factories = {
        name: registry.load(Kind.PROCESSORS, name) for name in registry.names(Kind.PROCESSORS)
    }
    return sorted(
        name for name, of in factories.items() if isinstance(of, ProcessorFactory) and of.waits
    )


def test_every_processor_that_waits_is_listed_here() -> None:
    assert waiting_types() == sorted(CONFIGS)


@pytest.mark.parametrize(
    ("name", "values"), [(name, values) for name, all_of in CONFIGS.items() for values in all_of]
)
def test_what_waits_is_pinned_moved_and_decided_on(
    name: str, values: dict[str, object], tmp_path: Path
) -> None:
    factory = Registry.installed().load(Kind.PROCESSORS, name)
    assert isinstance(factory, ProcessorFactory)
    config = factory.config.model_validate(values)

    def make(shelf: Shelf, meter: Meter) -> Processor:
        return factory.create(config, settings(tmp_path, name, TRACES, meter, shelf))

    check_waiting(make, TRACES)


def check(kind: type[Wait]) -> None:
    def make(shelf: Shelf, meter: Meter) -> Processor:
        return kind(settings(Path(), meter=meter, shelf=shelf))

    check_waiting(make, TRACES)


def test_a_sound_processor_passes() -> None:
    check(Wait)


def test_one_that_pins_too_little_is_found() -> None:
    class Careless(Wait):
        def pins(self) -> Pins:
            pins = super().pins()
            return Pins(None if pins.inbox is None else pins.inbox + 1, pins.held)

    with pytest.raises(AssertionError):
        check(Careless)


def test_one_that_does_not_move_is_found() -> None:
    class Lazy(Wait):
        def relocate(self, inbox_before: int, held_before: int) -> None:
            pass

    with pytest.raises(AssertionError, match="held log"):
        check(Lazy)


def test_one_that_goes_on_waiting_is_found() -> None:
    class Stubborn(Wait):
        def decide_early(self, most_bytes: int, steady_ns: int, out: Emit) -> None:
            pass

    with pytest.raises(AssertionError, match="nothing waits"):
        check(Stubborn)
