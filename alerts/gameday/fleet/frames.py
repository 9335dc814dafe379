"""Messages between the processes of the fleet: JSON lines over loopback, with headers.

The headers carry the W3C trace context, as the headers of any message broker would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Body: TypeAlias = "dict[str, Json]"
Obey: TypeAlias = Callable[[Body], None]

LINE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """What one agent sends to another, through a queue.

    Attributes:
        tag: By which the broker knows it until it is answered; 0 before it is sent.
        wait_seconds: How long it stood in its queue.
    """

    body: Body
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    tag: int = 0
    wait_seconds: float = 0.0


def encode(frame: Body) -> bytes:
    """One frame as a line."""
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"


async def read(reader: asyncio.StreamReader) -> Body | None:
    """The next frame, or None at the end of the connection."""
    try:
        line = await reader.readline()
    except (ConnectionError, ValueError):
        return None
    if not line.endswith(b"\n"):
        return None
    frame: Json = json.loads(line)
    return frame if isinstance(frame, dict) else None


def text(body: Body, key: str) -> str:
    """The string under `key`, empty when it is not there."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def number(body: Body, key: str) -> float:
    """The number under `key`, 0 when it is not there."""
    value = body.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def flag(body: Body, key: str) -> bool:
    """Whether `key` is true."""
    return body.get(key) is True


def table(body: Body, key: str) -> Body:
    """The object under `key`, empty when it is not there."""
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def strings(body: Body, key: str) -> dict[str, str]:
    """The object of strings under `key`; what is not a string is left out."""
    return {k: v for k, v in table(body, key).items() if isinstance(v, str)}
