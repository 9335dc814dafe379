"""The `google.rpc.Status` that OTLP answers carry, with `RetryInfo` where a retry helps."""

from __future__ import annotations

from typing import Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

INVALID_ARGUMENT: Final = 3
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

_LONGEST_MESSAGE: Final = 1024
"""Characters: a Status travels in a header, and headers have limits (8 KiB in gRPC)."""


def retry_info(seconds: float) -> RetryInfo:
    """The hint to come again after `seconds`, at least 0."""
    nanoseconds = max(int(seconds * 1_000_000_000), 0)
    delay = Duration(seconds=nanoseconds // 1_000_000_000, nanos=nanoseconds % 1_000_000_000)
    return RetryInfo(retry_delay=delay)


def status(code: int, message: str, retry_seconds: float | None = None) -> Status:
    """The message that says why, and when to come again."""
    answer = Status(code=code, message=message[:_LONGEST_MESSAGE])
    if retry_seconds is not None:
        detail = AnyMessage()
        detail.Pack(retry_info(retry_seconds))
        answer.details.append(detail)
    return answer
