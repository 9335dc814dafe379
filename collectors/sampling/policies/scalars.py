"""Serialized attribute values as the plain value that a policy asks for, else None.

What the kernel has validated is read without protobuf where it has its usual form.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.wire.values import is_short_string

_BOOL_TAG: Final = 0x10
_INT_TAG: Final = 0x18
_SHORT: Final = 2  # a tag and one byte
_ONE_BYTE: Final = 0x80


def string_of(value: bytes) -> str | None:
    """The text that an `AnyValue` is; None where it is something else."""
    if is_short_string(value):
        return value[2:].decode()
    found = AnyValue.FromString(value)
    return found.string_value if found.WhichOneof("value") == "string_value" else None


def number_of(value: bytes) -> int | float | None:
    """The number that an `AnyValue` is, whole or not; None where it is something else."""
    if len(value) == _SHORT and value[0] == _INT_TAG and value[1] < _ONE_BYTE:
        return value[1]
    found = AnyValue.FromString(value)
    match found.WhichOneof("value"):
        case "int_value":
            return found.int_value
        case "double_value":
            return found.double_value
        case _:
            return None


def boolean_of(value: bytes) -> bool | None:
    """The yes or no that an `AnyValue` is; None where it is something else."""
    if len(value) == _SHORT and value[0] == _BOOL_TAG and value[1] < _ONE_BYTE:
        return bool(value[1])
    found = AnyValue.FromString(value)
    return found.bool_value if found.WhichOneof("value") == "bool_value" else None
