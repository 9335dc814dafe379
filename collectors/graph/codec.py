"""Words kept beside payloads in the logs, and the container that a snapshot is.

Words are JSON, so that a person can read what lies in a buffer. The container is
length-prefixed: states are bytes that only their component understands.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from collectors.component import Context

_LENGTHS = struct.Struct("<II")


class Unreadable(ValueError):  # noqa: N818 - said of bytes, as `Malformed` is
    """Bytes that are not what they should be, though their checksum holds."""


@dataclass(frozen=True, slots=True)
class InboxWords:
    """Beside a request in the inbox: which receiver took it, from whom, and its hash.

    Attributes:
        letter: The dead letter that it was, if it was requeued; else -1.
    """

    receiver: str
    context: Context
    digest: str = ""
    letter: int = -1

    def encode(self) -> bytes:
        """As bytes."""
        words: dict[str, object] = {"r": self.receiver, "d": self.digest}
        if self.letter >= 0:
            words["q"] = self.letter
        return _dump({**words, **_context(self.context)})

    @classmethod
    def decode(cls, data: bytes) -> InboxWords:
        """From bytes; raises Unreadable."""
        words = _load(data)
        return cls(
            _text(words, "r"), _read_context(words), _text(words, "d"), _number(words, "q", -1)
        )


@dataclass(frozen=True, slots=True)
class OutboxWords:
    """Beside a batch in the outbox: where it came from, and who is to get it.

    Attributes:
        origin: Offset of the inbox record whose step made it; -1 for a requeued letter.
        index: Its place among the outputs of that step; the letter's offset.
    """

    origin: int
    index: int
    pipeline: str
    destinations: tuple[str, ...]
    context: Context

    def encode(self) -> bytes:
        """As bytes."""
        return _dump(
            {
                "o": self.origin,
                "i": self.index,
                "p": self.pipeline,
                "t": list(self.destinations),
                **_context(self.context),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> OutboxWords:
        """From bytes; raises Unreadable."""
        words = _load(data)
        targets = words.get("t")
        if not isinstance(targets, list):
            msg = "outbox record without destinations"
            raise Unreadable(msg)
        names = tuple(str(name) for name in cast("list[object]", targets))
        return cls(
            _number(words, "o"), _number(words, "i"), _text(words, "p"), names, _read_context(words)
        )


@dataclass(frozen=True, slots=True)
class DeadWords:
    """Beside a dead letter: why, from where, and for whom it was meant.

    Attributes:
        stage: ``graph`` (the payload is a request of the inbox) or ``delivery``.
        destination: Who did not take it; empty for the graph.
        origin: Offset in the inbox.
        index: Output of the step; -1 for the request itself.
        receiver: Who took the request, where it is one.
    """

    reason: str
    stage: str
    destination: str
    pipeline: str
    origin: int
    index: int
    context: Context
    receiver: str = ""

    def encode(self) -> bytes:
        """As bytes."""
        return _dump(
            {
                "why": self.reason,
                "stage": self.stage,
                "to": self.destination,
                "r": self.receiver,
                "p": self.pipeline,
                "o": self.origin,
                "i": self.index,
                **_context(self.context),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> DeadWords:
        """From bytes; raises Unreadable."""
        words = _load(data)
        return cls(
            _text(words, "why"),
            _text(words, "stage"),
            _text(words, "to"),
            _text(words, "p"),
            _number(words, "o"),
            _number(words, "i"),
            _read_context(words),
            _text(words, "r"),
        )


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Put named states into one; the same states give the same bytes."""
    packed: list[bytes] = []
    for name in sorted(parts):
        key = name.encode()
        packed += (_LENGTHS.pack(len(key), len(parts[name])), key, parts[name])
    return b"".join(packed)


def unpack(data: bytes) -> dict[str, bytes]:
    """Take apart what `pack` made; raises Unreadable."""
    parts: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        if at + _LENGTHS.size > len(data):
            msg = f"state ends in the middle, at byte {at} of {len(data)}"
            raise Unreadable(msg)
        key_length, length = _LENGTHS.unpack_from(data, at)
        start = at + _LENGTHS.size + key_length
        if start + length > len(data):
            msg = f"state ends in the middle, at byte {at} of {len(data)}"
            raise Unreadable(msg)
        parts[data[at + _LENGTHS.size : start].decode()] = data[start : start + length]
        at = start + length
    return parts


def _context(context: Context) -> dict[str, object]:
    words: dict[str, object] = {}
    if context.tenant:
        words["ten"] = context.tenant
    if context.peer:
        words["peer"] = context.peer
    if context.headers:
        words["hdr"] = [list(pair) for pair in context.headers]
    return words


def _read_context(words: Mapping[str, object]) -> Context:
    pairs = words.get("hdr", [])
    headers = tuple(
        (str(pair[0]), str(pair[1])) for pair in cast("list[list[object]]", pairs) if len(pair) == 2
    )
    return Context(str(words.get("ten", "")), str(words.get("peer", "")), headers)


def _dump(words: Mapping[str, object]) -> bytes:
    return json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode()


def _load(data: bytes) -> dict[str, object]:
    try:
        words: object = json.loads(data)
    except ValueError as error:
        msg = f"words of a record are not JSON: {error}"
        raise Unreadable(msg) from error
    if not isinstance(words, dict):
        msg = "words of a record are not an object"
        raise Unreadable(msg)
    return cast("dict[str, object]", words)


def _text(words: Mapping[str, object], key: str) -> str:
    return str(words.get(key, ""))


def _number(words: Mapping[str, object], key: str, absent: int = 0) -> int:
    value = words.get(key, absent)
    if not isinstance(value, int):
        msg = f"{key} of a record is not a number"
        raise Unreadable(msg)
    return value
