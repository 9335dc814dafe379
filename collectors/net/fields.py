"""Field types and blocks that component configurations share.

Names and defaults are the OpenTelemetry Collector's. Where ours differ, the field says
so with `differs`, and `collector print-config` prints it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr
from pydantic.config import JsonDict

from collectors.component import Config
from collectors.net import duration

SECOND: Final = 1_000_000_000
"""Nanoseconds in a second."""

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
"""Longest OTLP request taken, before and after decompression (OTLP specification)."""

DIFFERS: Final = "fleetslo_differs"
"""Key of a field's extra schema that holds the Collector's own default, for print-config."""


class Claim(StrEnum):
    """What a field wants for its component alone, as metadata of its type."""

    ADDRESS = "address"
    FILE = "file"


@runtime_checkable
class Remarked(Protocol):
    """An entry of a list, about which print-config has something to say."""

    def remark(self) -> str:
        """What; empty for nothing."""
        ...


_LEAST_BARE_NS: Final = 1_000

_SIZE: Final = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB)?")
_UNITS: Final = {
    "": 1,
    "B": 1,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
}


def differs(collector_default: str) -> JsonDict:
    """What `json_schema_extra` of a field holds whose default is not the Collector's."""
    return {DIFFERS: collector_default}


def _to_bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        msg = f"must be a size such as 10GiB or 500MB, got {value!r}"
        raise ValueError(msg)
    return int(match[1]) * _UNITS[match[2] or ""]


def _to_ns(value: object) -> object:
    if isinstance(value, str):
        return duration.parse(value)
    if isinstance(value, int) and 0 < value < _LEAST_BARE_NS:
        msg = f"must have a unit: a bare {value} is nanoseconds, write {value}s or {value}ms"
        raise ValueError(msg)
    return value


def _not_negative(value: int) -> int:
    if value < 0:
        msg = f"must not be negative, got {value}"
        raise ValueError(msg)
    return value


Size = Annotated[int, BeforeValidator(_to_bytes)]
"""Bytes; in YAML also with a unit, such as ``10GiB``."""

Nanoseconds = Annotated[
    int,
    BeforeValidator(_to_ns),
    AfterValidator(_not_negative),
    PlainSerializer(duration.show, return_type=str, when_used="json"),
]
"""A Go duration in YAML, nanoseconds in code; a bare number is nanoseconds, as in Go.

Less than a microsecond without a unit is refused: whoever writes `interval: 30` means seconds.
"""


def split_address(text: str) -> tuple[str, int]:
    """Part ``host:port``; ``[::1]:4317`` has its brackets taken off, an empty host is any.

    Raises:
        ValueError: No port, or one outside 0 to 65535.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        msg = f"must be host:port with a port from 0 to 65535, got {text!r}"
        raise ValueError(msg)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        msg = f"an IPv6 address needs brackets, write [{host}]:{port}, got {text!r}"
        raise ValueError(msg)
    return host, int(port)


def _address(value: str) -> str:
    split_address(value)
    return value


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        msg = f"must start with http:// or https://, got {value!r}"
        raise ValueError(msg)
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address), Claim.ADDRESS]
"""Where a server listens: ``host:port``."""

OutputFile = Annotated[Path, Claim.FILE]
"""A file that is written by one component alone."""


def shown_url(url: str) -> str:
    """`url` as it may be printed and logged: without a password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:**********@{host}"))


Url = Annotated[
    str, AfterValidator(_url), PlainSerializer(shown_url, return_type=str, when_used="json")
]
"""Where a client goes, without trailing slash."""

Headers = dict[str, SecretStr]
"""Request headers; values are never printed."""

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


def _always_on(value: bool) -> bool:
    if not value:
        msg = "must be true: what is acknowledged waits on disk for every destination, got false"
        raise ValueError(msg)
    return value


class RetryConfig(Config):
    """`retry_on_failure`: how long and how often a destination is tried again.

    Attributes:
        max_elapsed_time: 0 for ever, which is the default: what was acknowledged is kept.
    """

    enabled: bool = True
    initial_interval: Nanoseconds = 5 * SECOND
    randomization_factor: Annotated[float, Field(ge=0, le=1)] = 0.5
    multiplier: Annotated[float, Field(ge=1)] = 1.5
    max_interval: Nanoseconds = 30 * SECOND
    max_elapsed_time: Nanoseconds = Field(default=0, json_schema_extra=differs("5m"))


class QueueConfig(Config):
    """`sending_queue`: the outbox as one destination sees it. It is on disk, always.

    Attributes:
        num_consumers: Requests under way at a time, 1 to 1000.
        on_full: What happens when the disk budget is full because of this destination:
            ``refuse`` new telemetry, or ``dead_letter`` the oldest of this destination.
    """

    enabled: Annotated[bool, AfterValidator(_always_on)] = True
    num_consumers: Annotated[int, Field(ge=1, le=1000)] = 10
    on_full: Annotated[str, Field(pattern="^(refuse|dead_letter)$")] = Field(
        default="refuse", json_schema_extra=differs("(newest is dropped)")
    )


class DestinationConfig(Config):
    """Base of an exporter that sends."""

    sending_queue: QueueConfig = QueueConfig()
    retry_on_failure: RetryConfig = RetryConfig()
