r"""Fields of records by path, such as `attributes.host\.name` or `body.request.id`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

_DOT: Final = re.compile(r"(?<!\\)\.")
_ROOTS: Final = ("attributes", "body")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where a field stands.

    Attributes:
        root: `attributes` or `body`.
        path: Names below it; only of the body there may be none.
    """

    root: str
    path: tuple[str, ...]

    @property
    def is_attribute(self) -> bool:
        """Whether it is an attribute itself, and not inside of one."""
        return self.root == "attributes" and len(self.path) == 1


class _Pairs(Protocol):
    """A repeated field."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> KeyValue: ...

    def __delitem__(self, place: int, /) -> None: ...


def parse(text: str) -> FieldPath:
    """Read a path.

    Raises:
        ValueError: It does not begin with `attributes.` or `body`, or names nothing.
    """
    root, *path = (part.replace(r"\.", ".") for part in _DOT.split(text))
    if root not in _ROOTS or "" in path or (root == "attributes" and not path):
        msg = f"a field must be attributes.NAME, body or body.NAME, got {text!r}"
        raise ValueError(msg)
    return FieldPath(root, tuple(path))


def without(payload: bytes, fields: Sequence[FieldPath]) -> bytes:
    """The request with every record less these fields; as many records, in their order."""
    request = ExportLogsServiceRequest.FromString(payload)
    for record in _records(request):
        for field in fields:
            if field.root == "attributes":
                _remove(record.attributes, field.path)
            elif record.body.WhichOneof("value") == "kvlist_value":
                _remove(record.body.kvlist_value.values, field.path)
    return request.SerializeToString()


def only(payload: bytes, fields: Sequence[FieldPath]) -> bytes:
    """The request with nothing but these fields in records that have one of them."""
    request = ExportLogsServiceRequest.FromString(payload)
    for record in _records(request):
        kept = LogRecord()
        for field in fields:
            found = _value(record, field)
            if found is not None:
                name = ".".join((field.root, *field.path))
                kept.attributes.add(key=name).value.CopyFrom(found)
        if kept.attributes:
            record.CopyFrom(kept)
    return request.SerializeToString()


def _records(request: ExportLogsServiceRequest) -> Iterable[LogRecord]:
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            yield from scope.log_records


def _value(record: LogRecord, field: FieldPath) -> AnyValue | None:
    if field.root == "body":
        value = record.body if record.HasField("body") else None
    else:
        value = AnyValue()
        value.kvlist_value.values.extend(record.attributes)
    for name in field.path:
        if value is None or value.WhichOneof("value") != "kvlist_value":
            return None
        inner = [pair.value for pair in value.kvlist_value.values if pair.key == name]
        if not inner:
            return None
        value = inner[-1]
    return value


def _remove(pairs: _Pairs, path: tuple[str, ...]) -> None:
    for place in range(len(pairs) - 1, -1, -1):
        pair = pairs[place]
        if pair.key != path[0]:
            continue
        if len(path) == 1:
            del pairs[place]
        elif pair.value.WhichOneof("value") == "kvlist_value":
            _remove(pair.value.kvlist_value.values, path[1:])
