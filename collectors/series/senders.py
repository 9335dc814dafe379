"""One state for each tenant and its kept headers: what two of them send is never mixed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection
from typing import Final, Protocol

from collectors.component import Batch, Context, Emit, Processor
from collectors.graph import pack, unpack
from collectors.series.counts import Counts

MAX_SENDERS: Final = 100
"""States that are kept at most; batches of further ones pass unchanged, and are counted."""


class Part(Processor, Protocol):
    """A processor of the batches of one sender."""

    def begin_again(self) -> None:
        """See `Cumulative.begin_again`."""
        ...


class PerSender:
    """A processor that parts its batches by who sent them."""

    def __init__(
        self,
        make: Callable[[Context], Part],
        counts: Counts,
        headers: Collection[str] = (),
        most: int = MAX_SENDERS,
    ) -> None:
        """Begin with nobody known.

        Args:
            make: The part of a sender.
            counts: Told what passes for want of room.
            headers: Names of the only headers that tell senders apart; without any all do.
            most: Senders that are known at most; batches of further ones pass unchanged.
        """
        self._make = make
        self._counts = counts
        self._headers = frozenset(headers)
        self._most = most
        self._parts: dict[Context, Part] = {}

    def step(self, batch: Batch, out: Emit) -> None:
        """Let the sender's part take `batch` over."""
        sender = self._sender(batch.context)
        part = self._parts.get(sender)
        if part is None:
            if len(self._parts) >= self._most:
                self._counts.treated("overflow", batch.items)
                out(batch)
                return
            part = self._make(sender)
        part.step(batch, out)
        self._parts[sender] = part

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Let those act whose time has come."""
        for part in self._parts.values():
            deadline = part.next_deadline()
            if deadline is not None and deadline <= steady_ns:
                part.tick(steady_ns, out)

    def next_deadline(self) -> int | None:
        """When the first of them wants to act."""
        deadlines = [part.next_deadline() for part in self._parts.values()]
        return min((of for of in deadlines if of is not None), default=None)

    def held_items(self) -> int:
        """Points that wait to be put out."""
        return sum(part.held_items() for part in self._parts.values())

    def snapshot(self) -> bytes:
        """The state of each."""
        senders = [[of.tenant, of.headers] for of in self._parts]
        parts = {str(place): part.snapshot() for place, part in enumerate(self._parts.values())}
        return pack({"senders": json.dumps(senders).encode(), **parts})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._parts = {}
        for place, (tenant, headers) in enumerate(json.loads(parts["senders"])):
            sender = Context(tenant, headers=tuple((name, value) for name, value in headers))
            part = self._parts[sender] = self._make(sender)
            part.restore(parts[str(place)])

    def begin_again(self) -> None:
        """Forget what cannot be proven any more."""
        for part in self._parts.values():
            part.begin_again()

    def _sender(self, context: Context) -> Context:
        kept = tuple(of for of in context.headers if not self._headers or of[0] in self._headers)
        return dataclasses.replace(context, peer="", headers=kept, transport="")
