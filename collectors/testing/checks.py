"""The checks: each uses one component as the daemon would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from collectors.component import (
    Batch,
    Delivery,
    Exporter,
    Extension,
    Meter,
    NeverTaken,
    Processor,
    Receiver,
    Refused,
    Rejected,
    Signal,
    StartError,
    TryLater,
    View,
)
from collectors.graph import Ledger, PipelineMeter
from collectors.testing.doubles import MemoryHost, MemoryIntake, MemoryMeter
from collectors.testing.samples import batch
from collectors.wire import inspect

_BROKEN = b"\x0a\xff\x01"  # a length that goes beyond the end
_MAX_TRIES = 200
_MAX_TICKS = 1000
_LONGEST_FETCH_SECONDS = 20


def check_processor(
    make: Callable[[], Processor], signals: Sequence[Signal], *, conserves: bool
) -> None:
    """A processor is a function of its input, and its snapshot is all of its state.

    Args:
        make: Builds a fresh one.
        signals: What it takes.
        conserves: Every item that goes in comes out or is held; false for one that drops
            or makes items.
    """
    batches = [batch(signal, seed=seed) for seed in range(4) for signal in signals]
    straight = _run(make(), batches)
    assert straight == _run(make(), batches), "the same input must give the same output"
    for cut in range(len(batches) + 1):
        first, second = make(), make()
        before = _step_all(first, batches[:cut])
        second.restore(first.snapshot())
        assert second.held_items() == first.held_items(), "a snapshot holds what is held"
        after = _run(second, batches[cut:])
        assert before + after == straight, f"restoring after {cut} batches changes the output"
    if conserves:
        entered = sum(item.items for item in batches)
        assert sum(item.items for item in straight) == entered, "items are lost or made"
    _check_broken_input(make(), signals)


def check_books(make: Callable[[Meter], Processor], signals: Sequence[Signal]) -> None:
    """A processor or connector accounts for every item: the books of the daemon rely on it.

    Args:
        make: Builds a fresh one that counts in the meter it is given.
        signals: What it takes.
    """
    ledger = Ledger()
    processor = make(PipelineMeter(ledger, MemoryMeter()))
    batches = [batch(signal, seed=seed) for seed in range(4) for signal in signals]
    ledger.entered = sum(item.items for item in batches)
    ledger.out = sum(item.items for item in _run(processor, batches))
    assert not ledger.imbalance(processor.held_items()), f"items are unaccounted for: {ledger}"


def _run(processor: Processor, batches: Sequence[Batch]) -> list[Batch]:
    out = _step_all(processor, batches)
    for _ in range(_MAX_TICKS):
        deadline = processor.next_deadline()
        if deadline is None:
            break
        processor.tick(deadline, out.append)
    assert processor.held_items() == 0, "when nothing waits any more, nothing is held"
    return out


def _step_all(processor: Processor, batches: Sequence[Batch]) -> list[Batch]:
    """Steps, and in between the ticks that are due."""
    out: list[Batch] = []
    for item in batches:
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= item.steady_ns:
            processor.tick(item.steady_ns, out.append)
        held, count = processor.held_items(), len(out)
        processor.step(item, out.append)
        assert processor.held_items() >= 0, "held items are counted, they cannot be negative"
        assert processor.held_items() <= held + item.items or len(out) > count, "items are made"
    return out


def _check_broken_input(processor: Processor, signals: Sequence[Signal]) -> None:
    before = processor.snapshot()
    for signal in signals:
        sample = batch(signal)
        broken = Batch(signal, _BROKEN, 1, sample.context, sample.steady_ns, sample.wall_ns)
        out: list[Batch] = []
        try:
            processor.step(broken, out.append)
        except Exception:  # noqa: BLE001 - the daemon dead-letters on any of them
            assert processor.snapshot() == before, "raising leaves the state as it was"


class Far(Protocol):
    """The far end of an exporter under test."""

    def received(self) -> int:
        """Items that it has taken."""
        ...


async def check_exporter(
    make: Callable[[], Exporter], far: Far, signals: Sequence[Signal], *, rounds: int = 20
) -> None:
    """Every item sent is delivered or rejected, whatever the far end answers in between.

    Args:
        make: Builds a fresh one that sends to `far`.
        far: Counts what it takes; may refuse, delay, and take in part, as it likes.
        signals: What the exporter takes.
        rounds: Batches sent of each signal.
    """
    await _check_lifecycle(make())
    exporter = make()
    await exporter.start()
    try:
        before, sent, delivered, rejected = far.received(), 0, 0, 0
        for seed in range(rounds):
            for signal in signals:
                item = batch(signal, items=seed % 5 + 1, seed=seed)
                outcome = await _until_settled(exporter, item)
                sent += item.items
                rejected += outcome.rejected_items
                delivered += item.items - outcome.rejected_items
        assert delivered + rejected == sent
        taken = far.received() - before
        assert taken == delivered, f"{delivered} items called delivered, the far end took {taken}"
    finally:
        await exporter.stop()


async def _check_lifecycle(exporter: Exporter) -> None:
    await exporter.stop()
    # It may say so, or work; anything else would end the daemon.
    with contextlib.suppress(TryLater, NeverTaken):
        await exporter.deliver(batch(Signal.METRICS))
    await exporter.start()
    await exporter.stop()
    await exporter.stop()


async def _until_settled(exporter: Exporter, item: Batch) -> Delivery:
    for _ in range(_MAX_TRIES):
        try:
            return await exporter.deliver(item)
        except TryLater as answer:
            hint = answer.retry_after_seconds
            assert hint is None or hint >= 0, "a hint is never negative"
        except NeverTaken as answer:
            return Delivery(item.items, answer.reason)
    msg = f"not settled after {_MAX_TRIES} tries"
    raise AssertionError(msg)


async def check_view(make: Callable[[], View], signals: Sequence[Signal]) -> None:
    """A view's state is a function of what was applied, and all of it is in the snapshot."""
    unstarted = make()
    await unstarted.stop()
    batches = [
        batch(signal, items=seed % 4 + 1, seed=seed) for seed in range(6) for signal in signals
    ]
    whole = make()
    for item in batches:
        whole.apply(item)
    for cut in range(len(batches) + 1):
        first, second = make(), make()
        for item in batches[:cut]:
            first.apply(item)
        second.restore(first.snapshot())
        for item in batches[cut:]:
            second.apply(item)
        assert second.snapshot() == whole.snapshot(), f"restoring after {cut} batches differs"
    before = whole.snapshot()
    sample = batches[0]
    broken = Batch(sample.signal, _BROKEN, 1, sample.context, sample.steady_ns, sample.wall_ns)
    try:
        whole.apply(broken)
    except Exception:  # noqa: BLE001 - the daemon dead-letters on any of them
        assert whole.snapshot() == before, "raising leaves the state as it was"
    await whole.start()
    whole.ready()
    await whole.stop()
    await whole.stop()


@dataclass(frozen=True, slots=True)
class Door:
    """How a test speaks to a receiver.

    Attributes:
        send: Sends one batch once: True when it was taken, False when told to come again;
            raises `Rejected` when told never to.
    """

    send: Callable[[Receiver, Batch], Awaitable[bool]]


async def check_receiver(
    make: Callable[[MemoryIntake], Receiver],
    door: Door,
    signals: Sequence[Signal],
    occupied: Callable[[MemoryIntake, Receiver], Receiver] | None = None,
) -> None:
    """A receiver says yes only to what the intake took, and passes on its other answers.

    Args:
        make: Builds a fresh one on a free address.
        door: A client of it.
        signals: What it takes.
        occupied: Builds one that wants the address of another, where it has an address.
    """
    intake = MemoryIntake()
    await make(intake).stop()
    receiver = make(intake)
    await receiver.start()
    try:
        for signal in signals:
            await _check_answers(receiver, intake, door, signal)
        if occupied is not None:
            await _check_taken_address(occupied(intake, receiver))
    finally:
        await receiver.stop()
        await receiver.stop()


async def _check_answers(
    receiver: Receiver, intake: MemoryIntake, door: Door, signal: Signal
) -> None:
    item = batch(signal)
    before = intake.items()
    assert await door.send(receiver, item), "a request that the intake takes is answered with OK"
    assert intake.items() == before + item.items, "OK means that the intake has it"
    intake.answers.append(Refused("full", 1.0))
    assert not await door.send(receiver, item), "a refusal reaches the sender"
    assert intake.items() == before + item.items
    intake.answers.append(Rejected("not wanted"))
    try:
        await door.send(receiver, item)
    except Rejected:
        pass
    else:
        msg = "a rejection reaches the sender"
        raise AssertionError(msg)
    assert intake.items() == before + item.items


async def _check_taken_address(receiver: Receiver) -> None:
    line: str | None = None
    try:
        await receiver.start()
    except StartError as error:
        line = str(error)
    finally:
        await receiver.stop()
    assert line is not None, "two receivers on one address"
    assert "\n" not in line, "a start error is one line"


async def check_extension(make: Callable[[], Extension]) -> None:
    """An extension starts, and stops however often it is told."""
    await make().stop()
    extension = make()
    await extension.start(MemoryHost())
    await asyncio.sleep(0)
    await extension.stop()
    await extension.stop()


async def check_fetcher(make: Callable[[MemoryIntake], Receiver]) -> None:
    """A receiver that fetches goes on after every answer, and offers again what was refused.

    Args:
        make: Builds a fresh one that fetches metrics at least twice a second.
    """
    intake = MemoryIntake()
    await make(intake).stop()
    receiver = make(intake)
    await receiver.start()
    try:
        await _until_taken(intake, 2)
        intake.answers.extend([Refused("full", 0.0), Rejected("not wanted")])
        await _until_taken(intake, len(intake.taken) + 2)
        assert not intake.answers, "every answer was met"
    finally:
        await receiver.stop()
        await receiver.stop()
    before = len(intake.taken)
    await asyncio.sleep(0)
    assert len(intake.taken) == before, "nothing comes after the end"
    for taken in intake.taken:
        assert taken.signal is Signal.METRICS
        assert taken.items == inspect(taken.signal, taken.payload).items, "items are counted right"


async def _until_taken(intake: MemoryIntake, count: int) -> None:
    async with asyncio.timeout(_LONGEST_FETCH_SECONDS):
        while len(intake.taken) < count:  # noqa: ASYNC110 - whoever fetches tells nobody
            await asyncio.sleep(0.01)
