from __future__ import annotations

import pytest

from collectors.component import Batch, Context, Emit, Processor, Signal
from collectors.graph import (
    Configured,
    Graph,
    GraphError,
    InboxWords,
    Ledger,
    OutboxWords,
    Pipeline,
    PipelineMeter,
    Skip,
    StepFailed,
    Tick,
    Unreadable,
    Unrouted,
    Wiring,
    control_entry,
    order,
    pack,
    reach,
    read_control,
    unpack,
)
from collectors.graph.codec import DeadWords
from collectors.stateless import Stateless
from tests.collector_parts import Count, Hold, NoMeter, batch_of

TRACES, METRICS = Signal.TRACES, Signal.METRICS


def pipeline(
    signal: Signal, receivers: str, exporters: str, *processors: Processor, ledger: Ledger
) -> Pipeline:
    wiring = Wiring(signal, tuple(receivers.split()), tuple(exporters.split()))
    return Pipeline(wiring, tuple((f"p{i}", p) for i, p in enumerate(processors)), ledger)


def test_a_batch_that_leaves_a_pipeline_is_one_output_for_all_its_exporters() -> None:
    ledger = Ledger()
    graph = Graph({"traces": pipeline(TRACES, "r", "a b", ledger=ledger)}, {})

    (output,) = graph.step("r", batch_of(b"x", 7))

    assert output.destinations == ("a", "b")
    assert output.batch.payload == b"x"
    assert (ledger.entered, ledger.out, ledger.imbalance(0)) == (7, 7, 0)


def test_a_connector_feeds_the_pipelines_of_the_signal_that_it_puts_out() -> None:
    graph = Graph(
        {
            "metrics": pipeline(METRICS, "count", "m", ledger=Ledger()),
            "traces": pipeline(TRACES, "r", "a count", ledger=Ledger()),
            "traces/other": pipeline(TRACES, "count", "o", ledger=Ledger()),
        },
        {"count": Count(NoMeter())},
    )

    outputs = graph.step("r", batch_of(b"x", 7))

    assert [(o.pipeline, o.batch.payload) for o in outputs] == [
        ("traces", b"x"),
        ("metrics", b"seen 7"),
    ]


def test_what_no_pipeline_takes_is_said_to_be_so() -> None:
    graph = Graph({"traces": pipeline(TRACES, "r", "a", ledger=Ledger())}, {})

    with pytest.raises(Unrouted, match="no metrics pipeline takes what receiver r got"):
        graph.step("r", batch_of(b"x", 1, METRICS))


def test_connectors_in_a_circle_are_an_error_that_names_them() -> None:
    wirings = {
        "traces/a": Wiring(TRACES, ("c2",), ("c1",)),
        "traces/b": Wiring(TRACES, ("c1",), ("c2",)),
    }

    with pytest.raises(GraphError, match="c1, c2, traces/a, traces/b"):
        order(wirings, ("c1", "c2"))


def test_every_node_comes_after_what_feeds_it() -> None:
    wirings = {
        "metrics": Wiring(METRICS, ("c2",), ("x",)),
        "traces/a": Wiring(TRACES, ("r",), ("c1",)),
        "traces/b": Wiring(TRACES, ("c1",), ("c2", "x")),
    }

    names = [node.name for node in order(wirings, ("c1", "c2"))]

    assert names == ["traces/a", "c1", "traces/b", "c2", "metrics"]
    assert reach(wirings, ("c1", "c2"), "r") == 3
    assert reach(wirings, ("c1", "c2"), "nobody") == 0


def test_a_tick_reaches_only_those_whose_time_has_come() -> None:
    ledger = Ledger()
    graph = Graph({"traces": pipeline(TRACES, "r", "a", Hold(9), ledger=ledger)}, {})
    assert graph.step("r", batch_of(b"x", 2)) == []
    deadline = graph.next_deadline()
    assert deadline == 2_000_000_000
    assert ledger.imbalance(graph.held_items("traces")) == 0

    assert graph.tick(deadline - 1) == []
    (output,) = graph.tick(deadline)

    assert output.batch.payload == b"x"
    assert graph.next_deadline() is None


def test_a_restored_graph_goes_on_as_if_nothing_had_happened() -> None:
    def make() -> Graph:
        pipelines = {"traces": pipeline(TRACES, "r", "a c", Hold(2), ledger=Ledger())}
        pipelines["metrics"] = pipeline(METRICS, "c", "a", ledger=Ledger())
        return Graph(pipelines, {"c": Count(NoMeter())})

    first, second = make(), make()
    first.step("r", batch_of(b"1", 1))
    second.restore(unpack(pack(first.snapshot())))

    assert second.step("r", batch_of(b"2", 1)) == first.step("r", batch_of(b"2", 1))
    assert second.snapshot() == first.snapshot()


def test_a_component_that_raises_is_named() -> None:
    class Broken(Stateless):
        def step(self, batch: Batch, out: Emit) -> None:
            raise KeyError(batch.items)

    graph = Graph(
        {"traces": pipeline(TRACES, "r", "a", Stateless(), Broken(), ledger=Ledger())}, {}
    )

    with pytest.raises(StepFailed, match="p1 failed") as caught:
        graph.step("r", batch_of(b"x", 1))

    assert isinstance(caught.value.__cause__, KeyError)


def test_a_processor_counts_what_it_drops_in_the_ledger_of_its_pipeline() -> None:
    ledger = Ledger(entered=5)
    meter = PipelineMeter(ledger, NoMeter())

    meter.add("fleetslo_items_total", 3, outcome="filtered")

    assert ledger.filtered == 3
    assert ledger.imbalance(held=2) == 0
    with pytest.raises(ValueError, match="got 'out'"):
        meter.add("fleetslo_items_total", 1, outcome="out")


def test_a_connector_has_books_of_its_own() -> None:
    ledger = Ledger()
    pipelines = {
        "metrics": pipeline(METRICS, "count", "m", ledger=Ledger()),
        "traces": pipeline(TRACES, "r", "a count", ledger=Ledger()),
    }
    graph = Graph(pipelines, {"count": Count(PipelineMeter(ledger, NoMeter()))}, {"count": ledger})

    graph.step("r", batch_of(b"x", 7))
    graph.step("r", batch_of(b"y", 2))

    assert ledger == Ledger(entered=9, made=2, out=2, aggregated=9)
    assert [account.ledger.imbalance(account.held) for account in graph.accounts()] == [0, 0, 0]
    after = Graph(pipelines, {"count": Count(NoMeter())})
    after.restore(graph.snapshot())
    assert after.ledger("count") == ledger


def test_what_a_connector_that_is_gone_has_held_is_told() -> None:
    ledger = Ledger(entered=5, out=3)
    pipelines = {"traces": pipeline(TRACES, "r", "hold", ledger=Ledger())}
    before = Graph(pipelines, {"hold": Hold(9)}, {"hold": ledger})
    after = Graph({"traces": pipeline(TRACES, "r", "a", ledger=Ledger())}, {})

    assert after.take_over(before.snapshot()) == {"hold": 2}


def test_a_ledger_survives_on_disk() -> None:
    before = Ledger(1, 2, 3, 4, 5, 6)
    after = Ledger()

    after.decode(before.encode())

    assert after == before


@pytest.mark.parametrize("control", [Tick(), Configured("f", "1"), Skip(4)])
def test_a_control_record_says_what_was_meant(control: Tick | Configured | Skip) -> None:
    entry = control_entry(control, 1, 2)

    assert read_control(entry.meta) == control
    assert (entry.items, entry.signal, entry.payload) == (0, None, b"")


def test_an_unknown_control_record_is_not_guessed_at() -> None:
    with pytest.raises(Unreadable, match="unknown control record"):
        read_control(b'{"control":"explode"}')


CONTEXT = Context("team-ä", "[::1]:4", (("x-a", "1"), ("x-b", "2")))


def test_words_beside_a_payload_are_read_as_they_were_written() -> None:
    inbox = InboxWords("otlp/1", CONTEXT, "00ff")
    outbox = OutboxWords(3, 1, "traces", ("a", "b"), CONTEXT)
    dead = DeadWords("too large", "delivery", "a", "traces", 3, -1, Context())

    assert InboxWords.decode(inbox.encode()) == inbox
    assert OutboxWords.decode(outbox.encode()) == outbox
    assert DeadWords.decode(dead.encode()) == dead


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"t":1}', b'{"t":[],"o":"x"}', b"\xff"])
def test_words_that_make_no_sense_are_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        OutboxWords.decode(data)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_state_that_ends_in_the_middle_is_unreadable(cut: int) -> None:
    data = pack({"a": b"1234", "bc": b""})
    if cut in {0, 13}:
        return

    with pytest.raises(Unreadable):
        unpack(data[:cut])
