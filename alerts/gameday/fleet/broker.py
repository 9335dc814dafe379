"""The message queue: named queues, calls with answers, topics, over loopback TCP.

A message that was taken and not answered goes back to the front of its queue when its
taker's connection ends, and to the dead-letter queue after the third attempt.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.frames import Body

ATTEMPTS: Final = 3
DEAD_LETTERS: Final = "dead-letters"

Handler = Callable[[Body], Body]
Listener = Callable[[Body], None]


@dataclass(slots=True)
class _Letter:
    queue: str
    body: Body
    headers: dict[str, str]
    at: float
    sender: _Peer | None
    call: int
    attempts: int = 0


@dataclass(slots=True, eq=False)
class _Peer:
    writer: asyncio.StreamWriter
    held: dict[int, _Letter] = field(default_factory=dict[int, _Letter])
    topics: set[str] = field(default_factory=set[str])

    def send(self, frame: Body) -> None:
        if not self.writer.is_closing():
            self.writer.write(frames.encode(frame))


class Broker:
    """Queues and topics of one fleet. All methods belong to the event loop's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._queues: defaultdict[str, deque[_Letter]] = defaultdict(deque)
        self._takers: defaultdict[str, deque[_Peer]] = defaultdict(deque)
        self._peers: set[_Peer] = set()
        self._handlers: dict[str, Handler] = {}
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._tags = itertools.count(1)
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on a free port of loopback, and say which."""
        self._server = await asyncio.start_server(
            self._converse, "127.0.0.1", 0, limit=frames.LINE_BYTES
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close every connection. Safe twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for peer in tuple(self._peers):
            peer.writer.close()

    def serve(self, queue: str, handler: Handler) -> None:
        """Answer calls to `queue` here, at once."""
        self._handlers[queue] = handler

    def listen(self, topic: str, listener: Listener) -> None:
        """Hear what is published on `topic`."""
        self._listeners[topic].append(listener)

    def put(self, queue: str, body: Body) -> None:
        """Put a message of the broker's own process into `queue`."""
        self._enqueue(_Letter(queue, body, {}, self._clock(), None, 0))

    def publish(self, topic: str, body: Body) -> None:
        """Tell everybody who listens to `topic`."""
        for listener in self._listeners[topic]:
            listener(body)
        for peer in self._peers:
            if topic in peer.topics:
                peer.send({"op": "event", "topic": topic, "body": body})

    def depth(self, queue: str) -> int:
        """Messages that wait in `queue`."""
        return len(self._queues[queue])

    def oldest_seconds(self, queue: str) -> float:
        """How long the oldest message of `queue` has waited; 0 when it is empty."""
        waiting = self._queues[queue]
        return self._clock() - waiting[0].at if waiting else 0.0

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _Peer(writer)
        self._peers.add(peer)
        try:
            while (frame := await frames.read(reader)) is not None:
                self._take_frame(peer, frame)
        except asyncio.CancelledError:
            pass  # the loop ends; so does the conversation
        finally:
            self._part(peer)
            writer.close()

    def _take_frame(self, peer: _Peer, frame: Body) -> None:
        match frames.text(frame, "op"):
            case "put":
                self._put(peer, frame)
            case "take":
                self._takers[frames.text(frame, "queue")].append(peer)
                self._match(frames.text(frame, "queue"))
            case "answer":
                self._answer(peer, frame)
            case "subscribe":
                peer.topics.add(frames.text(frame, "topic"))
            case "publish":
                self.publish(frames.text(frame, "topic"), frames.table(frame, "body"))
            case unknown:
                peer.send({"op": "error", "text": f"unknown operation {unknown!r}"})

    def _put(self, peer: _Peer, frame: Body) -> None:
        queue = frames.text(frame, "queue")
        call = int(frames.number(frame, "call"))
        handler = self._handlers.get(queue)
        if handler is not None:
            answer = handler(frames.table(frame, "body"))
            peer.send({"op": "answer", "call": call, "body": answer})
            return
        sender = peer if call else None
        self._enqueue(
            _Letter(
                queue,
                frames.table(frame, "body"),
                frames.strings(frame, "headers"),
                self._clock(),
                sender,
                call,
            )
        )

    def _enqueue(self, letter: _Letter) -> None:
        self._queues[letter.queue].append(letter)
        self._match(letter.queue)

    def _match(self, queue: str) -> None:
        takers, waiting = self._takers[queue], self._queues[queue]
        while takers and waiting:
            peer = takers.popleft()
            if peer.writer.is_closing():
                continue
            letter = waiting.popleft()
            wait = self._clock() - letter.at
            letter.attempts += 1
            tag = next(self._tags)
            peer.held[tag] = letter
            peer.send(
                {
                    "op": "message",
                    "queue": queue,
                    "tag": tag,
                    "wait": wait,
                    "body": letter.body,
                    "headers": dict(letter.headers),
                }
            )

    def _answer(self, peer: _Peer, frame: Body) -> None:
        letter = peer.held.pop(int(frames.number(frame, "tag")), None)
        if letter is not None and letter.sender is not None:
            body = frames.table(frame, "body")
            letter.sender.send({"op": "answer", "call": letter.call, "body": body})

    def _part(self, peer: _Peer) -> None:
        self._peers.discard(peer)
        for takers in self._takers.values():
            while peer in takers:
                takers.remove(peer)
        for letter in reversed(peer.held.values()):
            queue = letter.queue if letter.attempts < ATTEMPTS else DEAD_LETTERS
            self._queues[queue].appendleft(letter)
            self._match(queue)
        peer.held.clear()
