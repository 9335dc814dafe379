"""The part of a W3C trace state that is OpenTelemetry's: `ot=rv:...;th:...`.

Source: OpenTelemetry specification, "TraceState Handling"; W3C, "Trace Context", 3.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from collectors.sampling.thresholds import (
    DIGITS,
    show,
    show_randomness,
)
from collectors.wire.keep import delimited

_MAX_MEMBERS: Final = 32
_VENDOR: Final = "ot"
SPAN_FIELD: Final = b"\x1a"  # Span.trace_state
_RANDOMNESS: Final = re.compile(r"[0-9a-f]{14}")
_THRESHOLD: Final = re.compile(r"[0-9a-f]{1,14}")
_OTHER: Final = re.compile(r"[a-z][a-z0-9]*:[A-Za-z0-9._-]*")


class BadState(ValueError):  # noqa: N818 - said of a state
    """A trace state that breaks the rules; the text says which."""


@dataclass(frozen=True, slots=True)
class State:
    """A trace state.

    Attributes:
        randomness: `rv`, None where it is not given.
        threshold: `th`, likewise.
        others: OpenTelemetry's other keys, as they stand.
        vendors: The other members of the list, as they stand.
    """

    randomness: int | None = None
    threshold: int | None = None
    others: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()

    def text(self) -> str:
        """As a header has it; what changed comes first."""
        parts = list[str]()
        if self.randomness is not None:
            parts.append(f"rv:{show_randomness(self.randomness)}")
        if self.threshold is not None:
            parts.append(f"th:{show(self.threshold)}")
        parts += self.others
        own = (f"{_VENDOR}={';'.join(parts)}",) if parts else ()
        return ",".join((*own, *self.vendors))


def parse(text: str) -> State:
    """Read a trace state; an empty one is a state too.

    Raises:
        BadState: It breaks the rules.
    """
    members = [member.strip() for member in text.split(",") if member.strip()]
    if len(members) > _MAX_MEMBERS:
        msg = f"{len(members)} members, {_MAX_MEMBERS} are allowed"
        raise BadState(msg)
    own = [value for key, _, value in (of.partition("=") for of in members) if key == _VENDOR]
    if len(own) > 1:
        msg = f"{_VENDOR} stands twice"
        raise BadState(msg)
    vendors = tuple(of for of in members if of.partition("=")[0] != _VENDOR)
    return _own(own[0], vendors) if own else State(vendors=vendors)


def parse_randomness(text: str) -> int:
    """Read `rv`; raises BadState."""
    if not _RANDOMNESS.fullmatch(text):
        msg = f"rv must be 14 hexadecimal digits, got {text!r}"
        raise BadState(msg)
    return int(text, 16)


def parse_threshold(text: str) -> int:
    """Read `th`; raises BadState."""
    if not _THRESHOLD.fullmatch(text):
        msg = f"th must be 1 to 14 hexadecimal digits, got {text!r}"
        raise BadState(msg)
    return int(text.ljust(DIGITS, "0"), 16)


def _own(text: str, vendors: tuple[str, ...]) -> State:
    randomness = limit = None
    others: list[str] = []
    for item in text.split(";"):
        key, _, value = item.partition(":")
        if key == "rv":
            randomness = parse_randomness(value)
        elif key == "th":
            limit = parse_threshold(value)
        elif _OTHER.fullmatch(item):
            others.append(item)
        else:
            msg = f"not a key of {_VENDOR}: {item!r}"
            raise BadState(msg)
    return State(randomness, limit, tuple(others), vendors)


def readable(value: bytes) -> State | None:
    """The trace state in `value`, None where it breaks the rules."""
    try:
        return parse(value.decode())
    except BadState:
        return None


def restated(payload: bytes, entry: list[int], spot: list[int], text: bytes) -> bytes:
    """A span with another trace state, which a reader takes from the last field of its kind.

    Args:
        payload: The request.
        entry: The span's row of `Scan.entries`.
        spot: Where its trace state stands, (0, 0) where it has none.
        text: The new one.
    """
    _, body, end, _ = entry
    start, stop = spot
    new = delimited(text, SPAN_FIELD)
    if stop:
        head = delimited(payload[start:stop], SPAN_FIELD)
        cut = stop - len(head)
        if cut >= body and payload[cut:stop] == head:
            return payload[body:cut] + payload[stop:end] + new
    return payload[body:end] + new
