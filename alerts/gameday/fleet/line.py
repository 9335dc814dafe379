"""An agent's connection to the message queue."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.frames import Body, Message


class LineClosedError(ConnectionError):
    """The message queue is gone."""


class Line:
    """One connection: send, call, take, answer, subscribe. Use from one event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, asyncio.Future[Body]] = {}
        self._waiters: defaultdict[str, deque[asyncio.Future[Message]]] = defaultdict(deque)
        self._listeners: dict[str, Callable[[Body], None]] = {}
        self._numbers = itertools.count(1)
        self._pump = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to the broker on `port` of loopback."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=frames.LINE_BYTES)
        return cls(reader, writer)

    async def close(self) -> None:
        """Hang up. Safe twice."""
        self._writer.close()
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump

    def send(self, queue: str, body: Body, headers: Mapping[str, str] | None = None) -> None:
        """Put a message into `queue` and expect no answer."""
        self._write({"op": "put", "queue": queue, "body": body, "headers": dict(headers or {})})

    async def call(
        self,
        queue: str,
        body: Body,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = 10.0,
    ) -> Body:
        """Put a message into `queue` and wait for the answer.

        Raises:
            TimeoutError: No answer in `timeout_seconds`.
            LineClosedError: The message queue is gone.
        """
        number = next(self._numbers)
        future: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._calls[number] = future
        try:
            self._write(
                {
                    "op": "put",
                    "queue": queue,
                    "call": number,
                    "body": body,
                    "headers": dict(headers or {}),
                }
            )
            async with asyncio.timeout(timeout_seconds):
                return await future
        finally:
            self._calls.pop(number, None)

    async def take(self, queue: str) -> Message:
        """The next message of `queue`; it is ours until we answer it.

        Raises:
            LineClosedError: The message queue is gone.
        """
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiters[queue].append(future)
        self._write({"op": "take", "queue": queue})
        return await future

    def answer(self, message: Message, body: Body) -> None:
        """Settle `message`; its sender gets `body` if it waits for an answer."""
        self._write({"op": "answer", "tag": message.tag, "body": body})

    def subscribe(self, topic: str, listener: Callable[[Body], None]) -> None:
        """Hear what is published on `topic`."""
        self._listeners[topic] = listener
        self._write({"op": "subscribe", "topic": topic})

    def publish(self, topic: str, body: Body) -> None:
        """Tell everybody who listens to `topic`."""
        self._write({"op": "publish", "topic": topic, "body": body})

    def _write(self, frame: Body) -> None:
        if self._writer.is_closing():
            msg = "the message queue is gone"
            raise LineClosedError(msg)
        self._writer.write(frames.encode(frame))

    async def _read(self) -> None:
        try:
            while (frame := await frames.read(self._reader)) is not None:
                self._dispatch(frame)
        finally:
            self._writer.close()
            for waiting in self._waiters.values():
                _hang_up(waiting)
            _hang_up(self._calls.values())

    def _dispatch(self, frame: Body) -> None:
        match frames.text(frame, "op"):
            case "answer":
                future = self._calls.pop(int(frames.number(frame, "call")), None)
                if future is not None and not future.done():
                    future.set_result(frames.table(frame, "body"))
            case "message":
                self._deliver(frame)
            case "event":
                listener = self._listeners.get(frames.text(frame, "topic"))
                if listener is not None:
                    listener(frames.table(frame, "body"))
            case _:
                pass  # an operation of a later version

    def _deliver(self, frame: Body) -> None:
        waiters = self._waiters[frames.text(frame, "queue")]
        message = Message(
            frames.table(frame, "body"),
            frames.strings(frame, "headers"),
            int(frames.number(frame, "tag")),
            frames.number(frame, "wait"),
        )
        while waiters:
            future = waiters.popleft()
            if not future.done():
                future.set_result(message)
                return


def _hang_up(waiting: Iterable[asyncio.Future[Body]] | Iterable[asyncio.Future[Message]]) -> None:
    """Tell those who wait; those who no longer do shall not be warned about."""
    for future in waiting:
        if not future.done():
            future.set_exception(LineClosedError("the message queue is gone"))
            future.exception()
