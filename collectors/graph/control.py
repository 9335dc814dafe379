"""What the daemon tells the graph through the inbox: all that may influence it but data.

A graph that reads the same inbox does the same, because there is nothing else to read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from collectors.graph.codec import Unreadable
from collectors.log import Entry, Kind


@dataclass(frozen=True, slots=True)
class Tick:
    """The steady time of this record has come, and a processor asked for it."""


@dataclass(frozen=True, slots=True)
class Configured:
    """From here on records are taken under this configuration and this software."""

    fingerprint: str
    version: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Record `offset` ended the process too often; it goes to dead letters unprocessed."""

    offset: int


@dataclass(frozen=True, slots=True)
class Restart:
    """What was counted before cannot be proven: all totals begin at zero here."""

    reason: str


@dataclass(frozen=True, slots=True)
class DecideEarly:
    """The disk fills with what waits: the oldest is decided on until so few bytes wait."""

    most_bytes: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands, after a repair, where records up to `until` (not with it) were damaged."""

    until: int
    items: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Requeued:
    """Among the dead letters: these were put back, and are none any more."""

    letters: tuple[int, ...]


Control = Tick | Configured | Skip | Restart | DecideEarly | Lost | Requeued


def control_entry(control: Control, steady_ns: int, wall_ns: int) -> Entry:
    """The entry that carries `control`."""
    words: dict[str, object]
    match control:
        case Tick():
            words = {"control": "tick"}
        case Configured(fingerprint, version):
            words = {"control": "configured", "fingerprint": fingerprint, "version": version}
        case Skip(offset):
            words = {"control": "skip", "offset": offset}
        case Restart(reason):
            words = {"control": "restart", "why": reason}
        case DecideEarly(most_bytes):
            words = {"control": "decide_early", "most_bytes": most_bytes}
        case Lost(until, items):
            words = {"control": "lost", "until": until, "items": items}
        case Requeued(letters):
            words = {"control": "requeued", "letters": letters}
    meta = json.dumps(words, separators=(",", ":")).encode()
    return Entry(Kind.CONTROL, None, 0, steady_ns, wall_ns, meta, b"")


def read_control(meta: bytes) -> Control:  # noqa: PLR0911 - one for each control
    """The control that `meta` carries; raises Unreadable."""
    words = json.loads(meta)
    match words:
        case {"control": "tick"}:
            return Tick()
        case {"control": "configured", "fingerprint": str(fingerprint), "version": str(version)}:
            return Configured(fingerprint, version)
        case {"control": "skip", "offset": int(offset)}:
            return Skip(offset)
        case {"control": "restart", "why": str(reason)}:
            return Restart(reason)
        case {"control": "decide_early", "most_bytes": int(most_bytes)}:
            return DecideEarly(most_bytes)
        case {"control": "lost", "until": int(until), "items": [int(a), int(b), int(c)]}:
            return Lost(until, (a, b, c))
        case {"control": "requeued", "letters": [*letters]}:
            return Requeued(tuple(int(letter) for letter in letters))
        case _:
            msg = f"unknown control record: {meta[:80]!r}"
            raise Unreadable(msg)
