"""The message queue of the fleet, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from alerts.gameday.fleet.broker import ATTEMPTS, DEAD_LETTERS, Broker
from alerts.gameday.fleet.line import Line, LineClosedError

Scene = Callable[[Broker, int], Awaitable[None]]


def play(scene: Scene, broker: Broker | None = None) -> None:
    async def run() -> None:
        queue = broker or Broker()
        port = await queue.start()
        try:
            async with asyncio.timeout(10):
                await scene(queue, port)
        finally:
            await queue.stop()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_a_call_is_answered_by_who_takes_it_and_carries_the_headers() -> None:
    async def scene(_: Broker, port: int) -> None:
        asker, worker = await Line.open(port), await Line.open(port)
        asked = asyncio.create_task(asker.call("work", {"n": 1}, {"traceparent": "00-ab"}))

        message = await worker.take("work")
        worker.answer(message, {"n": 2})

        assert message.body == {"n": 1}
        assert message.headers == {"traceparent": "00-ab"}
        assert await asked == {"n": 2}
        await asker.close()
        await worker.close()

    play(scene)


def test_messages_are_taken_in_the_order_they_came() -> None:
    async def scene(_: Broker, port: int) -> None:
        line = await Line.open(port)
        for number in range(5):
            line.send("work", {"n": number})

        taken = [(await line.take("work")).body["n"] for _ in range(5)]

        assert taken == [0, 1, 2, 3, 4]
        await line.close()

    play(scene)


def test_what_a_dead_taker_held_is_taken_by_another() -> None:
    async def scene(_: Broker, port: int) -> None:
        sender, first, second = [await Line.open(port) for _ in range(3)]
        sender.send("work", {"n": 1})
        await first.take("work")

        await first.close()

        assert (await second.take("work")).body == {"n": 1}
        await sender.close()
        await second.close()

    play(scene)


def test_a_message_that_kills_every_taker_ends_among_the_dead_letters() -> None:
    async def scene(broker: Broker, port: int) -> None:
        sender = await Line.open(port)
        sender.send("work", {"n": 1})
        for _ in range(ATTEMPTS):
            taker = await Line.open(port)
            await taker.take("work")
            await taker.close()

        dead = await sender.take(DEAD_LETTERS)

        assert dead.body == {"n": 1}
        assert broker.depth("work") == 0
        await sender.close()

    play(scene)


def test_depth_and_age_speak_of_what_waits() -> None:
    now = [100.0]

    async def scene(broker: Broker, _: int) -> None:
        assert broker.oldest_seconds("work") == 0.0

        broker.put("work", {})
        now[0] += 7.0
        broker.put("work", {})

        assert broker.depth("work") == 2
        assert broker.oldest_seconds("work") == 7.0

    play(scene, Broker(clock=lambda: now[0]))


def test_the_wait_is_measured_by_the_queues_own_clock() -> None:
    now = [100.0]

    async def scene(broker: Broker, port: int) -> None:
        broker.put("work", {})
        now[0] += 3.5
        line = await Line.open(port)

        assert (await line.take("work")).wait_seconds == 3.5
        await line.close()

    play(scene, Broker(clock=lambda: now[0]))


def test_a_topic_reaches_all_who_listen() -> None:
    async def scene(broker: Broker, port: int) -> None:
        heard: list[object] = []
        both = asyncio.Event()
        listener, speaker = await Line.open(port), await Line.open(port)

        def hear(body: object) -> None:
            heard.append(body)
            if len(heard) == 2:
                both.set()

        listener.subscribe("news", hear)
        broker.listen("news", hear)
        broker.serve("ping", lambda body: body)
        await listener.call("ping", {})  # the subscription stands when this is answered
        speaker.publish("news", {"n": 1})
        await both.wait()

        assert heard == [{"n": 1}, {"n": 1}]
        await listener.close()
        await speaker.close()

    play(scene)


def test_a_service_of_the_brokers_own_process_answers_at_once() -> None:
    async def scene(broker: Broker, port: int) -> None:
        broker.serve("store", lambda body: {"got": body["x"]})
        line = await Line.open(port)

        assert await line.call("store", {"x": 1}) == {"got": 1}
        await line.close()

    play(scene)


def test_who_waits_is_told_when_the_queue_is_gone() -> None:
    async def scene(broker: Broker, port: int) -> None:
        line = await Line.open(port)
        waiting = asyncio.create_task(line.take("work"))
        await asyncio.sleep(0)
        await broker.stop()

        with pytest.raises(LineClosedError):
            await waiting
        await line.close()

    play(scene)


def test_a_call_that_nobody_takes_times_out() -> None:
    async def scene(_: Broker, port: int) -> None:
        line = await Line.open(port)

        with pytest.raises(TimeoutError):
            await line.call("work", {}, timeout_seconds=0.05)
        await line.close()

    play(scene)
