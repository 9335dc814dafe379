"""How a destination and the disk are shared: turns, fair shares, and what waits at a reload."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from pathlib import Path

import pytest

from collectors.component import Batch, Context, Delivery, Refused, TryLater
from collectors.service.concurrency import Concurrency
from collectors.service.plan import QueueSettings
from collectors.service.shares import Shares, holder
from tests.collector_parts import ScriptedExporter, spans
from tests.collector_setup import TRACES, Setup, down, running, until
from tests.unit.collectors.test_service_delivery import bench


class Backend:
    """Takes so many requests at once, and refuses the rest."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.busy = 0
        self.most = 0
        self.taken = self.refused = 0

    async def ask(self, turns: Concurrency) -> None:
        begun = await turns.begin()
        self.busy += 1
        self.most = max(self.most, self.busy)
        fits = self.busy <= self.capacity
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.busy -= 1
        if fits:
            self.taken += 1
            turns.answered(0.01)
        else:
            self.refused += 1
            turns.refused(begun)
        turns.end()


def test_a_destination_gets_about_as_many_requests_as_it_takes() -> None:
    async def scenario() -> None:
        turns, backend = Concurrency(32), Backend(4)
        await asyncio.gather(*(backend.ask(turns) for _ in range(100)))
        backend.taken = backend.refused = backend.most = 0
        await asyncio.gather(*(backend.ask(turns) for _ in range(2000)))
        assert backend.most <= 6
        assert backend.refused < 0.2 * backend.taken
        assert turns.busy == 0

    asyncio.run(scenario())


def test_after_an_outage_there_is_one_request_first_and_then_slowly_more() -> None:
    turns = Concurrency(16)
    for _ in range(10):
        turns.refused(asyncio.run(begun(turns)))
    assert turns.limit == 1

    limits: list[int] = []
    for _ in range(200):
        turns.answered(0.01)
        limits.append(turns.limit)

    assert limits[:4] == [2, 2, 2, 3]  # one more for each round of answers
    assert limits[-1] == 16


async def begun(turns: Concurrency) -> int:
    number = await turns.begin()
    turns.end()
    return number


def test_requests_that_fail_together_count_once() -> None:
    async def scenario() -> None:
        turns = Concurrency(16)
        numbers = [await turns.begin() for _ in range(16)]
        for number in numbers:
            turns.refused(number)
            turns.end()
        assert turns.limit == 8

    asyncio.run(scenario())


def test_slow_answers_are_no_invitation_to_send_more() -> None:
    turns = Concurrency(16)
    for _ in range(4):
        turns.refused(asyncio.run(begun(turns)))
    turns.answered(0.01)
    before = turns.limit
    for _ in range(3):
        turns.answered(0.5)

    assert turns.limit == before


def test_a_cancelled_wait_gives_its_turn_to_the_next() -> None:
    async def scenario() -> None:
        turns = Concurrency(1)
        await turns.begin()
        first = asyncio.create_task(turns.begin())
        second = asyncio.create_task(turns.begin())
        await asyncio.sleep(0)
        turns.end()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        async with asyncio.timeout(5):
            await second

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_turns_stay_within_the_limit(seed: int) -> None:
    lot = random.Random(seed)

    async def scenario() -> None:
        turns, busy = Concurrency(8), 0

        async def ask() -> None:
            nonlocal busy
            begun = await turns.begin()
            busy += 1
            assert busy <= 8
            for _ in range(lot.randrange(3)):
                await asyncio.sleep(0)
            busy -= 1
            if lot.random() < 0.3:
                turns.refused(begun)
            else:
                turns.answered(lot.random())
            turns.end()

        tasks = [asyncio.create_task(ask()) for _ in range(300)]
        for task in tasks[::7]:
            task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert 1 <= turns.limit <= 8

    asyncio.run(scenario())


def test_above_half_of_the_budget_a_tenant_holds_at_most_its_fair_share() -> None:
    shares = Shares()
    shares.add(0, "loud", 600)
    shares.add(1, "quiet", 10)

    assert shares.allows("loud", 10, 400, 1000)  # below half anybody may
    assert not shares.allows("loud", 10, 610, 1000)
    assert shares.allows("quiet", 10, 610, 1000)
    assert shares.allows("new", 10, 610, 1000)
    shares.passed(256)
    assert shares.allows("loud", 10, 610, 1000)  # it holds nothing any more


def test_a_lone_tenant_may_have_the_whole_budget() -> None:
    shares = Shares()
    shares.add(0, "only", 900)

    assert shares.allows("only", 50, 900, 1000)


def test_a_share_is_the_tenants_or_else_the_hosts() -> None:
    assert holder(Context("t", "10.0.0.1:5")) == "t"
    assert holder(Context("", "10.0.0.1:5")) == "10.0.0.1"


async def one_after_the_other(requests: Sequence[Coroutine[object, object, None]]) -> None:
    """Send until one is refused; the others are let go."""
    try:
        for request in requests:
            await request
            await asyncio.sleep(0.001)  # the graph's thread is to see it
    finally:
        for request in requests:
            request.close()


def test_a_loud_sender_is_refused_before_a_quiet_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(down), max_size_bytes=4 << 20)
        async with running(setup):
            intake = setup.receivers[-1].intake

            async def send(peer: str, name: str) -> None:
                await intake.submit(TRACES, spans(name + "x" * 5000), 1, Context(peer=peer))

            await send("10.0.0.2:1", "quiet")
            loud = [send("10.0.0.1:1", f"{number}") for number in range(400)]
            with pytest.raises(Refused, match=r"10.0.0.1 holds its fair share") as caught:
                await one_after_the_other(loud)
            assert 1.0 <= caught.value.retry_after_seconds <= 2.0
            await send("10.0.0.2:1", "still")

    asyncio.run(scenario())


def test_at_a_reload_what_was_sent_is_heard_and_what_waits_stays(tmp_path: Path) -> None:
    answer = asyncio.Event()

    class Slow(ScriptedExporter):
        async def deliver(self, batch: Batch) -> Delivery:
            if b"refused" in batch.payload:
                self.attempts.append(batch)
                raise TryLater("down")  # noqa: EM101 - a test
            self.attempts.append(batch)
            await answer.wait()
            self.taken.append(batch)
            return Delivery()

    async def scenario() -> None:
        exporter = Slow()
        settings = QueueSettings(max_items=1, initial_interval_seconds=3600, num_consumers=4)
        async with bench(tmp_path, exporter, settings) as on:
            on.put("refused")
            on.put("slow")
            await until(lambda: len(exporter.attempts) >= 2)
            finishing = asyncio.create_task(on.destination.finish(10))
            await asyncio.sleep(0)
            on.put("late")
            on.destination.queue.wake()
            answer.set()
            await finishing
            assert exporter.names == ["slow"]
            assert on.destination.cursor.saved() == (0, (1,))

    asyncio.run(scenario())
